"""Several processes, one store: the work is done once, and a killed one blocks nobody."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from core.store import Record, Store, health, repair
from tests.core.store.conftest import start_worker


def wait_until_computing(log: Path) -> None:
    for _ in range(400):
        if log.exists():
            return
        time.sleep(0.05)
    raise TimeoutError(log)


def test_two_processes_compute_one_key_once(store: Store, tmp_path: Path) -> None:
    log = tmp_path / "log"
    first = start_worker(store.layout.root, log, 60)
    wait_until_computing(log)
    second = start_worker(store.layout.root, log, 60)
    assert second.stdout
    assert second.stdout.readline() == "waiting\n"
    log.with_suffix(".done").touch()
    answers = [worker.communicate(timeout=60)[0] for worker in (first, second)]
    assert answers == ["{'answer': 42}\n"] * 2
    assert log.read_text() == "computing\n"


def test_killed_owner_frees_the_key_and_leaves_nothing_half(store: Store, tmp_path: Path) -> None:
    log = tmp_path / "log"
    owner = start_worker(store.layout.root, log, 60)
    wait_until_computing(log)
    (store.checkpoint("shared") / "part").write_text("saved")
    owner.send_signal(signal.SIGKILL)
    owner.communicate(timeout=30)
    assert store.get("shared") is None
    assert health(store).unfinished == ("shared",)

    def resume() -> Record:
        return Record(data=(store.checkpoint("shared") / "part").read_text())

    assert store.get_or_compute("shared", resume, kind="t", provenance={}).data == "saved"
    assert health(store).unfinished == ()


def test_eight_threads_compute_one_key_once(store: Store) -> None:
    calls = []

    def compute() -> Record:
        calls.append(1)
        time.sleep(0.1)
        return Record(data=7)

    def ask(_: int) -> object:
        return store.get_or_compute("shared", compute, kind="t", provenance={}).data

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(8))) == [7] * 8
    assert len(calls) == 1


def test_payload_of_a_killed_writer_is_an_orphan_and_is_removed_when_old(store: Store) -> None:
    store.put("good", Record(data=1), kind="t", provenance={})
    orphan = store.layout.payloads / f"lost-{'0' * 16}.bin"
    orphan.write_bytes(b"x")
    assert health(store).orphans == (orphan.name,)
    assert repair(store) == ()
    os.utime(orphan, (0, 0))
    assert repair(store) == (orphan.name,)
    assert store.get("good") is not None
