"""`hagd explore`: the app, in a Streamlit process of its own.

1. The store is opened once, so that a store from a newer version is refused here and not in a page.
2. The port is tried, so that a taken one is said in a sentence.
3. Streamlit serves `explorer/app.py`, on this computer alone unless --host says otherwise. It is
   found by its import name: the engine never imports the app.
"""

import contextlib
import errno
import importlib.util
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from core.cli.options import Json, StoreDir
from core.cli.output import emit, tell
from core.errors import CoreError, SettingsError

HIGHEST_PORT = 65535
Port = Annotated[int, typer.Option("--port", min=1, max=HIGHEST_PORT, help="Port to serve on.")]
Host = Annotated[
    str, typer.Option("--host", help="Address to serve on; 0.0.0.0 lets other computers in.")
]
NoBrowser = Annotated[bool, typer.Option("--no-browser", help="Open no browser window.")]

STOP_S = 10.0
"""Time the app has to end by itself."""


def command(
    port: Port = 8501,
    host: Host = "127.0.0.1",
    store: StoreDir = None,
    no_browser: NoBrowser = False,
    as_json: Json = False,
) -> int:
    """Open the app in the browser, on the bundled circuits and yours."""
    app = find_app()
    check_port(host, port)
    root = _open_store(store)
    url = f"http://{'localhost' if host == '127.0.0.1' else host}:{port}"
    # relative paths end here: the app runs in its own folder, where its .streamlit/config.toml is
    environment = {**os.environ, "HAGD_STORE": str(root)}
    process = subprocess.Popen(
        streamlit_command(app, host, port, headless=no_browser or not has_screen()),
        cwd=app.parents[1],
        env=environment,
        stdout=sys.stderr if as_json else None,
    )
    with _ended_with_us(process):
        answer = {"url": url, "pid": process.pid, "store": str(root)}
        emit(answer, as_json, lambda: f"HAGD Explorer: {url} (Ctrl-C stops it)")
        return process.wait()


def find_app() -> Path:
    """Path of `explorer/app.py`.

    Raises:
        CoreError: If the app is not installed.
    """
    spec = importlib.util.find_spec("explorer")
    folder = Path(spec.origin).parent if spec and spec.origin else None
    if folder is None or not (folder / "app.py").is_file():
        raise CoreError(
            "The app is not installed: there is no package `explorer` with an app.py beside the "
            "engine. Run `make explore` in the repository, or `pip install -e .` there."
        )
    return folder / "app.py"


def check_port(host: str, port: int) -> None:
    """Refuses an address that can not be served on.

    Raises:
        SettingsError: If it is taken, not allowed or not of this computer.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            # as the server does: a port in its last moments of closing is free
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except OSError as error:
        raise SettingsError(_port_message(host, port, error)) from error


def _port_message(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} on {host} is in use by another program, perhaps by a HAGD Explorer that "
            "is open already. A free port is required. Choose one: hagd explore --port "
            f"{port + 1 if port < HIGHEST_PORT else port - 1}"
        )
    return (
        f"The app can not be served on {host}, port {port}: {error.strerror}. An address of this "
        "computer and a port that you may use are required. Choose others with --host and --port."
    )


def _open_store(store: Path | None) -> Path:
    from core.store import open_store

    with open_store(store, tell) as opened:
        return opened.layout.root


def has_screen() -> bool:
    """Whether a browser window could be seen: a desktop, and no CI."""
    if os.environ.get("CI"):
        return False
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def streamlit_command(app: Path, host: str, port: int, *, headless: bool) -> list[str]:
    """The command that serves the app."""
    settings = {
        "server.address": host,
        "server.port": str(port),
        "server.headless": str(headless).lower(),
        "browser.gatherUsageStats": "false",
        # a full garbage collection after every click costs 0.3 s once torch is loaded
        "runner.postScriptGC": "false",
    }
    flags = [part for name, value in settings.items() for part in (f"--{name}", value)]
    return [sys.executable, "-m", "streamlit", "run", str(app), *flags]


@contextlib.contextmanager
def _ended_with_us(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Ends the app when this command is stopped, by Ctrl-C or by a signal to end."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
        if process.poll() is None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_S)
            process.kill()
