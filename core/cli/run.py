"""`hagd run`: the whole pipeline, from a model and a task to a validated bundle."""

import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType

from core.cli.meter import Meter
from core.cli.options import Json, Model, Seed, StoreDir, Task
from core.cli.output import emit, shown, table, tell
from core.store.names import slug
from core.verdicts import probability, verdict_shown


class Null(StrEnum):
    """Runs that must not validate."""

    NONE = "none"
    UNTRAINED = "untrained"
    PERMUTED = "permuted-answers"
    SAME_ANSWER = "same-answer"
    SHUFFLED = "shuffled-features"


Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="DIR",
        help="Folder of the result bundle; else it goes into the store, where the app shows it.",
        show_default=False,
    ),
]
Coders = Annotated[
    str | None,
    typer.Option(
        "--transcoders",
        metavar="DIR",
        help="A folder, `nested`, `topk` or `neurons`; else the bundled ones, or new ones trained "
        "on the task's prompts and kept.",
        show_default=False,
    ),
]
Size = Annotated[
    int | None,
    typer.Option(
        "--size",
        metavar="N",
        help="Nodes of the circuit; else the smallest that does the task.",
        show_default=False,
    ),
]
Draws = Annotated[
    # fewer could not give p below 0.01
    int,
    typer.Option("--draws", metavar="N", min=100, help="Random circuits per control."),
]
NullOption = Annotated[
    Null,
    typer.Option(
        "--null",
        help="A control run, which must not validate: no model, no answers, corrupt prompts that "
        "change nothing, or random features at the circuit's places.",
    ),
]


def command(
    model: Model,
    task: Task,
    out: Out = None,
    transcoders: Coders = None,
    size: Size = None,
    draws: Draws = 100,
    null: NullOption = Null.NONE,
    seed: Seed = 0,
    store: StoreDir = None,
    as_json: Json = False,
) -> None:
    """Find the circuit of a task in a model, and validate it."""
    from core.bundle import FILES
    from core.cli.inputs import new_folder
    from core.pipeline.run import RunRequest, run_task
    from core.pipeline.settings import RunSettings
    from core.store import open_store

    settings = RunSettings(size=size, draws=draws, seed=seed, null=null.value)
    with open_store(store, tell) as opened, Meter() as meter:
        folder = (
            out or opened.results_dir / f"{slug(Path(model).name)}-{slug(Path(task).stem)}-{seed}"
        )
        request = RunRequest(
            model=model,
            task=task,
            out=new_folder(folder, FILES),
            transcoders=transcoders,
            command=shlex.join(["hagd", *sys.argv[1:]]),
        )

        def progress(step: Any) -> None:
            meter.show(step.stage, step.done, step.total, step.note)

        bundle = run_task(request, settings, store=opened, progress=progress)
    report = {"out": str(folder), "name": bundle.name, "title": bundle.title, **bundle.validation}
    report["notes"] = list(bundle.provenance["notes"])
    emit(report, as_json, lambda: report_text(report))


def report_text(report: dict[str, Any]) -> RenderableType:
    """A validation as a person reads it: figures beside their controls, then the verdict."""
    rows = _rows(report, report.get("random") or {})
    head = (
        f"{report.get('title', '')}: {report.get('n_nodes')} nodes, {report.get('n_edges')} edges; "
        f"{report.get('n_prompts')} unseen prompts, {report.get('ablation')} ablation, errors "
        f"{report.get('error_regime')}"
    )
    reasons = [shown(f"- {reason}") for reason in report.get("reasons", ())]
    reasons += [shown(f"Note: {note}") for note in report.get("notes", ())]
    verdict = f"Verdict: {verdict_shown(str(report.get('verdict'))).word}"
    where = f"Bundle: {report['out']}"
    return Group(shown(head), table(COLUMNS, rows), verdict, *reasons, where)


COLUMNS = ("", "circuit", "control", "control is")


def _rows(report: dict[str, Any], random: dict[str, Any]) -> list[tuple[object, ...]]:
    """Each figure beside the control that it must beat, by the name `hagd results` gives it."""
    best = f"best of {random.get('n', 0)} matched random circuits"
    rows: list[tuple[object, ...]] = [
        ("faithfulness F", report.get("faithfulness"), random.get("faithfulness_max"), best),
        ("φ = Acc(C)/Acc(M)", report.get("phi"), report.get("phi_empty"), "φ(∅): nothing kept"),
        ("necessity", report.get("necessity"), random.get("necessity_max"), best),
    ]
    rows = [(name, value, control, what if control is not None else "")
            for name, value, control, what in rows]  # fmt: skip
    return [*rows, ("p against random circuits", probability(random.get("p_value")), None, "")]
