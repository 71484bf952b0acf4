"""`hagd explore`: a port that is taken, an address that is not ours, and a start for real."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from core.cli import explore
from core.errors import CoreError, SettingsError
from tests.core.cli.conftest import Hagd


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_port_in_use_is_refused_with_the_port_and_the_option(hagd: Hagd) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        message = hagd("explore", "--port", port).refused()
    assert f"Port {port} on 127.0.0.1 is in use" in message
    assert "hagd explore --port " in message


def test_address_of_another_computer_is_refused() -> None:
    with pytest.raises(SettingsError, match="can not be served on 192.0.2.1"):
        explore.check_port("192.0.2.1", free_port())


def test_app_that_is_not_installed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explore.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(CoreError, match="The app is not installed"):
        explore.find_app()


def test_newer_store_is_refused_before_anything_starts(hagd: Hagd, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "store.json").write_text('{"schema": 9}')
    assert "schema 9" in hagd("explore", "--port", free_port()).refused()


def test_command_binds_to_localhost_and_reports_nothing() -> None:
    words = explore.streamlit_command(Path("app.py"), "127.0.0.1", 8501, headless=True)
    pairs = dict(zip(words[5::2], words[6::2], strict=True))
    assert pairs["--server.address"] == "127.0.0.1"
    assert pairs["--browser.gatherUsageStats"] == "false"
    assert pairs["--server.headless"] == "true"


def test_ci_has_no_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    assert not explore.has_screen()


def test_app_starts_answers_and_ends_with_the_command(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "core", "explore", "--json", "--no-browser", "--port"]
    environment = {**os.environ, "HAGD_STORE": str(tmp_path / "store")}
    process = subprocess.Popen(
        [*command, str(port)],
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        answer = json.loads(process.stdout.readline())
        assert answer["url"] == f"http://localhost:{port}"
        assert answers(port)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert not is_listening(port)


def answers(port: int) -> bool:
    for _ in range(150):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health") as reply:
                return reply.read() == b"ok"
        except OSError:
            time.sleep(0.2)
    return False


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
