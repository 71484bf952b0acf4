"""Measures sections of a result one by one: one that fails costs itself and nothing else."""

import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from core.errors import CoreError
from core.models import LanguageModel
from core.models.threads import mapped
from core.pipeline.progress import OnProgress, RunProgress

Section = Callable[[OnProgress], dict[str, Any]]
"""Measures one section, as JSON values; tells of its steps."""


def measured(
    sections: Mapping[str, Section], progress: OnProgress, model: LanguageModel
) -> dict[str, Any]:
    """Every section by name; `{"failed": ...}` in place of one that raised the unforeseen.

    Sections of a small model run side by side. A refusal goes through, and so does what `progress`
    raises to cancel.
    """
    cancelled: list[Exception] = []

    def told(step: RunProgress) -> None:
        try:
            progress(step)
        except Exception as asked:
            cancelled.append(asked)
        if cancelled:
            raise cancelled[0]

    def run(section: tuple[str, Section]) -> tuple[str, dict[str, Any]]:
        name, measure = section
        try:
            return name, measure(told)
        except CoreError:
            raise
        except Exception as error:
            if cancelled:
                raise
            said = _said(error)
            told(RunProgress(stage="validate", done=1, total=1, note=_note(name, said)))
            return name, {"failed": said}

    return dict(mapped(model, run, sections.items()))


def _note(name: str, said: str) -> str:
    return f"section {name} failed: {said}"


def _said(error: Exception) -> str:
    """The error in one line, with the place that raised it."""
    (frame,) = traceback.extract_tb(error.__traceback__)[-1:]
    what = f"{type(error).__name__}: {error}".splitlines()[0]
    return f"{what} ({Path(frame.filename).name}, line {frame.lineno})"
