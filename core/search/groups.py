"""Best-first group testing: which nodes matter, by really ablating whole supernodes.

1. Put the root's children in a queue, the largest prior score of any member first (max-score keys
   keep recall where mean-score keys and fixed beams lose it; ties go to the stronger parent).
2. Pop a batch and have all its groups ablated together (`group_effect`).
3. A group whose every effect is below epsilon is discarded, unless its share of Σ|prior| is larger
   than `guard`: members may cancel. Any other is replaced in the queue by its children, a terminal
   supernode by its leaves.
4. Stop when the queue is empty or the forwards are spent. A leaf never measured alone gets its
   share, by prior, of the effect of the smallest group it was measured in.

Adaptive group testing by splitting (Hwang 1972) needs about |C| b log_b(n / |C|) measurements
instead of n. It assumes that ablating a group shows if a member matters: noising shows members
that are needed together (AND), denoising members any of which is enough (OR).
"""

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float, Int

from core.errors import SettingsError
from core.hierarchy.tree import Hierarchy
from core.search.progress import OnProgress, SearchProgress, ignore

GroupEffect = Callable[[Sequence[np.ndarray]], np.ndarray]
"""Node indices of each group -> effect [group], or [group kind] with noising and denoising."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSettings:
    """How `best_first` spends its forwards."""

    epsilon: float = 0.01
    """Effects below this, in the units of `group_effect`, are taken for none."""
    batch: int = 16
    """Groups measured in one call."""
    budget: int | None = None
    """Forwards at most (one per group and kind of effect); None: until the queue is empty."""
    guard: float = 0.25
    """A group with more than this share of Σ|prior| is split whatever it measures."""

    def __post_init__(self) -> None:
        """Refuse values that have no meaning."""
        _check("epsilon", self.epsilon, self.epsilon >= 0, "0 or more")
        _check("batch", self.batch, self.batch >= 1, "1 or more")
        _check("guard", self.guard, 0 <= self.guard <= 1, "between 0 and 1")
        _check("budget", self.budget, self.budget is None or self.budget >= 1, "1 or more, or None")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SearchTrace:
    """What group testing measured, in order."""

    value: Float[np.ndarray, " node"]
    """Largest |effect| of each node alone, or its share of its smallest measured group's."""
    measured: Bool[np.ndarray, " node"]
    """True where the node was measured alone."""
    forwards: int
    """Forwards used: groups measured times kinds of effect."""
    exhaustive_forwards: int
    """Forwards that measuring every node alone would use."""
    order: tuple[tuple[int, ...], ...]
    """Node indices of every group, in the order measured."""
    effect: Float[np.ndarray, "group kind"]
    """Effects of those groups."""
    discarded: tuple[int, ...]
    """Places in `order` of the groups that were discarded."""


def best_first(
    hierarchy: Hierarchy,
    prior: Float[np.ndarray, " node"],
    group_effect: GroupEffect,
    settings: GroupSettings | None = None,
    progress: OnProgress = ignore,
) -> SearchTrace:
    """Measure supernodes from the top down, most promising first.

    Args:
        hierarchy: Over the same nodes as `prior`.
        prior: Score of each node, any sign, any scale; all zero means nothing is known.
        group_effect: Ablates each group and returns its effects, see `GroupEffect`.
        settings: Defaults if None.
        progress: Called after every batch; raise in it to stop.
    """
    raise NotImplementedError


def recall_at(trace: SearchTrace, exhaustive: Float[np.ndarray, " node"], top: int) -> float:
    """Share of the `top` strongest nodes by exhaustive |effect| among the trace's `top` strongest.

    Nodes without any effect are not counted as to be found. Unitless, in [0, 1].
    """
    raise NotImplementedError


def _check(name: str, value: object, holds: bool, required: str) -> None:
    if not holds:
        raise SettingsError(
            f"Search setting {name} is out of range: got {value}; it must be {required}. Change it."
        )
