"""`hagd import`: takes in what others made, checked first.

A result folder is checked file by file and copied into the store, where the app lists it. A graph
file of Neuronpedia or circuit-tracer is checked against their schema and kept as a graph.
"""

from dataclasses import replace
from itertools import chain, count
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType

from core.cli.names import slug
from core.cli.options import Json, StoreDir
from core.cli.output import emit, shown, tell
from core.errors import FormatError

Source = Annotated[
    Path, typer.Argument(metavar="FILE", help="A result folder, or a graph as JSON.")
]


def command(source: Source, store: StoreDir = None, as_json: Json = False) -> None:
    """Take in a result folder or a Neuronpedia graph."""
    from core.store import open_store

    if not source.exists():
        raise FormatError(
            f"There is nothing at {source}. A result folder, or a graph of Neuronpedia or "
            "circuit-tracer as a JSON file, is required. Check the path."
        )
    with open_store(store, tell) as opened:
        if source.is_dir():
            report = _import_bundle(source, opened.results_dir)
        else:
            report = _import_graph(source, opened.layout.root / "graphs")
    emit(report, as_json, lambda: _text(report))


def _text(report: dict[str, Any]) -> RenderableType:
    lines = [f"Imported {report['kind']} {report['name']}: {report['path']}"]
    if report["kind"] == "graph":
        lines.append(f"{report['nodes']} nodes, {report['edges']} edges, from {report['producer']}")
    return Group(*map(shown, [*lines, *report.get("notes", ())]))


def _import_bundle(source: Path, results: Path) -> dict[str, Any]:
    from core.bundle import locate, open_bundle, write_bundle

    bundle = open_bundle(source)
    name = _free_name(results, bundle.name)
    record = dict(bundle.provenance)
    for part in ("model", "transcoders", "task"):
        # relative to the folder it comes from; writing makes it relative to the new one
        record[part] = {**record[part], "ref": locate(record[part]["ref"], source.absolute())}
    written = write_bundle(replace(bundle, name=name, provenance=record), results / name)
    return {"kind": "circuit", "name": name, "path": str(written.path)}


def _import_graph(source: Path, graphs: Path) -> dict[str, Any]:
    from core.graph import save_graph
    from core.interop import read_neuronpedia
    from core.store import write_whole

    found = read_neuronpedia(source)
    name = _free_name(graphs, source.stem)
    folder = graphs / name
    folder.mkdir(mode=0o700, parents=True)
    save_graph(found.graph, folder / "graph.safetensors")
    write_whole(folder / "graph.json", source.read_bytes())
    return {
        "kind": "graph",
        "name": name,
        "path": str(folder),
        "nodes": found.graph.n_nodes,
        "edges": found.graph.n_edges,
        "groups": len(found.groups),
        "producer": found.producer,
        "prompt": found.prompt,
        "notes": list(found.notes),
    }


def _free_name(folder: Path, wanted: str) -> str:
    """The name, with a number if it is taken: nothing that is there is replaced."""
    plain = slug(wanted)
    numbered = (f"{plain}-{number}" for number in count(2))
    return next(name for name in chain([plain], numbered) if not (folder / name).exists())
