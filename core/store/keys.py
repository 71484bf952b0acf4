"""Content keys: what a result is called everywhere.

A key is the sha256 of the canonical JSON of (stage, schema, input keys, settings). The same work
always has the same name, so the key is cache key, file name and URL parameter at once.
Canonical: keys sorted, no spaces, UTF-8, no NaN, text keys only; two equal settings can not
differ in bytes. No live object is ever hashed. Where the engine's own code decides what comes out,
its `code_version` is one of the inputs.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePath
from typing import Any

from core.errors import StoreError


def plain(value: Any, at: str = "value") -> Any:
    """The value as JSON can hold it: settings dataclasses, enums, tuples and paths unfolded.

    Raises:
        StoreError: If some part has no one way to be written; the message says where it is.
    """
    if isinstance(value, Enum):
        return plain(value.value, at)
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, PurePath):
        return value.as_posix()
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name), f"{at}.{f.name}") for f in fields(value)}
    if isinstance(value, Mapping):
        return {_text(k, at): plain(v, f"{at}[{k!r}]") for k, v in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [plain(item, f"{at}[{i}]") for i, item in enumerate(value)]
    raise StoreError(
        f"{at} can not be stored: got {type(value).__name__}; text, numbers, true/false, lists and "
        "tables of these are required. Convert it, or pass tensors as the record's tensors."
    )


def _text(key: object, at: str) -> str:
    # json.dumps would write 1 and "1" as the same key, and two different settings would collide
    if isinstance(key, str):
        return key
    raise StoreError(
        f"A table key of {at} is not text: got {key!r} ({type(key).__name__}). Write it as text."
    )


def canonical_json(value: Any) -> bytes:
    """The one way this value is written: UTF-8 bytes.

    Raises:
        StoreError: If a part is not JSON, or a number is NaN or infinite.
    """
    try:
        text = json.dumps(
            plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
        )
    except ValueError as error:
        raise StoreError(
            f"A number in the value is NaN or infinite ({error}); JSON holds finite numbers only. "
            "Write null where there is no number."
        ) from error
    return text.encode()


def stage_key(stage: str, schema: int, inputs: Mapping[str, str], settings: Any) -> str:
    """Name of one stage's result: 64 hex digits.

    Args:
        stage: What is computed, such as "graph".
        schema: Version of what the stage writes; raised whenever its meaning changes.
        inputs: Content key of each input (model, transcoders, task, earlier stages).
        settings: The stage's settings: a dataclass, a table or any JSON value.
    """
    return hashlib.sha256(canonical_json([stage, schema, inputs, settings])).hexdigest()


@cache
def code_version() -> str:
    """The package's version and a hash of the engine's source, so that an edited copy shows."""
    digest = hashlib.sha256()
    root = Path(__file__).resolve().parents[1]
    for file in sorted(root.rglob("*.py")):
        digest.update(file.relative_to(root).as_posix().encode() + file.read_bytes())
    return f"{installed('hagd-explorer')}+{digest.hexdigest()[:12]}"


def installed(name: str) -> str:
    """Version of a package that is installed, or "not installed"."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
