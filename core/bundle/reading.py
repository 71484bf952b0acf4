"""Opens a bundle, checking every file; lists bundles by their heads.

1. provenance.json says which files there are and their sha256: each is compared; circuit.json has
   the sha256 of what provenance.json says (bundles written before that was kept have not).
2. Each JSON file is read to its own type, which checks every field and range.
3. The files must agree: the tree's leaves are the circuit's nodes, in order.
Whatever is wrong is a `FormatError` that names the file.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from core.bundle import contents
from core.bundle.agreement import AGAIN, check_agreement, damaged
from core.bundle.contents import FILES, VERDICTS, Bundle, BundleInfo
from core.bundle.graph_json import graph_from_json
from core.bundle.provenance import PARTS, SEAL, missing_parts, seal
from core.bundle.writing import SCHEMA
from core.circuit import circuit_from_json
from core.errors import CoreError, FormatError, UnknownSchemaError
from core.hierarchy import Hierarchy

_MAX_JSON = 256 * 2**20
"""Bytes; a JSON file beyond this is refused before it is parsed."""


def open_bundle(folder: str | Path) -> Bundle:
    """Reads and checks a bundle.

    A model, transcoders or task that is not on this computer is no error: `missing` names it, and
    the bundle can be browsed.

    Raises:
        UnknownSchemaError: If a file was written to a schema this version does not know.
        FormatError: If a file is missing, damaged, altered or disagrees with another.
    """
    path = Path(folder)
    record = _provenance(path)
    raw = {name: _verified(path, name, record) for name in FILES if name != contents.PROVENANCE}
    head = _parse(path / contents.CIRCUIT, raw[contents.CIRCUIT])
    _check_seal(path, head, record)
    circuit = _read(path / contents.CIRCUIT, circuit_from_json, head)
    hierarchy_json = _parse(path / contents.HIERARCHY, raw[contents.HIERARCHY])
    graph_json = _parse(path / contents.GRAPH, raw[contents.GRAPH])
    bundle = Bundle(
        path=path,
        name=_text(path / contents.CIRCUIT, head, "name"),
        title=_text(path / contents.CIRCUIT, head, "title"),
        circuit=circuit,
        hierarchy=_read(path / contents.HIERARCHY, Hierarchy.from_json, hierarchy_json),
        graph=_read(path / contents.GRAPH, graph_from_json, graph_json),
        validation=_validation(path, raw[contents.VALIDATION]),
        provenance=record,
        tensors=_tensors(path / contents.TENSORS, raw[contents.TENSORS]),
        labels=_labels(path / contents.CIRCUIT, head),
        missing=missing_parts(record, path),
    )
    check_agreement(bundle, path)
    return bundle


def list_bundles(*roots: str | Path) -> tuple[BundleInfo, ...]:
    """The bundles directly inside these folders, newest first; reads JSON heads only.

    Never raises: a damaged bundle is listed with its error, a missing root holds nothing.
    """
    folders = [child for root in roots for child in _children(Path(root))]
    infos = [_info(folder) for folder in folders if _looks_like_one(folder)]
    return tuple(sorted(infos, key=lambda info: (info.created, info.name), reverse=True))


def _children(root: Path) -> list[Path]:
    try:
        return sorted(child for child in root.iterdir() if not child.name.startswith("."))
    except OSError:
        return []


def _looks_like_one(folder: Path) -> bool:
    try:
        return any((folder / name).is_file() for name in FILES)
    except OSError:
        return False


def _info(folder: Path) -> BundleInfo:
    """The head of one bundle, or its error."""
    try:
        record = _provenance(folder)
        head = _parse(folder / contents.CIRCUIT, _bytes(folder / contents.CIRCUIT))
        _check_seal(folder, head, record)
        circuit = _read(folder / contents.CIRCUIT, circuit_from_json, head)
        validation = _validation(folder, _bytes(folder / contents.VALIDATION))
        return BundleInfo(
            path=folder,
            name=_text(folder / contents.CIRCUIT, head, "name"),
            title=_text(folder / contents.CIRCUIT, head, "title"),
            model=str(record["model"]["ref"]),
            task=str(record["task"]["ref"]),
            n_nodes=len(circuit.nodes),
            verdict=validation["verdict"],
            created=str(record.get("created", "")),
            validation=validation,
            provenance=record,
        )
    except CoreError as error:
        return BundleInfo(path=folder, name=folder.name, error=str(error))
    except Exception as error:  # a listing must survive whatever a folder may hold
        return BundleInfo(path=folder, name=folder.name, error=f"{folder} cannot be read: {error}.")


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MAX_JSON and path.suffix == ".json":
            raise damaged(path, f"{path.stat().st_size} bytes", f"at most {_MAX_JSON}")
        return path.read_bytes()
    except OSError as error:
        what = f"nothing that can be read ({error.strerror})"
        raise damaged(path, what, "a file written by this program") from None


def _verified(path: Path, name: str, record: Mapping[str, Any]) -> bytes:
    """A file's bytes, refused if they are not the ones that were written."""
    data = _bytes(path / name)
    found = hashlib.sha256(data).hexdigest()
    if found != record["files"].get(name):
        wanted = str(record["files"].get(name))
        raise damaged(path / name, f"sha256 {found[:12]}…", f"{wanted[:12]}… (as written)")
    return data


def _parse(path: Path, data: bytes) -> dict[str, Any]:
    """A JSON object."""
    try:
        value = json.loads(data.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise damaged(path, f"text that is not JSON ({str(error)[:80]})", "JSON") from None
    if not isinstance(value, dict):
        raise damaged(path, f"a JSON {type(value).__name__}", "a JSON object")
    return value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _read(path: Path, reader: Any, data: dict[str, Any]) -> Any:
    """`reader(data)`, whose refusal then names the file."""
    try:
        return reader(data)
    except UnknownSchemaError as error:
        raise UnknownSchemaError(f"{path}: {error}") from None
    except CoreError as error:
        raise FormatError(f"{path}: {error}") from None


def _provenance(folder: Path) -> dict[str, Any]:
    path = folder / contents.PROVENANCE
    record = _parse(path, _bytes(path))
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


def _check_seal(folder: Path, head: Mapping[str, Any], record: Mapping[str, Any]) -> None:
    """Refuse a provenance.json that does not say what it said when circuit.json was written."""
    wanted, found = head.get(SEAL), seal(record)
    if wanted not in (None, found):
        what = f"content with sha256 {found[:12]}…"
        raise damaged(folder / contents.PROVENANCE, what, f"{str(wanted)[:12]}… (as written)")


def _validation(folder: Path, data: bytes) -> dict[str, Any]:
    path = folder / contents.VALIDATION
    value = _parse(path, data)
    if value.get("verdict") not in VERDICTS:
        raise damaged(path, f"verdict {value.get('verdict')!r}", f"one of {', '.join(VERDICTS)}")
    reasons = value.get("reasons")
    if not isinstance(reasons, list) or not all(isinstance(reason, str) for reason in reasons):
        raise damaged(path, f"reasons {reasons!r}"[:80], "a list of sentences")
    return value


def _text(path: Path, head: Mapping[str, Any], name: str) -> str:
    if not isinstance(head.get(name), str):
        raise damaged(path, f"{name} {head.get(name)!r}"[:80], "text")
    return head[name]


def _labels(path: Path, head: Mapping[str, Any]) -> dict[str, str]:
    labels = head.get("labels")
    if not isinstance(labels, dict) or not all(isinstance(text, str) for text in labels.values()):
        raise damaged(path, f"labels {labels!r}"[:80], "an object of texts by node id")
    return labels


def _tensors(path: Path, data: bytes) -> dict[str, Tensor]:
    try:
        return load(data)
    except (SafetensorError, ValueError, KeyError) as error:
        raise damaged(path, f"bytes that are not safetensors ({error})", "safetensors") from None
