"""The store: round trips, whole or not at all, damage found, reported and never shown."""

import errno
import json
import os
import sqlite3
import stat
from pathlib import Path

import pytest
import torch

from core.errors import DamagedEntryError, NewerStoreError, StoreError
from core.store import Notice, NoticeKind, Record, Store, list_entries, open_store
from core.store import store as store_module

KEY = "a" * 64


def put(store: Store, key: str = KEY, **data: object) -> None:
    store.put(key, Record(data=data), kind="test", provenance={"model": "tiny"})


def database(store: Store) -> sqlite3.Connection:
    return sqlite3.connect(store.layout.index / "cache.db", isolation_level=None)


def change_row(store: Store, change: str, *values: object) -> None:
    with database(store) as db:
        db.execute(f"UPDATE Cache SET {change}", values)
    db.close()


def blob_of(store: Store) -> bytes:
    with database(store) as db:
        (value,) = db.execute("SELECT value FROM Cache").fetchone()
    db.close()
    return value


def test_round_trip_of_json_and_tensors(store: Store) -> None:
    tensors = {
        "half": torch.arange(6, dtype=torch.bfloat16).reshape(2, 3).T,
        "none": torch.zeros(0, 4),
        "ids": torch.tensor([1, -2]),
    }
    store.put(KEY, Record(data={"x": [1, None]}, tensors=tensors), kind="g", provenance={})
    back = store.get(KEY)
    assert back is not None
    assert back.data == {"x": [1, None]}
    assert {name: (t.dtype, t.tolist()) for name, t in back.tensors.items()} == {
        name: (t.dtype, t.tolist()) for name, t in tensors.items()
    }


def test_missing_is_none_and_delete_says_whether_it_was_there(store: Store) -> None:
    assert store.get(KEY) is None
    put(store)
    assert store.delete(KEY)
    assert not store.delete(KEY)
    assert store.get(KEY) is None


def test_entries_survive_reopening_and_are_listed_with_provenance(tmp_path: Path) -> None:
    with open_store(tmp_path / "s") as first:
        put(first, x=1)
    with open_store(tmp_path / "s") as again:
        (entry,) = list_entries(again)
        assert (entry.key, entry.kind, entry.error) == (KEY, "test", None)
        assert entry.provenance == {"model": "tiny"}
        record = again.get(KEY)
        assert record is not None
        assert record.data == {"x": 1}


def test_nothing_is_evicted_past_diskcaches_default_limit(store: Store) -> None:
    cache = store.index._cache
    assert (cache.eviction_policy, cache.cull_limit) == ("none", 0)
    for i in range(40):
        put(store, f"k{i}", text="x" * 10_000)
    assert all(store.get(f"k{i}") is not None for i in range(40))


def test_folders_are_for_their_owner_alone(store: Store) -> None:
    for folder in (store.layout.root, *store.layout.root.iterdir()):
        if folder.is_dir():
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700, folder


def test_large_payload_goes_to_a_file_and_goes_with_its_entry(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "LARGEST_ROW", 100)
    put(store, text="x" * 500)
    put(store, text="y" * 500)
    (path,) = store.layout.payloads.iterdir()
    assert (path.stat().st_size, len(blob_of(store)) < 700) == (511, True)
    record = store.get(KEY)
    assert record is not None
    assert record.data == {"text": "y" * 500}
    store.delete(KEY)
    assert not list(store.layout.payloads.iterdir())


@pytest.mark.parametrize("position", [0, 12, 60, 90, 200, -1])
def test_any_changed_byte_is_found(store: Store, position: int) -> None:
    put(store, text="some text", more=[1, 2, 3])
    blob = bytearray(blob_of(store))
    blob[position] ^= 1
    change_row(store, "value = ?", bytes(blob))
    with pytest.raises((DamagedEntryError, NewerStoreError)):
        store.get(KEY)


@pytest.mark.parametrize("length", [0, 5, 100, 200, -1])
def test_cut_entry_is_found(store: Store, length: int) -> None:
    put(store, text="some text")
    change_row(store, "value = ?", blob_of(store)[:length])
    with pytest.raises(DamagedEntryError, match=f"Stored entry {KEY} is damaged"):
        store.get(KEY)


def test_entry_under_another_key_is_found(store: Store) -> None:
    put(store)
    change_row(store, "key = ?", "b" * 64)
    with pytest.raises(DamagedEntryError, match="entry of another key"):
        store.get("b" * 64)


@pytest.mark.parametrize("damage", ["cut", "altered", "gone"])
def test_damaged_payload_file_is_found(
    store: Store, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    monkeypatch.setattr(store_module, "LARGEST_ROW", 10)
    put(store, text="x" * 500)
    (path,) = store.layout.payloads.iterdir()
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(content[:-7] if damage == "cut" else b"?" + content[1:])
    with pytest.raises(DamagedEntryError, match="bytes where|sha256 differs|unreadable"):
        store.get(KEY)


def test_damaged_entry_is_reported_and_computed_anew(store: Store, notices: list[Notice]) -> None:
    put(store, answer="wrong")
    change_row(store, "value = ?", blob_of(store)[:-3])
    right = Record(data="right")
    got = store.get_or_compute(KEY, lambda: right, kind="test", provenance={})
    assert got.data == "right"
    assert [notice.kind for notice in notices] == [NoticeKind.DAMAGED]
    assert "computed anew" in notices[0].message
    stored = store.get(KEY)
    assert stored is not None
    assert stored.data == "right"


def test_intact_entry_is_not_computed_again(store: Store) -> None:
    put(store, x=1)
    got = store.get_or_compute(KEY, lambda: pytest.fail("ran"), kind="t", provenance={})
    assert got.data == {"x": 1}


def test_failed_computation_stores_nothing_and_frees_the_key(store: Store) -> None:
    def fail() -> Record:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        store.get_or_compute(KEY, fail, kind="t", provenance={})
    assert store.get(KEY) is None
    assert store.get_or_compute(KEY, lambda: Record(data=1), kind="t", provenance={}).data == 1


def test_checkpoint_outlives_failure_and_not_success(store: Store) -> None:
    (store.checkpoint(KEY) / "half").write_text("done so far")
    assert (store.checkpoint(KEY) / "half").read_text() == "done so far"
    store.get_or_compute(KEY, lambda: Record(data=1), kind="t", provenance={})
    assert not (store.layout.partial / KEY).exists()


@pytest.mark.parametrize("key", ["", "../x", "A", "a/b", "a" * 129, ".a", "a b"])
def test_key_that_can_not_be_a_file_name_is_refused(store: Store, key: str) -> None:
    with pytest.raises(StoreError, match="can not be a store key"):
        store.get(key)


def test_overlong_provenance_is_refused(store: Store) -> None:
    with pytest.raises(StoreError, match="provenance of a+ is too long"):
        store.put(KEY, Record(), kind="t", provenance={"x": "y" * 40_000})


def test_newer_store_is_refused_with_both_versions_and_left_alone(tmp_path: Path) -> None:
    with open_store(tmp_path / "s"):
        pass
    (tmp_path / "s" / "store.json").write_text(json.dumps({"schema": 7}))
    with pytest.raises(NewerStoreError, match=r"schema 7, this version reads up to 1\. Update"):
        open_store(tmp_path / "s")
    assert json.loads((tmp_path / "s" / "store.json").read_text()) == {"schema": 7}


def test_newer_entry_is_refused_not_overwritten(store: Store) -> None:
    put(store)
    change_row(store, "value = ?", blob_of(store).replace(b"hagd-entry 1 ", b"hagd-entry 2 ", 1))
    with pytest.raises(NewerStoreError, match="schema 2"):
        store.get_or_compute(KEY, lambda: pytest.fail("ran"), kind="t", provenance={})


def test_unreadable_version_file_is_refused(tmp_path: Path) -> None:
    with open_store(tmp_path / "s"):
        pass
    (tmp_path / "s" / "store.json").write_text('{"sch')
    with pytest.raises(StoreError, match=r"store\.json is damaged"):
        open_store(tmp_path / "s")


def test_folder_of_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("x")
    with pytest.raises(StoreError, match="is not a store"):
        open_store(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_file_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("x")
    with pytest.raises(StoreError, match="it is a file"):
        open_store(tmp_path / "s")


def test_location_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAGD_STORE", str(tmp_path / "named"))
    with open_store() as store:
        assert store.results_dir == tmp_path / "named" / "results"
    monkeypatch.delenv("HAGD_STORE")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    with open_store() as store:
        assert store.layout.root == tmp_path / "data" / "hagd"


def test_full_disk_keeps_the_old_entry_and_the_new_result(
    store: Store, notices: list[Notice], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, x="old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(store.index._cache, "set", lambda *_, **__: full())
    with pytest.raises(StoreError, match="the disk is full"):
        put(store, x="new")
    got = store.get_or_compute("other", lambda: Record(data="new"), kind="t", provenance={})
    assert got.data == "new"
    assert [notice.kind for notice in notices] == [NoticeKind.NOT_STORED]
    old = store.get(KEY)
    assert old is not None
    assert old.data == {"x": "old"}


def test_write_cut_short_leaves_no_part(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "LARGEST_ROW", 10)
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(errno.EIO, "cut")))
    with pytest.raises(StoreError, match="can not be used"):
        put(store, text="x" * 500)
    assert store.get(KEY) is None
    assert not list(store.layout.payloads.iterdir())


@pytest.mark.parametrize("damage", ["cut", "not a database"])
def test_corrupt_database_is_kept_aside_and_begun_afresh(tmp_path: Path, damage: str) -> None:
    with open_store(tmp_path / "s") as first:
        for i in range(50):
            put(first, f"k{i}", text="x" * 2000)
    path = tmp_path / "s" / "index" / "cache.db"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] if damage == "cut" else b"not sqlite" * 500)
    notices: list[Notice] = []
    with open_store(tmp_path / "s", notices.append) as store:
        got = store.get_or_compute("k49", lambda: Record(data=1), kind="t", provenance={})
        assert got.data in (1, {"text": "x" * 2000})
        put(store, "new")
        assert store.get("new") is not None
    assert [notice.kind for notice in notices] == [NoticeKind.INDEX_SET_ASIDE]
    assert list((tmp_path / "s").glob("index-damaged-*/cache.db"))
