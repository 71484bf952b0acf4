"""Whole runs, without what a test does not look at."""

import pytest


@pytest.fixture
def no_sections(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs and validations measure no further section: those take more than half of the time."""
    monkeypatch.setattr("core.pipeline.judging.validation.further", lambda *_args, **_options: {})
