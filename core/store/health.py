"""What is in a store, and whether all of it is sound.

Reads rows without diskcache, so that a row this program never wrote is listed as such instead of
being trusted or hidden.
"""

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import CoreError
from core.store.index import Row
from core.store.record import SCHEMA, decode_header
from core.store.store import Store

ABANDONED = 3600.0
"""Seconds after which a payload file that no row names is nobody's work in progress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryInfo:
    """One stored entry, or what is wrong with it."""

    key: str
    """Its content key, or a printable form of a key that is not text."""
    kind: str
    """What it holds; empty if it can not be told."""
    created: str
    """UTC, ISO 8601; empty if it can not be told."""
    size: int
    """Payload, bytes."""
    provenance: Mapping[str, Any]
    """What it was made from and by."""
    error: str | None
    """Why it is not used, or None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """A store's state."""

    path: str
    """Its folder."""
    schema: int
    """Version of its layout."""
    entries: int
    """Rows in the database."""
    bytes: int
    """Payload bytes of the intact entries."""
    free_bytes: int
    """Space left on its disk."""
    damaged: tuple[EntryInfo, ...]
    """Entries that are not used."""
    orphans: tuple[str, ...]
    """Payload files that no entry names; left by a kill, harmless."""
    unfinished: tuple[str, ...]
    """Keys of computations that were begun and can be resumed."""
    set_aside: tuple[str, ...]
    """Damaged databases kept under another name."""

    @property
    def ok(self) -> bool:
        """Whether nothing is damaged."""
        return not self.damaged


def list_entries(store: Store) -> tuple[EntryInfo, ...]:
    """Every entry by its header alone: cheap, payloads are not read."""
    return tuple(_info(row) for row in store.index.rows())


def verify(store: Store) -> tuple[EntryInfo, ...]:
    """Every entry with every byte compared with its hash."""
    return tuple(_verified(store, row) for row in store.index.rows())


def health(store: Store) -> Health:
    """A full check: entries, files, space."""
    entries = verify(store)
    layout = store.layout
    return Health(
        path=str(layout.root),
        schema=SCHEMA,
        entries=len(entries),
        bytes=sum(entry.size for entry in entries if entry.error is None),
        free_bytes=shutil.disk_usage(layout.root).free,
        damaged=tuple(entry for entry in entries if entry.error is not None),
        orphans=tuple(path.name for path in _orphans(store)),
        unfinished=tuple(sorted(path.name for path in layout.partial.iterdir())),
        set_aside=tuple(sorted(path.name for path in layout.root.glob("index-damaged-*"))),
    )


def repair(store: Store) -> tuple[str, ...]:
    """Removes damaged entries and abandoned payload files; returns what was removed.

    Entries of a newer version and unfinished work stay.
    """
    removed = []
    for row in store.index.rows():
        info = _verified(store, row)
        if info.error is not None and not _is_newer(row):
            store.index.drop_row(row.rowid)
            removed.append(info.key)
    for path in _orphans(store):
        if time.time() - path.stat().st_mtime > ABANDONED:
            path.unlink(missing_ok=True)
            removed.append(path.name)
    return tuple(removed)


def _verified(store: Store, row: Row) -> EntryInfo:
    info = _info(row)
    if info.error is not None:
        return info
    try:
        store.check(info.key)
    except CoreError as error:
        return _broken(row, str(error))
    return info


def _info(row: Row) -> EntryInfo:
    if type(row.key) is not str or row.raw != 1:
        return _broken(row, "Its key is not plain text: this program did not write it.")
    if row.mode != 1 or row.filename is not None or type(row.head) is not bytes:
        return _broken(row, "Its value is not plain bytes: this program did not write it.")
    try:
        header, _ = decode_header(row.key, row.head)
    except CoreError as error:
        return _broken(row, str(error))
    return EntryInfo(
        key=header.key,
        kind=header.kind,
        created=header.created,
        size=header.size,
        provenance=header.provenance,
        error=None,
    )


def _broken(row: Row, why: str) -> EntryInfo:
    key = row.key if isinstance(row.key, str) else f"row {row.rowid}"
    return EntryInfo(key=key, kind="", created="", size=0, provenance={}, error=why)


def _is_newer(row: Row) -> bool:
    head = row.head if isinstance(row.head, bytes) else b""
    parts = head.split(b" ", 2)
    return len(parts) == 3 and parts[1].isdigit() and int(parts[1]) > SCHEMA


def _orphans(store: Store) -> list[Path]:
    named = {f"{entry.key}-" for entry in list_entries(store)}
    files = sorted(store.layout.payloads.iterdir())
    return [path for path in files if path.name[: -len("0123456789abcdef.bin")] not in named]
