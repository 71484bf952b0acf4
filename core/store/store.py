"""The result store: everything computed once, kept whole, never shown damaged.

1. A result is asked for by its content key (`stage_key`).
2. An intact entry is returned. A damaged one is reported and counts as missing.
3. One process computes a missing result; others that want it wait and read it. The lock of a
   process that is killed ends with it, and its saved parts (`checkpoint`) are found by the next.
4. The entry is written whole: payloads above 8 MB to a file beside the database first, renamed into
   place, and then the row that names the file and its hash.
"""

import contextlib
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from core.errors import DamagedEntryError, StoreError
from core.store.index import Index, explained
from core.store.layout import Layout, default_location, prepare, write_whole
from core.store.locks import check_key, only_one
from core.store.notice import Notice, NoticeKind, Notify, log_notice
from core.store.record import (
    Header,
    Record,
    check_payload,
    damaged,
    decode_header,
    describe,
    encode_header,
    pack,
    unpack,
)

LARGEST_ROW = 8 * 2**20
"""Payload bytes kept in the database; larger ones go to a file, which SQLite handles better."""


class Store:
    """Records by content key, in a folder. Safe to share between threads and processes."""

    def __init__(self, root: Path, notify: Notify = log_notice) -> None:
        self.layout: Layout = prepare(root)
        self.notify: Notify = notify
        self.index = Index(self.layout, notify)

    @property
    def results_dir(self) -> Path:
        """Folder of the result bundles."""
        return self.layout.results

    def get(self, key: str) -> Record | None:
        """The record stored under the key, or None.

        Raises:
            DamagedEntryError: If it is not what was written.
            NewerStoreError: If a newer version wrote it.
        """
        blob = self.index.get(check_key(key))
        if blob is None:
            return None
        header, start = decode_header(key, blob)
        return unpack(header, self._payload(header, blob[start:]))

    def check(self, key: str) -> Header | None:
        """The header of an entry whose every byte was compared with its hash, or None.

        Raises:
            DamagedEntryError, NewerStoreError: As `get`.
        """
        blob = self.index.get(check_key(key))
        if blob is None:
            return None
        header, start = decode_header(key, blob)
        check_payload(header, self._payload(header, blob[start:]))
        return header

    def put(self, key: str, record: Record, *, kind: str, provenance: Mapping[str, Any]) -> None:
        """Stores the record under the key, whole or not at all.

        Args:
            kind: What it holds, such as "graph".
            provenance: JSON table of what it was made from and by.

        Raises:
            StoreError: If the value can not be stored or the disk refuses; what was there stays.
        """
        self._write(describe(check_key(key), kind, packed := pack(record), provenance), packed[0])

    def _write(self, header: Header, payload: bytes) -> None:
        with explained(self.layout.root):
            if len(payload) <= LARGEST_ROW:
                self.index.put(header.key, encode_header(header) + payload)
            else:
                header = replace(header, file=payload_name(header))
                write_whole(self.layout.payloads / payload_name(header), payload)
                self.index.put(header.key, encode_header(header))
            self._drop_payloads(header.key, keep=header.file)

    def delete(self, key: str) -> bool:
        """Removes the entry and its unfinished work; False if there was no entry."""
        existed = self.index.delete(check_key(key))
        self._drop_payloads(key, keep=None)
        self.forget_checkpoint(key)
        return existed

    def get_or_compute(
        self,
        key: str,
        compute: Callable[[], Record],
        *,
        kind: str,
        provenance: Mapping[str, Any],
    ) -> Record:
        """The stored record, or the computed one, computed once however many ask for it.

        The store's `notify` is told of a damaged entry, of waiting, and of a result that could not
        be stored.

        Args:
            compute: Makes the record; may keep parts in `checkpoint(key)` to resume after a kill.
            kind: What it holds, such as "graph".
            provenance: JSON table of what it is made from and by.
        """
        with contextlib.suppress(DamagedEntryError):  # reported below, by the one who repairs it
            if (found := self.get(key)) is not None:
                return found
        with only_one(self.layout.locks, key, self.notify):
            if (found := self._intact(key)) is not None:
                return found
            record = compute()
            packed = pack(record)
            self._keep(describe(key, kind, packed, provenance), packed[0])
            return record

    def checkpoint(self, key: str) -> Path:
        """Folder for what a long computation saves of itself; it outlives a kill, not a success."""
        folder = self.layout.partial / check_key(key)
        with explained(self.layout.root):
            folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def forget_checkpoint(self, key: str) -> None:
        """Removes the key's unfinished work."""
        shutil.rmtree(self.layout.partial / check_key(key), ignore_errors=True)

    def close(self) -> None:
        """Lets go of the database."""
        self.index.close()

    def __enter__(self) -> "Store":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _intact(self, key: str) -> Record | None:
        try:
            return self.get(key)
        except DamagedEntryError as error:
            message = f"{str(error).split(' It is not used')[0]} It is computed anew."
            self.notify(Notice(kind=NoticeKind.DAMAGED, key=key, message=message))
            return None

    def _keep(self, header: Header, payload: bytes) -> None:
        try:
            self._write(header, payload)
        except StoreError as error:  # hours of work are not thrown away for want of space
            message = f"{error} The result is used all the same."
            self.notify(Notice(kind=NoticeKind.NOT_STORED, key=header.key, message=message))
            return
        self.forget_checkpoint(header.key)

    def _payload(self, header: Header, inline: bytes) -> bytes:
        if header.file is None:
            return inline
        if header.file != payload_name(header):  # an altered name could point outside the folder
            raise damaged(header.key, "it names a payload file that is not its own")
        try:
            return (self.layout.payloads / header.file).read_bytes()
        except OSError as error:
            raise damaged(
                header.key, f"its payload file is unreadable ({error.strerror})"
            ) from error

    def _drop_payloads(self, key: str, keep: str | None) -> None:
        for path in self.layout.payloads.glob(f"{key}-????????????????.bin"):
            if path.name != keep:
                path.unlink(missing_ok=True)


def payload_name(header: Header) -> str:
    """File name of a payload kept outside the database."""
    return f"{header.key}-{header.sha256[:16]}.bin"


def open_store(root: str | Path | None = None, notify: Notify = log_notice) -> Store:
    """The store at a folder, or at the default place (HAGD_STORE, else the user's data folder).

    Raises:
        StoreError: If no store can be there.
        NewerStoreError: If a newer version made it.
    """
    return Store(Path(root).expanduser() if root is not None else default_location(), notify)
