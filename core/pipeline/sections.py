"""Measures sections of a result one by one: one that fails costs itself and nothing else."""

import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from core.errors import CoreError
from core.pipeline.progress import OnProgress, RunProgress

Section = Callable[[OnProgress], dict[str, Any]]
"""Measures one section, as JSON values; tells of its steps."""


def measured(sections: Mapping[str, Section], progress: OnProgress) -> dict[str, Any]:
    """Every section by name; `{"failed": ...}` in place of one that raised the unforeseen.

    A refusal goes through, and so does what `progress` raises to cancel.
    """
    cancelled = False

    def told(step: RunProgress) -> None:
        nonlocal cancelled
        try:
            progress(step)
        except Exception:
            cancelled = True
            raise

    found = {}
    for name, measure in sections.items():
        try:
            found[name] = measure(told)
        except CoreError:
            raise
        except Exception as error:
            if cancelled:
                raise
            found[name] = {"failed": _said(error)}
            note = f"section {name} failed: {found[name]['failed']}"
            progress(RunProgress(stage="validate", done=1, total=1, note=note))
    return found


def _said(error: Exception) -> str:
    """The error in one line, with the place that raised it."""
    (frame,) = traceback.extract_tb(error.__traceback__)[-1:]
    what = f"{type(error).__name__}: {error}".splitlines()[0]
    return f"{what} ({Path(frame.filename).name}, line {frame.lineno})"
