"""`hagd import`: takes in what others made, checked first.

A result folder, or a zip of one, is checked file by file and copied into the store, where the app
lists it. A graph file of Neuronpedia or circuit-tracer is checked against their schema and kept as
a graph.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group, RenderableType

from core.cli.options import Json, StoreDir
from core.cli.output import emit, shown, tell

if TYPE_CHECKING:
    from core.share import Taken

Source = Annotated[
    Path,
    typer.Argument(metavar="FILE", help="A result folder, a zip of one, or a graph as JSON."),
]


def command(source: Source, store: StoreDir = None, as_json: Json = False) -> None:
    """Take in a result folder, a zip of one, or a Neuronpedia graph."""
    from core.share import take_in
    from core.store import open_store

    with open_store(store, tell) as opened:
        taken = take_in(source, opened.layout.root, opened.results_dir)
    report = _report(taken)
    emit(report, as_json, lambda: _text(report))


def _report(taken: "Taken") -> dict[str, Any]:
    return {"kind": taken.kind, "name": taken.name, "path": str(taken.path), **taken.facts}


def _text(report: dict[str, Any]) -> RenderableType:
    lines = [f"Imported {report['kind']} {report['name']}: {report['path']}"]
    if report["kind"] == "graph":
        lines.append(f"{report['nodes']} nodes, {report['edges']} edges, from {report['producer']}")
    return Group(*map(shown, [*lines, *report.get("notes", ())]))
