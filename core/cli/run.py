"""`hagd run`: the whole pipeline, from a model and a task to a validated bundle."""

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType

from core.choices import DEFAULT_GUIDE, GuideName, Null
from core.circuit import Attention
from core.cli.meter import Meter
from core.cli.options import Json, Model, Seed, StoreDir, Task
from core.cli.output import emit, shown, table, tell
from core.verdicts import probability, verdict_shown

Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="DIR",
        help="Folder of the result bundle; else it goes into the store, where the app shows it.",
        show_default=False,
    ),
]
Name = Annotated[
    str | None,
    typer.Option(
        "--name",
        metavar="TEXT",
        help="What the circuit is called; else by task, model and what is not as usual.",
        show_default=False,
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace another result that --out holds.")]
Coders = Annotated[
    str | None,
    typer.Option(
        "--transcoders",
        metavar="DIR",
        help="A folder, `nested`, `topk`, `clt` or `neurons`; else the bundled ones, or new ones "
        "trained on the task's prompts and kept.",
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
AttentionOption = Annotated[
    Attention,
    typer.Option(
        "--attention",
        help="`live`: all heads stay live and none is counted. `circuit`: heads are nodes too, and "
        "those that are not kept are ablated.",
    ),
]
GuideOption = Annotated[
    GuideName | None,
    typer.Option(
        "--guide",
        help="What the search looks at first: influence on the logits, the part of it that a "
        "resample moves (the default), or the graph network's prediction. "
        "benchmarks/results/guide_study.md compares them.",
        show_default=False,
    ),
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
    name: Name = None,
    force: Force = False,
    transcoders: Coders = None,
    size: Size = None,
    draws: Draws = 100,
    attention: AttentionOption = Attention.LIVE,
    guide: GuideOption = None,
    null: NullOption = "none",
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

    settings = RunSettings(
        size=size,
        draws=draws,
        seed=seed,
        attention=attention,
        guide=guide or DEFAULT_GUIDE,
        null=null,
    )
    with open_store(store, tell) as opened, Meter() as meter:
        request = RunRequest(
            model=model,
            task=task,
            out=out and new_folder(out, FILES),
            transcoders=transcoders,
            name=name,
            replaces="any" if force else "own",
            command=shlex.join(["hagd", *sys.argv[1:]]),
        )

        def progress(step: Any) -> None:
            meter.show(step.stage, step.done, step.total, step.note)

        bundle = run_task(request, settings, store=opened, progress=progress)
    report = {
        "out": str(bundle.path),
        "name": bundle.name,
        "title": bundle.title,
        **bundle.validation,
    }
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
    reasons += [shown(f"- {line}") for line in section_lines(report)]
    reasons += [shown(f"Note: {note}") for note in report.get("notes", ())]
    verdict = f"Verdict: {verdict_shown(str(report.get('verdict'))).word}"
    where = f"Bundle: {report['out']}"
    errors = [shown(line) for line in error_lines(report.get("dark_matter") or {})]
    return Group(shown(head), table(COLUMNS, rows), verdict, *reasons, *errors, where)


def error_lines(found: dict[str, Any]) -> list[str]:
    """What the dictionary's errors carry in the whole model: a line for each layer, and for all."""
    base = next(iter(found.get("bases") or ()), None)
    if base is None:
        return []
    shares = [f" ({row['unexplained']:.1%} of the variance)" for row in found["layers"]]
    lines = [
        _error_line(f"layer {number}{share}", row)
        for number, (row, share) in enumerate(zip(base["layers"], shares, strict=True))
    ]
    together = base.get("together")
    return [*lines, _error_line("all layers", together)] if together else lines


def _error_line(where: str, row: dict[str, Any]) -> str:
    lost = {name: f"{one['value']:z.3f}" for name, one in row["lost"].items()}
    return (
        f"Dark matter, {where}: {row['verdict']}. F lost with their mean {lost['mean']}, noise of "
        f"equal norm {lost['noise']}, another prompt's {lost['shuffled']}, the corrupt prompt's "
        f"{lost['resampled']}; without their linear part {lost['nonlinear']}, with it alone "
        f"{lost['linear']}."
    )


def section_lines(report: dict[str, Any]) -> list[str]:
    """One line for each further section that has something to say in words, or that failed."""
    sections = {name: report.get(name) for name in (*SECTIONS, "dark_matter")}
    known = {name: found for name, found in sections.items() if isinstance(found, dict)}
    said = [str(found["sentence"]) for found in known.values() if found.get("sentence")]
    return said + [
        f"Section {name} could not be measured: {found['failed']}"
        for name, found in known.items()
        if found.get("failed")
    ]


SECTIONS = ("predictions", "shi", "circularity", "fourier")
"""Further sections of a validation that are summed up in a sentence."""
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
