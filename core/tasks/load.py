"""Finds tasks: bundled ones by name, a person's own by path."""

import json
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

from core.assets import TASKS
from core.errors import TaskError
from core.names import task_name, task_title
from core.tasks.read import read_pairs
from core.tasks.splits import deal_splits
from core.tasks.task import Task

USER_GATE = 0.90
"""Accuracy gate of a person's own task."""


def bundled_tasks() -> tuple[str, ...]:
    """Names of the tasks that come with the program, sorted."""
    return tuple(sorted(p.stem for p in TASKS.glob("*.json") if p.with_suffix(".jsonl").is_file()))


def load_task(
    ref: str | Path, *, seed: int = 0, tokenizer: PreTrainedTokenizerBase | None = None
) -> Task:
    """A bundled task by name, or a task read from a `.jsonl` or `.csv` file.

    Args:
        ref: Bundled name or path.
        seed: Deals the prompts that name no split; bundled tasks name all of theirs.
        tokenizer: The model's, where it is known; see `read_pairs`.

    Raises:
        TaskError: If there is no such task, or the file breaks the rules of `core.tasks.read`.
    """
    if isinstance(ref, str) and ref in bundled_tasks():
        return _bundled(ref)
    path = Path(ref)
    if path.suffix.lower() not in (".jsonl", ".csv"):
        raise TaskError(
            f"Unknown task: got {str(ref)!r}. Required: one of {', '.join(bundled_tasks())}, or "
            "the path of a .jsonl or .csv file. Choose one of them."
        )
    pairs = read_pairs(path, tokenizer)
    return Task(
        name=task_name(path),
        title=task_title(path),
        pairs=pairs,
        splits=deal_splits(pairs, seed),
        gate=USER_GATE,
        source=path.name,
    )


def _bundled(name: str) -> Task:
    about: dict[str, Any] = json.loads((TASKS / f"{name}.json").read_text(encoding="utf-8"))
    pairs = read_pairs(TASKS / f"{name}.jsonl")
    return Task(
        name=name,
        title=about["title"],
        pairs=pairs,
        splits=deal_splits(pairs, about["seed"]),
        gate=about["gate"],
        source="bundled",
        description=about["description"],
        roles=tuple(about["roles"]),
    )
