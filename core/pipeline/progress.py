"""What a run tells whoever watches it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

Stage = Literal[
    "prepare", "transcoders", "graphs", "hierarchy", "search", "refine", "validate", "write"
]
STAGES: tuple[Stage, ...] = get_args(Stage)
"""In the order of a run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProgress:
    """One step of one stage."""

    stage: Stage
    done: int
    """Steps of the stage done."""
    total: int
    """Steps of the stage, at most."""
    note: str = ""
    """What a person wants to know at this point: a score, a count."""


OnProgress = Callable[[RunProgress], None]
"""Called often and must be quick; raise in it to stop the run, which can be resumed."""


def ignore(progress: RunProgress) -> None:
    """For a caller who does not want to know."""


class Clock:
    """Seconds spent in each stage, told as it ends."""

    def __init__(self, progress: OnProgress) -> None:
        self.progress = progress
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def finish(self, stage: Stage, note: str = "") -> None:
        """Ends a stage and tells how it went."""
        now = time.perf_counter()
        self.seconds[stage] = round(now - self._last, 2)
        self._last = now
        self.progress(RunProgress(stage=stage, done=1, total=1, note=note))
