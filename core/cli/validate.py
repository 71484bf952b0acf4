"""`hagd validate`: a finished circuit, tested again from its files.

All that `hagd run` measures of a circuit, on the test split of its own task or, with --task, on
other prompts of the same form, beside the figures that the bundle holds. Its predictions are told
to be as they were registered, or to have been changed since.
"""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType

from core.cli.findings import report_text
from core.cli.meter import Meter
from core.cli.options import Circuit, Draws, Json, Seed, StoreDir
from core.cli.output import emit, shown, tell

OtherTask = Annotated[
    str | None,
    typer.Option(
        "--task",
        "-t",
        metavar="T",
        help="Validate on these prompts instead of the circuit's own task.",
        show_default=False,
    ),
]


def command(
    circuit: Circuit,
    task: OtherTask = None,
    draws: Draws = 100,
    seed: Seed = 0,
    store: StoreDir = None,
    as_json: Json = False,
) -> None:
    """Validate a circuit again, on its own test prompts or on others."""
    from core.bundle import open_bundle
    from core.cli.inputs import bundle_folder
    from core.store import open_store
    from core.validation import ValidationSettings

    settings = ValidationSettings(draws=draws, seed=seed)
    with open_store(store, tell) as opened:
        folder = bundle_folder(circuit, opened.results_dir)
    bundle = open_bundle(folder)
    found = _validated(folder, task, settings)
    report = {"out": str(folder), "title": bundle.title, **found, "stored": _figures(bundle)}
    emit(report, as_json, lambda: _text(report))


def _validated(folder: Path, task: str | None, settings: Any) -> dict[str, Any]:
    from core.pipeline.judging.revalidate import revalidate

    with Meter() as meter:

        def progress(step: Any) -> None:
            meter.show(step.stage, step.done, step.total, step.note)

        return revalidate(folder, task, settings, progress)


def _figures(bundle: Any) -> dict[str, Any]:
    """What the bundle says of itself, and what the hashes of its predictions show."""
    from core.predictions import standing

    names = ("faithfulness", "phi", "necessity", "verdict", "n_prompts")
    found = {name: bundle.validation.get(name) for name in names}
    return found | {"predictions": standing(bundle.validation.get("predictions") or {})}


def _text(report: dict[str, Any]) -> RenderableType:
    kept = report["stored"]["predictions"]
    return Group(report_text(report), *([shown(f"In the bundle: {kept}")] if kept else []))
