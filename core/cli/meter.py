"""Progress of long work on standard error: a bar on a terminal, a line per stage elsewhere."""

import sys
import time
from types import TracebackType

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from core.cli.output import stderr

LINES_EVERY_S = 10.0
"""Where there is no terminal (CI, a log file): one line a stage, and one in this many seconds."""


class Meter:
    """Shows stages as they come: `with Meter() as meter: meter.show("train", 3, 100)`."""

    def __init__(self) -> None:
        self._console = stderr()
        self._bars = sys.stderr.isatty()
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            console=self._console,
            disable=not self._bars,
        )
        self._stages: dict[str, TaskID] = {}
        self._spoke = 0.0

    def show(self, stage: str, done: int, total: int, note: str = "") -> None:
        """One step of a stage; a total of 0 means that nobody knows."""
        if not self._bars:
            self._say(stage, done, total, note)
            return
        if stage not in self._stages:
            self._stages[stage] = self._progress.add_task(stage, total=total or None, note=note)
        bar = self._stages[stage]
        self._progress.update(bar, completed=done, total=total or None, note=note)

    def _say(self, stage: str, done: int, total: int, note: str) -> None:
        new = stage not in self._stages
        if new or time.monotonic() - self._spoke > LINES_EVERY_S:
            self._stages.setdefault(stage, TaskID(0))
            self._spoke = time.monotonic()
            share = f" {done}/{total}" if total else ""
            self._console.print(f"{stage}{share} {note}".rstrip())

    def __enter__(self) -> "Meter":
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()
