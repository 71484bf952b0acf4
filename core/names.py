"""What tasks, files and folders are called, from what a person typed or a file says."""

import re
from pathlib import Path

SAYS_NOTHING = frozenset({"task", "tasks", "prompts", "pairs", "data"})
"""Names of task files that say nothing of the task: its folder does."""
TASK_FILES = (".jsonl", ".csv")


def is_hub_id(ref: str) -> bool:
    """Whether this may be a model on the Hugging Face Hub: `owner/name`."""
    return re.fullmatch(r"[A-Za-z0-9][\w.-]*/[\w.-]+", ref) is not None


def slug(text: str) -> str:
    """The text with everything that could mean something in a path replaced by dashes."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-")[:80] or "unnamed"


def task_name(ref: str | Path) -> str:
    """Short name of a task: a bundled one's own, a file's, or that of the folder it lies in.

    `colours` for `tasks/colours.jsonl` and for `colours/task.jsonl`.
    """
    path = Path(ref)
    if path.suffix.lower() not in TASK_FILES:
        return path.name or str(ref)
    if path.stem.lower() in SAYS_NOTHING:
        return path.absolute().parent.name or path.stem
    return path.stem


def task_title(ref: str | Path) -> str:
    """The same for people: `blue sky` for `blue-sky.jsonl`."""
    return task_name(ref).replace("-", " ").replace("_", " ")
