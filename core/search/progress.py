"""What a search tells its caller while it runs.

A callback that raises stops the search: nothing is held that would need undoing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchProgress:
    """One step done."""

    stage: Literal["descend", "rank", "exchange", "refine", "groups", "eliminate"]
    """Which part of the search; a run takes the first four."""
    done: int
    """Forwards, nodes removed, rounds or steps so far, by stage."""
    total: int
    """What `done` ends at, at most."""


OnProgress = Callable[[SearchProgress], None]


def ignore(progress: SearchProgress) -> None:
    """The callback of a caller who does not want to know."""
