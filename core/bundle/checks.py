"""Reads the JSON files of a bundle and checks each; needs neither torch nor the graph.

Whatever is wrong is a `FormatError` that names the file, what it holds, and what is required.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.bundle import files
from core.bundle.figures import misfits
from core.bundle.files import SCHEMA
from core.bundle.origin import PARTS, SEAL, seal
from core.errors import CoreError, FormatError, UnknownSchemaError
from core.verdicts import VERDICTS

AGAIN = "Copy the bundle again from where it came, or run the pipeline again."
_MAX_JSON = 256 * 2**20
"""Bytes; a JSON file beyond this is refused before it is parsed."""


def bytes_of(path: Path) -> bytes:
    """A file's bytes, bounded."""
    try:
        if path.stat().st_size > _MAX_JSON and path.suffix == ".json":
            raise damaged(path, f"{path.stat().st_size} bytes", f"at most {_MAX_JSON}")
        return path.read_bytes()
    except OSError as error:
        what = f"nothing that can be read ({error.strerror})"
        raise damaged(path, what, "a file written by this program") from None


def verified(folder: Path, name: str, record: Mapping[str, Any]) -> bytes:
    """A file's bytes, refused if they are not the ones that were written."""
    data = bytes_of(folder / name)
    found = hashlib.sha256(data).hexdigest()
    if found != record["files"].get(name):
        wanted = str(record["files"].get(name))
        raise damaged(folder / name, f"sha256 {found[:12]}…", f"{wanted[:12]}… (as written)")
    return data


def parse(path: Path, data: bytes) -> dict[str, Any]:
    """A JSON object."""
    try:
        value = json.loads(data.decode("utf-8"), parse_constant=_no_constant)
        if b"\\ud" in data.lower():  # half a character, which no page can show, raises here
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise damaged(path, f"text that is not JSON ({str(error)[:80]})", "JSON") from None
    if not isinstance(value, dict):
        raise damaged(path, f"a JSON {type(value).__name__}", "a JSON object")
    return value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def read_as(path: Path, reader: Any, data: dict[str, Any]) -> Any:
    """`reader(data)`, whose refusal then names the file."""
    try:
        return reader(data)
    except UnknownSchemaError as error:
        raise UnknownSchemaError(f"{path}: {error}") from None
    except CoreError as error:
        raise FormatError(f"{path}: {error}") from None


def record_of(folder: Path) -> dict[str, Any]:
    path = folder / files.PROVENANCE
    record = parse(path, bytes_of(path))
    if record.get("schema") != SCHEMA:
        raise UnknownSchemaError(
            f"{path} has an unknown schema: got {record.get('schema')!r}, this version reads "
            f"{SCHEMA!r}. Open it with the version that wrote it. {AGAIN}"
        )
    for part in PARTS:
        entry = record.get(part)
        texts = isinstance(entry, dict) and all(
            isinstance(entry.get(k), str) for k in ("ref", "key")
        )
        if not texts:
            raise damaged(path, f"{part!r}: {entry!r}", "an object with a `ref` and a `key`")
    if not isinstance(record.get("files"), dict):
        raise damaged(path, "no checksums", "the sha256 of every other file under `files`")
    return record


def check_seal(folder: Path, head: Mapping[str, Any], record: Mapping[str, Any]) -> None:
    """Refuse a provenance.json that does not say what it said when circuit.json was written."""
    wanted, found = head.get(SEAL), seal(record)
    if wanted not in (None, found):
        what = f"content with sha256 {found[:12]}…"
        raise damaged(folder / files.PROVENANCE, what, f"{str(wanted)[:12]}… (as written)")


def validation_of(folder: Path, data: bytes) -> dict[str, Any]:
    path = folder / files.VALIDATION
    value = parse(path, data)
    if value.get("verdict") not in tuple(VERDICTS):  # a tuple: what a file holds may be a list
        raise damaged(path, f"verdict {value.get('verdict')!r}", f"one of {', '.join(VERDICTS)}")
    reasons = value.get("reasons")
    if not isinstance(reasons, list) or not all(isinstance(reason, str) for reason in reasons):
        raise damaged(path, f"reasons {reasons!r}"[:80], "a list of sentences")
    for name, found, required in misfits(value):
        raise damaged(path, f"{name} {found!r}"[:80], required)
    return value


def text_of(path: Path, head: Mapping[str, Any], name: str) -> str:
    if not isinstance(head.get(name), str):
        raise damaged(path, f"{name} {head.get(name)!r}"[:80], "text")
    return head[name]


def damaged(path: Path, got: str, required: str) -> FormatError:
    """A refusal that names the file."""
    return FormatError(f"{path} is damaged: got {got}; required {required}. {AGAIN}")
