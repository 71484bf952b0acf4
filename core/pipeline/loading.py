"""Model and task of a run, or what a null run takes in their place; and the gate."""

from pathlib import Path
from typing import NamedTuple

from core.models import LanguageModel, load_model
from core.pipeline.nulls import permuted, same_answer, untrained
from core.pipeline.prepare import Prepared, accuracy, check_gate, prepare
from core.pipeline.settings import BELOW_GATE, RunSettings
from core.tasks import Split, Task, load_task


class Refs(NamedTuple):
    """Where model and task can be found: a bundled name, a path, or a Hub id."""

    model: str
    task: str


def loaded(refs: Refs, settings: RunSettings, keep: Path) -> tuple[Prepared, Refs]:
    """Model and task, or their null; and where they can be found again.

    Args:
        refs: Of the real ones.
        settings: Of the run; says which null, if any.
        keep: Folder for a null's model or task.

    Raises:
        CoreError: If they cannot be loaded or do not go together.
    """
    model = load_model(refs.model)
    task = load_task(refs.task, tokenizer=model.tokenizer)
    if settings.null == "untrained":
        folder = keep / "models" / f"{model.name}-untrained-{settings.seed}"
        fresh = untrained(model, folder, settings.seed)
        return prepare(fresh, task), refs._replace(model=str(folder))
    if settings.null in ("permuted-answers", "same-answer"):
        file = keep / "tasks" / f"{task.name}-{settings.null.split('-')[0]}-{settings.seed}.jsonl"
        dealt = _dealt_anew(model, task, file, settings)
        return prepare(model, dealt), refs._replace(task=str(file))
    return prepare(model, task), refs


def _dealt_anew(model: LanguageModel, task: Task, file: Path, settings: RunSettings) -> Task:
    """The task of a null."""
    if settings.null == "permuted-answers":
        return permuted(task, file, settings.seed)
    return same_answer(task, file, settings.seed, lambda text: len(model.encode(text)))


def gate(prepared: Prepared, settings: RunSettings) -> float:
    """Accuracy on unseen prompts; only a null without a behaviour may go on below the gate.

    Raises:
        GateError: If any other run is below it.
    """
    if settings.null in BELOW_GATE:
        return accuracy(prepared.model, prepared.batches[Split.SELECTION])
    return check_gate(prepared)
