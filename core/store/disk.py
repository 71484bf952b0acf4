"""How diskcache may write and read here: text keys, byte values, no pickle.

diskcache pickles every key and value that SQLite has no type for, and unpickles whatever it finds
(CVE-2025-69872, no fixed release): a row planted in the database runs code on reading. This disk
takes and returns bytes kept inside the database, and refuses every other mode before it is read.
It never opens a file: `filename` in a planted row could point anywhere.
"""

from typing import Any

from diskcache import UNKNOWN, Disk
from diskcache.core import MODE_RAW

from core.errors import DamagedEntryError, StoreError


class BytesDisk(Disk):
    """Text keys to byte values; everything else is refused."""

    def put(self, key: Any) -> Any:
        """The key as the database holds it: text, and that it is raw."""
        if type(key) is not str:
            raise StoreError(
                f"A store key must be text; got {type(key).__name__}. Pass the key of the stage."
            )
        return key, True

    def get(self, key: Any, raw: Any) -> str:
        """The key of a row; a pickled one (raw = 0) is refused unread."""
        if type(key) is not str or not raw:
            raise refused("its key is not plain text")
        return key

    def store(self, value: Any, read: bool, key: Any = UNKNOWN) -> Any:
        """The value as the database holds it: size (of no file), mode, no file name, bytes."""
        if type(value) is not bytes or read:
            raise StoreError(
                f"A store value must be bytes; got {type(value).__name__}. Store a Record instead."
            )
        return 0, MODE_RAW, None, value

    def fetch(self, mode: Any, filename: Any, value: Any, read: bool) -> bytes:
        """The value of a row; pickles, files and text are refused unread."""
        if mode != MODE_RAW or filename is not None or read or type(value) is not bytes:
            raise refused(f"its mode is {mode}, where only raw bytes ({MODE_RAW}) are read")
        return value

    def remove(self, file_path: Any) -> None:
        """Nothing: no row of ours has a file, and a planted name could point anywhere."""


def refused(why: str) -> DamagedEntryError:
    """A row that this program can not have written."""
    return DamagedEntryError(
        f"A row of the store was not written by this program: {why}. It was not read, for reading "
        "it could run code. Run `hagd doctor --repair` to remove it."
    )
