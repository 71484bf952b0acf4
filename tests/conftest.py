"""Holds the whole run: who runs what, and a skipped browser test where a browser is required."""

import os
from typing import Any

import jaxtyping
import pytest

from tests.checked import checked

jaxtyping.jaxtyped = checked  # before `core` is imported, which it decorates
BROWSER = "tests/browser"
FIRST = (BROWSER, "tests/core/pipeline", "tests/test_bundled.py", "tests/core/cli")
"""The slow ones: taken up last, one of them would keep a single worker busy at the end."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Several workers take up the slow tests first; one process keeps the order of the files."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: [not item.nodeid.startswith(place) for place in FIRST])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `-n`, what shares a fixture stays on one worker.

    That is the tests of a file, because of what it makes once; and all of the browser's, which
    share a server and a browser.
    """
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return BROWSER if nodeid.startswith(BROWSER) else super()._split_scope(nodeid)

    config.option.loadscopereorder = False  # by the number of tests, which says little here
    return Scheduling(config, log)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fails the run when HAGD_BROWSER=required (make test, CI) and a browser test was skipped."""
    if os.environ.get("HAGD_BROWSER") != "required":
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    if any("browser" in report.keywords for report in skipped):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
