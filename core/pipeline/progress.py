"""What a run tells whoever watches it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Stage = Literal[
    "prepare", "transcoders", "graphs", "hierarchy", "search", "refine", "validate", "write"
]
STAGES: tuple[Stage, ...] = (
    "prepare", "transcoders", "graphs", "hierarchy", "search", "refine", "validate", "write"
)  # fmt: skip
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
