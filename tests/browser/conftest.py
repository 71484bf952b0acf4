"""One server on a free local port, one small store, and headless Chromium.

Without a browser these tests are skipped on a person's machine and fail where one is required
(CI set, or HAGD_BROWSER=required as `make test` sets it).
"""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from core.assets import CIRCUITS
from core.bundle import list_bundles
from core.cli.browser import find_browser
from tests.pages.tiny_store import write_store

ROOT = Path(__file__).resolve().parents[2]
START_S = 90


class App(NamedTuple):
    """The app under test."""

    url: str
    store: Path
    circuit: str
    """A bundled circuit that holds; the store's own small one where none is bundled."""


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict:
    """The browser that was found, without sandbox because CI runs as root."""
    path = find_browser()
    if path is None:
        message = "no Chromium or Chrome was found: install one or set CHROMIUM to its path"
        if os.environ.get("CI") or os.environ.get("HAGD_BROWSER") == "required":
            pytest.fail(message)
        pytest.skip(message)
    return {"executable_path": path, "args": ["--no-sandbox", "--disable-dev-shm-usage"]}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict) -> dict:
    """A laptop's window."""
    return {**browser_context_args, "viewport": {"width": 1440, "height": 900}}


@pytest.fixture(scope="session")
def base_url() -> None:
    """The plugin's own is a method, which pytest 9 warns of; tests here have `app.url`."""


@pytest.fixture(scope="session")
def app(tmp_path_factory) -> Iterator[App]:
    """The served app."""
    root = tmp_path_factory.mktemp("browser")
    store = write_store(root)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "explorer" / "app.py")]
    log = (root / "server.log").open("wb")
    server = subprocess.Popen(
        [*command, "--server.port", str(port), "--server.headless", "true"],
        cwd=ROOT,
        env={**os.environ, "HAGD_STORE": str(store), "OMP_NUM_THREADS": "1"},
        stdout=log,
        stderr=log,
    )
    try:
        _wait(f"http://127.0.0.1:{port}/_stcore/health", server, root / "server.log")
        yield App(f"http://127.0.0.1:{port}", store, bundled() or "tiny")
    finally:
        server.terminate()
        server.wait(20)
        log.close()


def bundled() -> str:
    """The smallest bundled circuit that holds; empty where none is bundled."""
    found = [info for info in list_bundles(CIRCUITS) if info.verdict == "holds"]
    return min(found, key=lambda info: info.n_nodes).name if found else ""


def _wait(url: str, server: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if server.poll() is not None:
            break
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"the app did not start:\n{log.read_text('utf-8')[-2000:]}")
