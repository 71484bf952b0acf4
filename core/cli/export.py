"""`hagd export`: a finished circuit for others to use.

html is one page that opens anywhere and drills down by click; bundle is the result folder as a zip;
neuronpedia is the graph as Neuronpedia and circuit-tracer read it, supernodes and labels included;
graphml, csv and scores are tables. What is written is made in `core.share`, as in the app.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from core.cli.options import Circuit, Json, StoreDir
from core.cli.output import emit, tell
from core.names import slug


class Format(StrEnum):
    """What a circuit can be written as: `core.share.Form`, whose import costs seconds."""

    HTML = "html"
    BUNDLE = "bundle"
    NEURONPEDIA = "neuronpedia"
    GRAPHML = "graphml"
    CSV = "csv"
    SCORES = "scores"


FormatOption = Annotated[Format, typer.Option("--format", help="What to write.")]
Page = Annotated[bool, typer.Option("--html", help="The same as --format html.")]
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
    html: Page = False,
    out: Out = None,
    store: StoreDir = None,
    as_json: Json = False,
) -> None:
    """Write a circuit as a web page, a zip, a Neuronpedia graph, GraphML, CSV or its scores."""
    from core.bundle import open_bundle
    from core.cli.inputs import bundle_folder, new_file, new_folder
    from core.share import SUFFIX, Form, give
    from core.store import open_store, write_whole

    form = Form.HTML if html else Form(format.value)
    with open_store(store, tell) as opened:
        bundle = open_bundle(bundle_folder(circuit, opened.results_dir))
    place = out or Path(f"{slug(bundle.name)}{SUFFIX[form]}")
    place = new_folder(place, TABLES) if form is Form.CSV else new_file(place)
    written = []
    for name, content in give(bundle, form).items():
        path = place / name if name else place
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)
        written.append(str(path))
    report = {"name": bundle.name, "format": form.value, "files": written}
    emit(report, as_json, lambda: f"Written: {', '.join(written)}")


TABLES = ("nodes.csv", "edges.csv")
