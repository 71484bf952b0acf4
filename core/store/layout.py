"""Where the store is and how its folder is laid out.

    store.json    the store's schema version: a newer one is refused before anything is opened
    index/        diskcache's database: one row per entry
    payloads/     entries too large for a row
    partial/      what an unfinished computation has saved of itself, by key
    locks/        one lock file per key being computed
    results/      result bundles, one folder each
    graphs/       graphs taken in from other programs (`core.share`), made when the first one is

The folders are for their owner alone (0700): labels, prompts and results may be private.
"""

import contextlib
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from core.errors import StoreError
from core.store.record import SCHEMA, newer

FOLDERS = ("index", "payloads", "partial", "locks", "results")


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths of one store."""

    root: Path
    """The folder that holds everything."""

    @property
    def version(self) -> Path:
        """The file that names the store's schema."""
        return self.root / "store.json"

    @property
    def index(self) -> Path:
        """diskcache's folder."""
        return self.root / "index"

    @property
    def payloads(self) -> Path:
        """Folder of large entries."""
        return self.root / "payloads"

    @property
    def partial(self) -> Path:
        """Folder of unfinished work."""
        return self.root / "partial"

    @property
    def locks(self) -> Path:
        """Folder of lock files."""
        return self.root / "locks"

    @property
    def results(self) -> Path:
        """Folder of result bundles."""
        return self.root / "results"


def default_location() -> Path:
    """HAGD_STORE, or this user's data folder."""
    if named := os.environ.get("HAGD_STORE"):
        return Path(named).expanduser()
    data = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(data).expanduser() / "hagd"


def prepare(root: Path) -> Layout:
    """The layout with its folders made.

    Raises:
        StoreError: If the place can not hold a store, or holds something else.
        NewerStoreError: If a newer version made it.
    """
    layout = Layout(root.absolute())
    _refuse_foreign(layout)
    check_version(layout)
    try:
        _make(layout.root, layout.root.exists())
        for name in FOLDERS:
            _make(layout.root / name, False)
        if not layout.version.exists():
            write_whole(layout.version, json.dumps({"schema": SCHEMA}).encode())
    except OSError as error:
        raise StoreError(
            f"The store can not be made at {layout.root}: {error.strerror}. A folder that you can "
            "write to is required. Name one with --store or HAGD_STORE."
        ) from error
    return layout


def _make(folder: Path, theirs: bool) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not theirs:  # mkdir's mode passes through the umask, and an old folder keeps its own
        folder.chmod(0o700)


def _refuse_foreign(layout: Layout) -> None:
    root = layout.root
    if root.exists() and not root.is_dir():
        raise StoreError(
            f"The store can not be at {root}: it is a file. A folder is required. Name one with "
            "--store or HAGD_STORE."
        )
    if not root.exists() or layout.version.exists() or layout.index.exists():
        return
    if any(root.iterdir()):
        raise StoreError(
            f"{root} is not a store: it holds other files and no store.json. A new, empty or "
            "store folder is required, so that nothing of yours is mixed in. Name one with --store."
        )


def check_version(layout: Layout) -> None:
    """Refuses a store from a newer version.

    Raises:
        NewerStoreError: If its schema is above ours.
        StoreError: If its version can not be told.
    """
    if not layout.version.exists():
        return
    try:
        schema = json.loads(layout.version.read_bytes())["schema"]
        if type(schema) is not int or schema < 1:  # true is an int too
            raise TypeError(f"schema is {schema!r}")
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"The version of the store can not be told: {layout.version} is damaged ({error}). It "
            f'should read {{"schema": {SCHEMA}}}. Delete that one file if this version of the '
            "program made the store; every entry is checked again when it is read."
        ) from error
    if schema > SCHEMA:
        raise newer(f"The store at {layout.root}", schema)


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file so that it is there whole or not at all, also across a power cut."""
    name = path.with_name(f".writing-{secrets.token_hex(8)}")
    # not mkstemp: its files are for their owner alone, and exports are meant to be shared
    handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # some systems can not open a folder; the rename stands
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
