"""Which browser the tests can drive: found here once, for `hagd doctor` and `make test` alike."""

import os
import shutil
import sys
from pathlib import Path

NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
)

MAC = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)


def find_browser() -> str | None:
    """Path of a Chromium or Chrome: CHROMIUM, then PATH, then Playwright's own; None if none."""
    if named := os.environ.get("CHROMIUM"):
        return shutil.which(named)
    for name in NAMES:
        if found := shutil.which(name):
            return found
    if sys.platform == "darwin":
        for path in MAC:
            if Path(path).exists():
                return path
    return _playwrights_own()


def _playwrights_own() -> str | None:
    # its driver would tell the exact path, at the price of starting Node.js
    root = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or _playwright_cache())
    names = ("chrome-linux*/chrome", "chrome-mac*/Chromium.app/Contents/MacOS/Chromium")
    found = [path for name in names for path in root.glob(f"chromium-*/{name}")]
    return str(max(found)) if found else None


def _playwright_cache() -> Path:
    base = "Library/Caches" if sys.platform == "darwin" else ".cache"
    return Path.home() / base / "ms-playwright"
