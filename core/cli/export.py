"""`hagd export`: a finished circuit for others to use.

html is one page without scripts or outside links; neuronpedia is the graph as Neuronpedia and
circuit-tracer read it, supernodes and labels included; graphml and csv are tables.
"""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from core.cli.names import slug
from core.cli.options import Json, StoreDir
from core.cli.output import emit, tell


class Format(StrEnum):
    """What a circuit can be written as."""

    HTML = "html"
    NEURONPEDIA = "neuronpedia"
    GRAPHML = "graphml"
    CSV = "csv"


Circuit = Annotated[
    str, typer.Argument(metavar="DIR", help="A result folder, or a name from `hagd results`.")
]
FormatOption = Annotated[Format, typer.Option("--format", help="What to write.")]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="PATH",
        help="File to write (csv: folder); else the circuit's name, here.",
        show_default=False,
    ),
]


def command(
    circuit: Circuit,
    format: FormatOption = Format.HTML,
    out: Out = None,
    store: StoreDir = None,
    as_json: Json = False,
) -> None:
    """Write a circuit as a web page, a Neuronpedia graph, GraphML or CSV."""
    from core.bundle import open_bundle
    from core.cli.inputs import bundle_folder, new_file, new_folder
    from core.store import open_store

    with open_store(store, tell) as opened:
        bundle = open_bundle(bundle_folder(circuit, opened.results_dir))
    if format is Format.CSV:
        place = new_folder(out or Path(f"{slug(bundle.name)}-csv"), ("nodes.csv", "edges.csv"))
    else:
        place = new_file(out or Path(f"{slug(bundle.name)}{SUFFIX[format]}"))
    files = [str(path) for path in WRITERS[format](bundle, place)]
    report = {"name": bundle.name, "format": format.value, "files": files}
    emit(report, as_json, lambda: f"Written: {', '.join(files)}")


SUFFIX = {Format.HTML: ".html", Format.NEURONPEDIA: ".json", Format.GRAPHML: ".graphml"}


def _html(bundle: Any, out: Path) -> list[Path]:
    from core.bundle.contents import REPORT
    from core.store import write_whole

    # the page in the folder, checked against its checksum when the bundle was opened
    write_whole(out, ((bundle.path or out.parent) / REPORT).read_bytes())
    return [out]


def _csv(bundle: Any, out: Path) -> list[Path]:
    from core.cli.export_tables import write_csv

    return write_csv(bundle, out)


def _graphml(bundle: Any, out: Path) -> list[Path]:
    from core.cli.export_tables import write_graphml

    return write_graphml(bundle, out)


def _neuronpedia(bundle: Any, out: Path) -> list[Path]:
    import json

    from core.interop import ExportSettings, to_neuronpedia
    from core.lab import Lab
    from core.pipeline.graphs import order_of
    from core.store import write_whole

    lab, tree = Lab(bundle), bundle.hierarchy
    place = order_of(bundle.graph, bundle.circuit.nodes).tolist()
    labels, names = bundle.labels, [str(node) for node in bundle.circuit.nodes]
    settings = ExportSettings(
        slug=slug(bundle.name),
        direction="answer − wrong",
        labels={p: labels.get(n, n) for p, n in zip(place, names, strict=True) if p >= 0},
        groups={
            f"{tree.name[s]} {labels.get(tree.name[s], '')}".strip(): [
                place[leaf] for leaf in tree.members(s).tolist() if place[leaf] >= 0
            ]
            for s in tree.level(1)
        },
    )
    data = to_neuronpedia(bundle.graph, lab.model, list(lab.task.roles), settings)
    write_whole(out, json.dumps(data, ensure_ascii=False).encode())
    return [out]


WRITERS: dict[Format, Callable[[Any, Path], list[Path]]] = {
    Format.HTML: _html,
    Format.CSV: _csv,
    Format.GRAPHML: _graphml,
    Format.NEURONPEDIA: _neuronpedia,
}
