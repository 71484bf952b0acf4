"""What tasks, files and folders are called, from what a person typed or a file says."""

import json
import re
from pathlib import Path

SAYS_NOTHING = frozenset({"task", "tasks", "prompts", "pairs", "data"})
"""Names of task files that say nothing of the task: its folder does."""
TASK_FILES = (".jsonl", ".csv")
MOST_TITLE = 80
"""Letters of a task's title."""
MOST_LINE = 2**18
"""Bytes of a task file's first line that are read for its title."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What has no place in a heading: control characters, marks that turn the direction of writing."""


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
    """What people call a task: its own `title`, else its name: `blue sky` for `blue-sky.jsonl`."""
    return own_title(Path(ref)) or name_in_words(ref)


def name_in_words(ref: str | Path) -> str:
    """A task's name for people, its file unread."""
    return task_name(ref).replace("-", " ").replace("_", " ")


def own_title(path: Path) -> str:
    """What a task file calls itself: `title`, else `name`, of its first line; "" for none.

    One line is read, and no error is raised: a library lists tasks whose file is gone or damaged.
    """
    if path.suffix.lower() != ".jsonl":
        return ""
    try:
        if not path.is_file():  # a pipe of that name would be waited for
            return ""
        with path.open("rb") as file:
            row = json.loads(file.readline(MOST_LINE).decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return ""
    given = [row.get(key) for key in ("title", "name")] if isinstance(row, dict) else []
    plain = (" ".join(_CONTROL.sub(" ", text).split()) for text in given if isinstance(text, str))
    return next((text[:MOST_TITLE].strip() for text in plain if text), "")
