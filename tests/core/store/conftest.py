"""A store in a temporary folder, and a way to ask one from other processes."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.store import Notice, Store, open_store


@pytest.fixture
def notices() -> list[Notice]:
    """Everything the store said."""
    return []


@pytest.fixture
def store(tmp_path: Path, notices: list[Notice]) -> Iterator[Store]:
    """An empty store."""
    with open_store(tmp_path / "store", notices.append) as opened:
        yield opened


WORKER = """
import pathlib, sys, time
from core.store import Record, open_store
root, log, seconds = sys.argv[1], pathlib.Path(sys.argv[2]), float(sys.argv[3])
def compute():
    with log.open("a") as file:
        file.write("computing\\n")
    until = time.monotonic() + seconds
    while time.monotonic() < until and not log.with_suffix(".done").exists():
        time.sleep(0.01)
    return Record(data={"answer": 42})
with open_store(root, lambda notice: print(notice.kind, flush=True)) as store:
    print(store.get_or_compute("shared", compute, kind="test", provenance={}).data)
"""


def start_worker(root: Path, log: Path, seconds: float) -> subprocess.Popen[str]:
    """Another process that asks the store at `root` for the key "shared".

    It computes for `seconds`, or until there is a file of the log's name with suffix `.done`.
    """
    command = [sys.executable, "-c", WORKER, str(root), str(log), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
