"""Makes assets/screenshot.png again: the Circuit page of README, from the app as it is now.

The app runs on a store of its own, in a light window of 1440 x 900. Run it as
`python .ci/screenshot.py` when the page has changed.
"""

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import sync_playwright

from core.assets import ASSETS
from core.cli.browser import find_browser

PAGE = "circuit?circuit=modular-addition-gpt2&prompt=0&open=A,A2&select=1:4:2&set=A3"
"""A circuit with two supernodes open, a feature selected and a third supernode ablated."""
SIZE = {"width": 1440, "height": 900}
DRAWN = "() => [...document.querySelectorAll('[data-ready]')].at(-1)?.__canvas?.nodes().length > 0"
START_S, LONG_MS, CALM_MS = 90, 120_000, 6_000
"""Time for the server to start, for the page to be drawn, and for the answers to arrive."""


def main() -> int:
    browser = find_browser()
    if browser is None:
        print("No Chromium or Chrome was found: install one or set CHROMIUM.", file=sys.stderr)
        return 1
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "core", "explore", "--no-browser"]
        server = subprocess.Popen(
            [*command, "--store", str(Path(folder, "store")), "--port", url.split(":")[-1]],
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            stdout=subprocess.DEVNULL,
        )
        try:
            wait_for(f"{url}/_stcore/health")
            shoot(browser, f"{url}/{PAGE}", ASSETS / "screenshot.png")
        finally:
            server.terminate()
            server.wait(20)
    return 0


def wait_for(address: str) -> None:
    """Until the server answers."""
    deadline = time.monotonic() + START_S
    while True:
        try:
            with urllib.request.urlopen(address, timeout=1):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def shoot(browser: str, url: str, out: Path) -> None:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = opened.new_page(viewport=SIZE, color_scheme="light")
        page.goto(url)
        page.wait_for_function(DRAWN, timeout=LONG_MS)
        page.get_by_text("Where it fires").wait_for(timeout=LONG_MS)
        page.get_by_text("random nodes ablated").wait_for(timeout=LONG_MS)
        page.wait_for_timeout(CALM_MS)
        page.screenshot(path=out)
        opened.close()


if __name__ == "__main__":
    sys.exit(main())
