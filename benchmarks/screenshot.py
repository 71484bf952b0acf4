"""Makes assets/screenshot.png again: the Circuit page of README, from the app as it is now.

    python benchmarks/screenshot.py

The app runs on a store of its own, in a light window of 1440 x 900.
"""

import tempfile
from pathlib import Path

from app_latency import served
from playwright.sync_api import ViewportSize, sync_playwright
from study import arguments

from core.assets import ASSETS
from core.cli.browser import find_browser

PAGE = "circuit?circuit=modular-addition-gpt2&prompt=0&open=A,A2&select=1:4:2&set=A3"
"""A circuit with two supernodes open, a feature selected and a third supernode ablated."""
SIZE = ViewportSize(width=1440, height=900)
DRAWN = "() => [...document.querySelectorAll('[data-ready]')].at(-1)?.__canvas?.nodes().length > 0"
LONG_MS, CALM_MS = 120_000, 6_000
"""Time for the page to be drawn, and for the answers to arrive."""


def main() -> None:
    arguments(__doc__).parse_args()
    browser = find_browser()
    if browser is None:
        raise SystemExit("No Chromium or Chrome was found: install one or set CHROMIUM.")
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as (url, _):
        shoot(browser, f"{url}/{PAGE}", ASSETS / "screenshot.png")


def shoot(browser: str, url: str, out: Path) -> None:
    """The page's picture once everything on it has arrived."""
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
    main()
