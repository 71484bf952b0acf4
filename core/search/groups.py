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
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

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
    settings = settings or GroupSettings()
    _check_prior(hierarchy, prior)
    search = _Search(hierarchy, np.abs(prior), settings)
    while groups := search.next_batch():
        effects = np.asarray(group_effect([members for members, _ in groups]), dtype=np.float64)
        search.record(groups, _as_columns(effects, len(groups)))
        total = settings.budget or len(prior) * search.kinds
        done = min(search.forwards, total)
        progress(SearchProgress(stage="groups", done=done, total=total))
    return search.trace()


class _Search:
    """The queue and what has been measured so far."""

    def __init__(self, hierarchy: Hierarchy, prior: np.ndarray, settings: GroupSettings) -> None:
        """Queue the children of the root, or its leaves if it has none."""
        self.hierarchy, self.prior, self.settings = hierarchy, prior, settings
        self.total = float(prior.sum())
        self.kinds, self.forwards, self.pushed = 1, 0, 0
        self.discarded: list[int] = []
        self.groups: list[np.ndarray] = []
        self.effects: list[np.ndarray] = []
        self.value = np.zeros(len(prior))
        self.measured = np.zeros(len(prior), dtype=bool)
        self.queue: list[tuple[float, float, int, np.ndarray, int | None]] = []
        self._split(np.arange(len(prior)), 0, 0.0)

    def next_batch(self) -> list[tuple[np.ndarray, int | None]]:
        """Groups to measure next, with the supernode each is; none left if the budget is spent."""
        size, budget = self.settings.batch, self.settings.budget
        if budget is not None:
            size = min(size, (budget - self.forwards) // self.kinds)
        size = max(0, min(size, len(self.queue)))
        return [heapq.heappop(self.queue)[3:] for _ in range(size)]

    def record(self, groups: list[tuple[np.ndarray, int | None]], effects: np.ndarray) -> None:
        """Keep the effects of a batch; split or discard each of its groups."""
        self.kinds = effects.shape[1]
        self.forwards += effects.size
        for (members, supernode), effect in zip(groups, effects, strict=True):
            strength = float(np.abs(effect).max())
            self.groups.append(members)
            self.effects.append(effect)
            self._share(members, strength)
            if strength >= self.settings.epsilon or self._guarded(members):
                self._split(members, supernode, strength)
            else:
                self.discarded.append(len(self.groups) - 1)

    def trace(self) -> SearchTrace:
        """What was measured."""
        return SearchTrace(
            value=self.value,
            measured=self.measured,
            forwards=self.forwards,
            exhaustive_forwards=len(self.prior) * self.kinds,
            order=tuple(tuple(members.tolist()) for members in self.groups),
            effect=np.array(self.effects).reshape(len(self.effects), self.kinds),
            discarded=tuple(self.discarded),
        )

    def _share(self, members: np.ndarray, strength: float) -> None:
        prior = self.prior[members]
        even = np.full(len(members), 1 / len(members))
        share = prior / prior.sum() if prior.sum() > 0 else even
        self.value[members] = strength * share
        self.measured[members] = len(members) == 1

    def _guarded(self, members: np.ndarray) -> bool:
        held = float(self.prior[members].sum())
        return len(members) > 1 and held > self.settings.guard * self.total

    def _split(self, members: np.ndarray, supernode: int | None, strength: float) -> None:
        if supernode is None:  # a leaf is measured, there is nothing below it
            return
        children = self.hierarchy.children(supernode)
        for child in children:
            self._push(self.hierarchy.members(child), child, strength)
        for leaf in () if children else members:
            self._push(np.array([leaf]), None, strength)

    def _push(self, members: np.ndarray, supernode: int | None, strength: float) -> None:
        # A supernode of one leaf is that leaf: measuring it twice would waste a forward.
        alone = None if len(members) == 1 else supernode
        key = -float(self.prior[members].max())
        heapq.heappush(self.queue, (key, -strength, self._turn(), members, alone))

    def _turn(self) -> int:
        """First come, first served among equals."""
        self.pushed += 1
        return self.pushed


def recall_at(trace: SearchTrace, exhaustive: Float[np.ndarray, " node"], top: int) -> float:
    """Share of the `top` strongest nodes by exhaustive |effect| among the trace's `top` strongest.

    Nodes without any effect are not counted as to be found. Unitless, in [0, 1].
    """
    exhaustive = np.abs(exhaustive)
    wanted = np.argsort(-exhaustive, kind="stable")[:top]
    wanted = wanted[exhaustive[wanted] > 0]
    if len(wanted) == 0:
        return 1.0
    found = np.argsort(-trace.value, kind="stable")[:top]
    return float(np.isin(wanted, found).mean())


def _as_columns(effects: np.ndarray, groups: int) -> np.ndarray:
    if effects.ndim not in (1, 2) or len(effects) != groups or not np.isfinite(effects).all():
        raise SettingsError(
            f"group_effect returned an array of shape {effects.shape} for {groups} groups, or one "
            "that is not finite; it must return one row of finite effects per group. Correct it."
        )
    return effects.reshape(groups, -1)


def _check_prior(hierarchy: Hierarchy, prior: np.ndarray) -> None:
    if len(prior) != hierarchy.n_leaves or not np.isfinite(prior).all():
        raise SettingsError(
            f"The prior does not fit the hierarchy: got {len(prior)} scores, "
            f"{int((~np.isfinite(prior)).sum())} of them not finite, for {hierarchy.n_leaves} "
            "leaves; it must have one finite score per leaf. Take it from the same graph."
        )


def _check(name: str, value: object, holds: bool, required: str) -> None:
    if not holds:
        raise SettingsError(
            f"Search setting {name} is out of range: got {value}; it must be {required}. Change it."
        )
