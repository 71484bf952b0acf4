"""Prints the browser that the browser tests drive; with --install, gets one where none is.

1. CHROMIUM, a chromium or chrome on PATH, or Playwright's own: whatever `core.cli.browser` finds.
2. Debian's package, when this is Debian and we are root.
3. Playwright's own download.
Standard output carries the path alone, so that the Makefile can capture it.
"""

import os
import shutil
import subprocess
import sys

from core.cli.browser import find_browser

NONE_WORKS = (
    "No browser for the browser tests was found, and none could be installed (tried: CHROMIUM, "
    "chromium and google-chrome on PATH, Debian's chromium package, `playwright install "
    "chromium`). Install Chromium or Chrome, or set CHROMIUM to its path, and run make test again."
)


def run(*command: str) -> bool:
    print("+", *command, file=sys.stderr)
    return subprocess.run(command, stdout=sys.stderr, check=False).returncode == 0


def from_debian() -> bool:
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        return False
    run("apt-get", "update", "-qq")
    return run("apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium")


def from_playwright() -> bool:
    return run(sys.executable, "-m", "playwright", "install", "chromium")


def main() -> int:
    found = find_browser()
    if found is None and "--install" in sys.argv:
        for attempt in (from_debian, from_playwright):
            if attempt() and (found := find_browser()) is not None:
                break
    if found is None:
        print(NONE_WORKS, file=sys.stderr)
        return 1
    print(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
