"""The database of entries: diskcache with every policy that loses or runs things switched off.

1. `eviction_policy="none"`, `cull_limit=0`: the default drops the oldest entries past 1 GiB, in
   silence (40 writes of 128 KiB under a 1 MiB limit left none readable).
2. `BytesDisk`: no pickle, no files of its own.
3. `sqlite_synchronous=2`: a finished write survives a power cut.
4. A database that SQLite calls corrupt is kept under another name and begun afresh, and said so.
"""

import contextlib
import errno
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from diskcache import Cache, Timeout

from core.errors import StoreError
from core.store.disk import BytesDisk
from core.store.layout import Layout
from core.store.locks import only_one
from core.store.notice import Notice, NoticeKind, Notify

Result = TypeVar("Result")

HEAD = 65536
"""Bytes of an entry read to list it; a header is far shorter."""

CORRUPT = {"SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_CORRUPT_INDEX", "SQLITE_CORRUPT_SEQUENCE"}
FULL = {"SQLITE_FULL", "SQLITE_IOERR_WRITE"}


class Row(NamedTuple):
    """One row of the database, read without diskcache so that a planted one can be shown."""

    rowid: int
    key: Any
    raw: Any
    mode: Any
    filename: Any
    head: Any
    """The first bytes of the value."""


class Index:
    """Bytes by key, on disk."""

    def __init__(self, layout: Layout, notify: Notify) -> None:
        self._layout = layout
        self._notify = notify
        self._cache = self._guarded_open()

    def get(self, key: str) -> bytes | None:
        """The entry's bytes, or None."""
        return self._run(lambda: self._cache.get(key, retry=True))  # pyright: ignore[reportReturnType]

    def put(self, key: str, blob: bytes) -> None:
        """Writes the entry; a reader sees the old one or the new one, never a part."""
        self._run(lambda: self._cache.set(key, blob, retry=True))

    def delete(self, key: str) -> bool:
        """Removes the entry; False if there was none."""
        return bool(self._run(lambda: self._cache.delete(key, retry=True)))

    def rows(self) -> tuple[Row, ...]:
        """Every row, planted ones included, with the first bytes of its value."""
        sql = "SELECT rowid, key, raw, mode, filename, substr(value, 1, ?) FROM Cache"
        return self._run(lambda: tuple(Row(*row) for row in self._ask(sql, HEAD)))

    def drop_row(self, rowid: int) -> None:
        """Removes a row by number: the only handle on one whose key is not text."""
        self._run(lambda: self._ask("DELETE FROM Cache WHERE rowid = ?", rowid))

    def close(self) -> None:
        """Lets go of the database."""
        self._cache.close()

    def _ask(self, sql: str, *values: Any) -> list[Any]:
        with contextlib.closing(sqlite3.connect(self._layout.index / "cache.db")) as db, db:
            return db.execute(sql, values).fetchall()

    def _guarded_open(self) -> Cache:
        try:
            return _open(self._layout.index)
        except sqlite3.DatabaseError as error:
            if not _is_corrupt(error):
                raise explain(error, self._layout.root) from error
            self._set_aside(error, _identity(self._layout.index))
            return _open(self._layout.index)

    def _run(self, operation: Callable[[], Result]) -> Result:
        opened = _identity(self._layout.index)
        try:
            return operation()
        except sqlite3.DatabaseError as error:
            if not _is_corrupt(error):
                raise explain(error, self._layout.root) from error
            self._cache.close()
            self._set_aside(error, opened)
            self._cache = _open(self._layout.index)
            return operation()
        except (OSError, Timeout) as error:
            raise explain(error, self._layout.root) from error

    def _set_aside(self, error: sqlite3.Error, seen: int) -> None:
        """Renames the database's folder, unless another process has just done so."""
        with only_one(self._layout.locks, "index", self._notify):
            if _identity(self._layout.index) != seen:
                return
            kept = self._layout.root / f"index-damaged-{time.strftime('%Y%m%d-%H%M%S')}"
            os.replace(self._layout.index, kept)
            self._layout.index.mkdir(mode=0o700)
        self._notify(
            Notice(
                kind=NoticeKind.INDEX_SET_ASIDE,
                message=f"The store's database is damaged ({error}). It was kept as {kept} and a "
                "new one begun: results are computed again when they are asked for. Bundles in "
                "results/ are untouched.",
            )
        )


def _open(folder: Path) -> Cache:
    return Cache(
        str(folder),
        disk=BytesDisk,
        eviction_policy="none",
        cull_limit=0,
        size_limit=2**62,
        sqlite_synchronous=2,
        statistics=0,
    )


def _identity(folder: Path) -> int:
    return folder.stat().st_ino if folder.exists() else 0


def _is_corrupt(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorname", "") in CORRUPT


def explain(error: Exception, root: Path) -> StoreError:
    """What the system said, as something a person can act on."""
    full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)
    if full or getattr(error, "sqlite_errorname", "") in FULL:
        return StoreError(
            f"The store at {root} can not be written: the disk is full. What was stored is intact. "
            "Make room, or name a folder on another disk with --store or HAGD_STORE."
        )
    if isinstance(error, Timeout):
        return StoreError(
            f"The store at {root} is busy: another process has held its database for a minute. "
            "Let it finish, or end it, and try again."
        )
    return StoreError(
        f"The store at {root} can not be used: {error}. A folder that you can read and write is "
        "required. Check its permissions, or name another with --store or HAGD_STORE."
    )


@contextlib.contextmanager
def explained(root: Path) -> Iterator[None]:
    """Turns what the system refuses inside the block into a StoreError."""
    try:
        yield
    except OSError as error:
        raise explain(error, root) from error
