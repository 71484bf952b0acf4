"""What a result is called, and which earlier one it may replace.

1. A name says what was run: task and model, then what is not as usual (dictionary, heads, guide,
   null, size, seed), as in `colours-my-gpt2-topk-heads-seed1`. Command line and app use the same.
2. Two results of one model, task, dictionary and settings are one request made twice: the later
   takes the earlier one's place. Nothing else is ever replaced unless a person says so.
3. In a store, what would replace another result gets a number: `colours-my-gpt2-2`.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from core.assets import CIRCUITS
from core.bundle.files import PROVENANCE
from core.choices import DEFAULT_KIND
from core.errors import FormatError
from core.names import slug, task_name
from core.pipeline.settings import RunSettings
from core.store import plain

USUAL: Mapping[str, Any] = {field.name: field.default for field in fields(RunSettings)}
"""Settings as they are unless a person changes them."""


class Request(NamedTuple):
    """What a result was made from, as its provenance has it."""

    model: str
    """Content key."""
    task: str
    """Content key."""
    settings: Mapping[str, Any]
    transcoders: str | None = None
    """Content key; None where it is not known yet."""

    def made(self, folder: Path) -> bool:
        """Whether the result in this folder is of this request, as far as it is known."""
        record = _record(folder)
        try:
            same = (
                record["model"]["key"] == self.model
                and record["task"]["key"] == self.task
                and self.transcoders in (None, record["transcoders"]["key"])
            )
            return same and record["settings"] == self.settings
        except (KeyError, TypeError):
            return False


def request_of(model: str, task: str, settings: RunSettings, coders: str | None = None) -> Request:
    """A request by content keys of its parts."""
    return Request(model=model, task=task, settings=plain(settings), transcoders=coders)


def result_name(task: str, model: str, dictionary: str, settings: RunSettings) -> str:
    """What a result is called unless a person names it.

    Args:
        task: Reference of the task.
        model: Reference of the model.
        dictionary: Reference or kind of the transcoders.
        settings: Of the run.
    """
    coders = slug(Path(dictionary).name)
    parts = [task_name(task), Path(model).name, "" if coders == DEFAULT_KIND else coders]
    parts += [_unusual(settings, *row) for row in PARTS]
    return "-".join(slug(part) for part in parts if part)


PARTS = (
    ("attention", "heads"),
    ("guide", "{}"),
    ("null", "{}"),
    ("size", "size{}"),
    ("max_size", "max{}"),
    ("seed", "seed{}"),
)
"""Settings that a name tells where they are not as usual, and how."""


def _unusual(settings: RunSettings, name: str, form: str) -> str:
    value = getattr(settings, name)
    return "" if value == USUAL[name] else form.format(value)


def free_folder(results: Path, name: str, request: Request) -> Path:
    """Where a result goes in a store: nothing of another request, here or bundled, has its name."""
    return next(
        folder
        for folder in (results / numbered for numbered in _numbered(name))
        if request.made(folder) or not (folder.exists() or (CIRCUITS / folder.name).exists())
    )


def replaced(folder: Path) -> str:
    """What a run says of the earlier result whose place it takes; empty where there is none."""
    when = str(_record(folder).get("created", ""))[:16].replace("T", " ")
    return f"{folder.name} replaces the result of {when} UTC: same question." if when else ""


def _numbered(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name}-{number}" for number in count(2))


def check_own(folder: Path, request: Request) -> None:
    """Refuse to replace the result of another request.

    Raises:
        FormatError: If the folder holds one.
    """
    if not (folder / PROVENANCE).exists() or request.made(folder):
        return
    raise FormatError(
        f"{folder} holds another result ({_told(folder)}). A new or empty folder, or an earlier "
        "result of the same model, task, transcoders and settings, is required. Name another "
        "folder with --out, or replace this one with --force."
    )


def _told(folder: Path) -> str:
    """What a result was made from, in a few words."""
    record = _record(folder)
    try:
        settings, told = record["settings"], [Path(record["model"]["ref"]).name]
        told += [Path(record["transcoders"]["ref"]).name]
        told += [f"attention {settings['attention']}", f"seed {settings['seed']}"]
        return ", ".join([task_name(record["task"]["ref"]), *told])
    except (KeyError, TypeError):
        return "it cannot be told of what"


def _record(folder: Path) -> Any:
    """provenance.json of a folder, unchecked; empty where it cannot be read."""
    try:
        return json.loads((folder / PROVENANCE).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
