"""Writes a bundle whole or not at all.

1. Every file goes into a hidden folder beside the target and is flushed to disk.
2. provenance.json is written last; it carries the sha256 of each of the others. Its own content
   has its sha256 in circuit.json, so that each of the two vouches for the other.
3. The folder is renamed into place. One that was there before is moved aside first and removed
   last, so a crash leaves the old bundle, the new one, or (between two renames) the old one under
   its hidden name; never half a bundle.
"""

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from safetensors.torch import save

from core.bundle import files
from core.bundle.agreement import check_agreement
from core.bundle.contents import Bundle
from core.bundle.files import SCHEMA
from core.bundle.graph_json import graph_to_json
from core.bundle.origin import PARTS, SEAL, portable, seal
from core.bundle.tree_json import tree_to_json
from core.circuit import circuit_to_json
from core.errors import FormatError
from core.figures import json_safe
from core.report import report_html


def write_bundle(bundle: Bundle, folder: str | Path) -> Bundle:
    """Writes `bundle` to `folder`, replacing a bundle that is there, and returns it with its path.

    Raises:
        FormatError: If `folder` is something else than a bundle or nothing (it is left alone), or
            the bundle's parts do not agree.
    """
    target = Path(folder)
    check_agreement(bundle, target)
    _check_replaceable(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.parent / f".{target.name}.{uuid.uuid4().hex[:8]}.part"
    draft.mkdir()
    try:
        _write_files(bundle, draft, target)
        _swap(draft, target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return replace(bundle, path=target)


def relabel(bundle: Bundle, labels: Mapping[str, str]) -> Bundle:
    """The bundle with these labels over its own, written to its folder.

    Raises:
        FormatError: If the bundle was never written.
    """
    if bundle.path is None:
        raise FormatError(
            f"The bundle {bundle.name!r} has no folder yet: labels can only be kept in a written "
            "bundle. Write it first."
        )
    return write_bundle(replace(bundle, labels={**bundle.labels, **labels}), bundle.path)


def _write_files(bundle: Bundle, draft: Path, target: Path) -> None:
    """All seven files, provenance.json last."""
    record = dict(bundle.provenance)
    for part in PARTS:
        record[part] = {**record[part], "ref": portable(record[part]["ref"], target)}
    written = {
        files.CIRCUIT: _json(
            circuit_to_json(bundle.circuit)
            | {"name": bundle.name, "title": bundle.title, "labels": dict(bundle.labels)}
            | {SEAL: seal(json_safe({**record, "schema": SCHEMA}))}
        ),
        files.HIERARCHY: _json(
            tree_to_json(bundle.hierarchy, bundle.circuit, bundle.graph), indent=None
        ),
        files.GRAPH: _json(graph_to_json(bundle.graph), indent=None),
        files.VALIDATION: _json(bundle.validation),
        files.TENSORS: save({k: v.contiguous() for k, v in bundle.tensors.items()}),
        files.REPORT: report_html(
            title=bundle.title,
            circuit=bundle.circuit,
            graph=bundle.graph,
            validation=bundle.validation,
            provenance=record,
            labels=bundle.labels,
            hierarchy=bundle.hierarchy,
        ).encode(),
    }
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in written.items()}
    written[files.PROVENANCE] = _json({**record, "schema": SCHEMA, "files": sums})
    for name, data in written.items():
        _write_flushed(draft / name, data)


def _json(value: Any, indent: int | None = 1) -> bytes:
    """UTF-8 JSON; NaN and infinity, which JSON does not have, become null."""
    separators = (",", ":") if indent is None else None
    text = json.dumps(
        json_safe(value), indent=indent, separators=separators, ensure_ascii=False, allow_nan=False
    )
    return (text + "\n").encode()


def _write_flushed(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _check_replaceable(target: Path) -> None:
    """Never replace what is not a bundle: a wrong --out must not cost anybody a folder."""
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    names = {child.name for child in target.iterdir()} if target.is_dir() else None
    if names is None or not names <= set(files.FILES):
        got = "it is a file" if names is None else f"it holds {min(names - set(files.FILES))!r}"
        raise FormatError(
            f"Cannot write a bundle to {target}: {got}. A new or empty folder, or a bundle to "
            "replace, is required. Choose another folder."
        )


def _swap(draft: Path, target: Path) -> None:
    """Puts the finished folder in place of whatever is there."""
    old = target.parent / f"{draft.name}.old"
    if target.exists():
        target.rename(old)
    try:
        draft.rename(target)
    except OSError:
        if old.exists():
            old.rename(target)
        raise
    _flush_folder(target.parent)
    shutil.rmtree(old, ignore_errors=True)


def _flush_folder(folder: Path) -> None:
    """Makes the rename itself durable; not every system lets a folder be opened."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
