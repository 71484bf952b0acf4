"""What a worker process of the app does: a whole run, told to the job that asked for it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.circuit import Attention
from core.figures import figure
from core.pipeline.progress import RunProgress
from core.pipeline.run import RunRequest, run_task
from core.pipeline.settings import RunSettings
from explorer.jobs.files import Report


def run(settings: Mapping[str, Any], report: Report) -> Mapping[str, Any]:
    """One run of the pipeline; its bundle stands in the store's results afterwards.

    Args:
        settings: `model`, `task`, `transcoders`, `max_size`, `seed`, and `name`, `guide` and
            `attention` where they were chosen.
        report: Told of every step.

    Returns:
        `name`, `sentence`, `verdict` of the circuit, and whether a dictionary was `trained`.
    """

    trained = False

    def tell(step: RunProgress) -> None:
        nonlocal trained
        trained |= step.stage == "transcoders" and step.total > 1
        report(step.stage, step.done, step.total, step.note)

    request = RunRequest(
        model=_whole(settings["model"]),
        task=_whole(settings["task"]),
        transcoders=_whole(settings.get("transcoders") or "") or None,
        name=settings.get("name"),
        command="New run in the library",
    )
    report("prepare")
    chosen = RunSettings(
        max_size=int(settings["max_size"]),
        seed=int(settings["seed"]),
        attention=Attention(settings.get("attention", Attention.LIVE)),
        **{name: settings[name] for name in ("guide",) if name in settings},
    )
    bundle = run_task(request, chosen, progress=tell)
    found = bundle.validation
    sentence = f"{len(bundle.circuit.nodes)} nodes, F {figure(found['faithfulness'])}."
    told = {"name": bundle.name, "sentence": sentence, "verdict": found["verdict"]}
    return told | {"trained": trained}


def _whole(ref: str) -> str:
    """A path that begins at a home folder (`~`) written out; any other reference as it is."""
    return str(Path(ref).expanduser()) if "/" in ref else ref
