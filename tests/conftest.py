"""Holds the whole run: where a browser is required, a skipped browser test is a failure."""

import os

import pytest


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fails the run when HAGD_BROWSER=required (make test, CI) and a browser test was skipped."""
    if os.environ.get("HAGD_BROWSER") != "required":
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    if any("browser" in report.keywords for report in skipped):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
