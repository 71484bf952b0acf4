"""`hagd run`: the whole pipeline, from a model and a task to a validated bundle."""

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from core.choices import DEFAULT_GUIDE, GuideName, Null
from core.circuit import Attention
from core.cli.findings import report_text
from core.cli.meter import Meter
from core.cli.options import Coders, Draws, Json, Model, Seed, StoreDir, Task
from core.cli.output import emit, tell

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
Size = Annotated[
    int | None,
    typer.Option(
        "--size",
        metavar="N",
        max=1_000_000,
        help="Nodes of the circuit; else the smallest that does the task.",
        show_default=False,
    ),
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
    from core.bundle import FILES, locate
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
    report["transcoders"] = locate(bundle.provenance["transcoders"]["ref"], bundle.path)
    emit(report, as_json, lambda: report_text(report))
