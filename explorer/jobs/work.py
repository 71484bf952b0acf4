"""What a worker process of the app does: a whole run, told to the job that asked for it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.pipeline.progress import RunProgress
from core.pipeline.run import RunRequest, run_task
from core.pipeline.settings import RunSettings
from core.verdicts import figure
from explorer.jobs.files import Report


def run(settings: Mapping[str, Any], report: Report) -> Mapping[str, Any]:
    """One run of the pipeline; its bundle stands in the store's results afterwards.

    Args:
        settings: `model`, `task`, `transcoders`, `max_size`, `seed`, the folder `out`, and
            `guide` and `attention` where they are not the usual ones.
        report: Told of every step.
    """

    def tell(step: RunProgress) -> None:
        report(step.stage, step.done, step.total, step.note)

    name = free_name(Path(settings["out"]), settings)
    request = RunRequest(
        model=str(Path(settings["model"]).expanduser())
        if "/" in settings["model"]
        else settings["model"],
        task=settings["task"],
        transcoders=settings.get("transcoders"),
        out=Path(settings["out"]) / name,
        name=name,
        command="New run in the library",
    )
    report("prepare")
    chosen = RunSettings(
        max_size=int(settings["max_size"]),
        seed=int(settings["seed"]),
        **{name: settings[name] for name in ("guide", "attention") if name in settings},
    )
    bundle = run_task(request, chosen, progress=tell)
    found = bundle.validation
    sentence = f"{len(bundle.circuit.nodes)} nodes, F {figure(found['faithfulness'])}."
    return {"name": bundle.name, "sentence": sentence, "verdict": found["verdict"]}


def free_name(folder: Path, settings: Mapping[str, Any]) -> str:
    """A name for the new circuit that no stored one has."""
    task, model = Path(settings["task"]).stem, Path(settings["model"]).name
    stem = "".join(c if c.isalnum() or c in "-._" else "-" for c in f"{task}-{model}").strip(".-")
    name, again = stem, 1
    while (folder / name).exists():
        again += 1
        name = f"{stem}-{again}"
    return name
