"""One computation per key, across threads and processes.

The lock is the operating system's lock on a file: it ends with the process that holds it, however
that ends, so a killed run blocks nobody. A note beside it says who holds it, for the one who waits.
"""

import contextlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from core.errors import StoreError
from core.store.notice import Notice, NoticeKind, Notify

KEY = re.compile(r"[a-z0-9][a-z0-9._-]{0,127}")


def check_key(key: str) -> str:
    """The key, if it can be a file name anywhere.

    Raises:
        StoreError: If it can not.
    """
    if KEY.fullmatch(key):
        return key
    raise StoreError(
        f"{key!r} can not be a store key: 1 to 128 small letters, digits, dots, dashes and "
        "underscores are required, a letter or digit first. Use stage_key to make one."
    )


@contextlib.contextmanager
def only_one(folder: Path, key: str, notify: Notify) -> Iterator[None]:
    """Holds the key's lock; says so when it has to wait for it."""
    lock = FileLock(folder / f"{check_key(key)}.lock")
    owner = folder / f"{key}.owner"
    try:
        lock.acquire(timeout=0)
    except Timeout:
        notify(_waiting(key, owner))
        lock.acquire()
    try:
        owner.write_text(json.dumps({"pid": os.getpid()}))
        yield
    finally:
        owner.unlink(missing_ok=True)
        lock.release()


def _waiting(key: str, owner: Path) -> Notice:
    who = "another process"
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        who = f"process {json.loads(owner.read_text())['pid']}"
    return Notice(
        kind=NoticeKind.WAITING,
        key=key,
        message=f"Waiting for {who}, which computes the same result ({key[:12]}).",
    )
