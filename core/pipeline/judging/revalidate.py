"""Validates a stored circuit again, on its own test split or on another task file.

The circuit is what the bundle says it is; nothing is searched, and everything that a run measures
of its circuit is measured. Another task has to suit it: the same prompt length, so that positions
mean the same. A second look at a bundle's own test split is for checking the published figures, not
for choosing by them.
"""

from pathlib import Path
from typing import Any

from core.bundle import open_bundle
from core.errors import TaskError
from core.lab import Lab
from core.models import suited_threads
from core.pipeline.judging.finished import stored_circuit
from core.pipeline.judging.validation import Grounds, validated
from core.pipeline.prepare import Prepared, prepare
from core.pipeline.progress import OnProgress, ignore
from core.tasks import Split, load_task
from core.transcoders import measure_transcoders
from core.validation import ValidationSettings


def revalidate(
    folder: Path,
    task: str | None = None,
    settings: ValidationSettings | None = None,
    progress: OnProgress = ignore,
) -> dict[str, Any]:
    """The content of a new `validation.json` for the bundle in `folder`.

    Args:
        folder: Of the bundle.
        task: Bundled name or file of other prompts; None takes the circuit's own.
        settings: How hard to test; the defaults if None.
        progress: Told of steps of the stage `validate`; raise there to cancel.

    Raises:
        CoreError: If the bundle, its model, its transcoders or the task cannot be used together.
    """
    lab = Lab(open_bundle(folder))
    with suited_threads(lab.model):
        return _validated(lab, task, settings or ValidationSettings(), progress)


def _validated(
    lab: Lab, task: str | None, settings: ValidationSettings, progress: OnProgress
) -> dict[str, Any]:
    own = prepare(lab.model, lab.task)
    prepared = own if task is None else _other(own, task, lab.bundle.name)
    grounds = Grounds(
        prepared=prepared,
        searched=own,
        coders=lab.transcoders,
        quality=measure_transcoders(lab.model, lab.transcoders, own.batches[Split.SELECTION]),
    )
    found = validated(grounds, stored_circuit(lab.bundle), settings, progress)
    return found | {"task": prepared.task.name, "bundle": lab.bundle.name}


def _other(own: Prepared, task: str, name: str) -> Prepared:
    """Another task on the same model, refused where positions would mean something else."""
    other = prepare(own.model, load_task(task, tokenizer=own.model.tokenizer))
    if other.length != own.length:
        raise TaskError(
            f"Task {other.task.name} has prompts of up to {other.length} tokens; the circuit "
            f"{name} was found on prompts of {own.length}. The same length is required, so that "
            "positions mean the same. Use prompts of that length, or run the task anew."
        )
    return other
