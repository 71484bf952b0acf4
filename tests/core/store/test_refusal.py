"""Pickles planted in the database run nothing, in value or key, through any way of reading."""

import os
import pickle
import sqlite3
from pathlib import Path

import pytest

from core.errors import DamagedEntryError, StoreError
from core.store import Record, Store, health, list_entries, repair, verify
from core.store.disk import BytesDisk


class Bomb:
    """Touches a file when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return (os.mkdir, (str(self.path),))


COLUMNS = "key, raw, store_time, access_time, access_count, tag, size, mode, filename, value"


def plant(
    store: Store,
    *,
    key: object,
    raw: int = 1,
    mode: int = 1,
    file: str | None = None,
    value: object,
) -> None:
    with sqlite3.connect(store.layout.index / "cache.db") as db:
        db.execute(
            f"INSERT INTO Cache({COLUMNS}) VALUES (?,?,0,0,0,NULL,0,?,?,?)",
            (key, raw, mode, file, value),
        )
    db.close()


@pytest.fixture
def bomb(tmp_path: Path) -> Path:
    """The folder that exists only if a pickle was run."""
    return tmp_path / "ran"


def test_planted_value_is_refused_unread(store: Store, bomb: Path) -> None:
    plant(store, key="victim", mode=4, value=pickle.dumps(Bomb(bomb)))
    with pytest.raises(DamagedEntryError, match="mode is 4"):
        store.get("victim")
    got = store.get_or_compute("victim", lambda: Record(data=1), kind="t", provenance={})
    assert got.data == 1
    assert not bomb.exists()


def test_planted_value_file_is_refused_unread(store: Store, bomb: Path) -> None:
    (store.layout.index / "x.val").write_bytes(pickle.dumps(Bomb(bomb)))
    plant(store, key="victim", mode=4, file="x.val", value=None)
    with pytest.raises(DamagedEntryError, match="not written by this program"):
        store.get("victim")
    assert not bomb.exists()


def test_planted_key_is_refused_unread(store: Store, bomb: Path) -> None:
    plant(store, key=pickle.dumps(Bomb(bomb)), raw=0, value=b"x")
    with pytest.raises(DamagedEntryError, match="not plain text"):
        list(store.index._cache)
    (entry,) = list_entries(store)
    assert "not plain text" in (entry.error or "")
    assert not bomb.exists()


def test_planted_file_name_is_neither_read_nor_removed(store: Store, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("keep me")
    plant(store, key="victim", mode=2, file="../../secret", value=None)
    with pytest.raises(DamagedEntryError, match="mode is 2"):
        store.get("victim")
    store.delete("victim")
    assert secret.read_text() == "keep me"


def test_verify_and_repair_find_and_remove_planted_rows(store: Store, bomb: Path) -> None:
    store.put("good", Record(data=1), kind="t", provenance={})
    plant(store, key=pickle.dumps(Bomb(bomb)), raw=0, value=b"x")
    plant(store, key="bad", mode=4, value=pickle.dumps(Bomb(bomb)))
    assert sum(entry.error is not None for entry in verify(store)) == 2
    assert not health(store).ok
    assert repair(store) == ("row 2", "bad")
    assert health(store).ok
    assert store.get("good") is not None
    assert not bomb.exists()


@pytest.mark.parametrize("key", [1, b"x", ("a",), None])
def test_disk_takes_text_keys_only(tmp_path: Path, key: object) -> None:
    with pytest.raises(StoreError, match="key must be text"):
        BytesDisk(str(tmp_path)).put(key)


@pytest.mark.parametrize("value", [1, "x", {"a": 1}, None])
def test_disk_takes_byte_values_only(tmp_path: Path, value: object) -> None:
    with pytest.raises(StoreError, match="value must be bytes"):
        BytesDisk(str(tmp_path)).store(value, False)
