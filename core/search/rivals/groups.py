"""Best-first group testing: which nodes matter, by really ablating whole supernodes.

1. Put the root's children in a queue, the largest prior score of any member first (max-score keys
   keep recall where mean-score keys and fixed beams lose it; ties go to the stronger parent).
2. Pop a batch and have all its groups ablated together (`group_effect`).
3. A group whose every effect is below epsilon is discarded, unless its share of Σ|prior| is larger
   than `guard`: members may cancel. Any other is replaced in the queue by its children, a terminal
   supernode by its leaves.
4. Stop when the queue is empty or the forwards are spent. A leaf never measured alone gets its
   share, by prior, of the effect of the smallest group it was measured in.

With `trust` t > 0 a share t of the forwards goes to single nodes in the order of the prior, beside
the queue; groups are then ablated without the nodes that were measured alone, the strongest parent
first, since what the prior knows needs no group. A good prior saves the groups above its nodes, and
a wrong one costs no more than its share: the queue goes on, and 4 holds as before.

Adaptive group testing by splitting (Hwang 1972) needs about |C| b log_b(n / |C|) measurements
instead of n. It assumes that ablating a group shows if a member matters: noising shows members
that are needed together (AND), denoising members any of which is enough (OR); see `trace`.
"""

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from core.errors import SettingsError
from core.hierarchy.tree import Hierarchy
from core.search.progress import OnProgress, SearchProgress, ignore
from core.search.rivals.trace import SearchTrace, Want

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
    trust: float = 0.0
    """Share of the forwards spent on single nodes in the order of the prior, in [0, 1)."""
    want: Want = "either"
    """Whether one kind of effect is enough for a node to count, or all must show it."""

    def __post_init__(self) -> None:
        """Refuse values that have no meaning."""
        _check("epsilon", self.epsilon, self.epsilon >= 0, "0 or more")
        _check("batch", self.batch, self.batch >= 1, "1 or more")
        _check("guard", self.guard, 0 <= self.guard <= 1, "between 0 and 1")
        _check("trust", self.trust, 0 <= self.trust < 1, "0 or more and less than 1")
        _check("budget", self.budget, self.budget is None or self.budget >= 1, "1 or more, or None")


def best_first(
    hierarchy: Hierarchy,
    prior: Float[np.ndarray, " node"],
    group_effect: GroupEffect,
    settings: GroupSettings | None = None,
    *,
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
        effects = np.asarray(group_effect([group.members for group in groups]), dtype=np.float64)
        search.record(groups, _as_columns(effects, len(groups)))
        total = settings.budget or len(prior) * search.kinds
        done = min(search.forwards, total)
        progress(SearchProgress(stage="groups", done=done, total=total))
    return search.trace()


class _Group(NamedTuple):
    """Nodes that are measured together."""

    members: np.ndarray
    supernode: int | None
    """None for a single node: there is nothing below it."""
    guided: bool = False
    """Taken by the prior, beside the queue."""


class _Search:
    """The queue and what has been measured so far."""

    def __init__(self, hierarchy: Hierarchy, prior: np.ndarray, settings: GroupSettings) -> None:
        """Queue the children of the root, or its leaves if it has none."""
        self.hierarchy, self.prior, self.settings = hierarchy, prior, settings
        self.trust = settings.trust if prior.any() else 0.0
        self.guide = iter(np.argsort(-prior, kind="stable"))
        self.total = float(prior.sum())
        self.kinds, self.forwards = 1, 0
        self.guided, self.taken, self.turn = 0, 0, 0
        self.discarded: list[int] = []
        self.groups: list[np.ndarray] = []
        self.effects: list[np.ndarray] = []
        self.alone = np.zeros(len(prior), dtype=bool)
        self.queue: list[tuple[float, float, int, _Group]] = []
        self._split(np.arange(len(prior)), 0, 0.0)

    def next_batch(self) -> list[_Group]:
        """Groups to measure next; none left if the queue is empty or the budget is spent."""
        size, budget = self.settings.batch, self.settings.budget
        if budget is not None:
            size = min(size, (budget - self.forwards) // self.kinds)
        batch: list[_Group] = []
        while len(batch) < size and (group := self._next()) is not None:
            batch.append(group)
        return batch

    def _next(self) -> _Group | None:
        """A node that the prior names, if it is its turn and groups are left, or a group."""
        self._drop_empty()
        if not self.queue:
            return None
        if self.guided < self.trust * (self.taken + 1):
            for node in self.guide:
                if not self.alone[node]:
                    return self._taken(_Group(np.array([node]), None, guided=True))
        group = heapq.heappop(self.queue)[-1]
        return self._taken(group._replace(members=group.members[~self.alone[group.members]]))

    def _drop_empty(self) -> None:
        """Groups of which every node was measured alone need no measurement."""
        while self.queue and self.alone[self.queue[0][-1].members].all():
            heapq.heappop(self.queue)

    def _taken(self, group: _Group) -> _Group:
        self.guided += group.guided
        self.taken += 1
        if len(group.members) == 1:
            self.alone[group.members] = True
        return group

    def record(self, groups: list[_Group], effects: np.ndarray) -> None:
        """Keep the effects of a batch; split or discard each of its groups."""
        self.kinds = effects.shape[1]
        self.forwards += effects.size
        for group, effect in zip(groups, effects, strict=True):
            size = np.abs(effect)
            strength = float(size.max() if self.settings.want == "either" else size.min())
            self.groups.append(group.members)
            self.effects.append(effect)
            if strength >= self.settings.epsilon or self._guarded(group.members):
                self._split(group.members, group.supernode, strength)
            else:
                self.discarded.append(len(self.groups) - 1)

    def trace(self) -> SearchTrace:
        """What was measured."""
        return SearchTrace(
            prior=self.prior,
            want=self.settings.want,
            order=tuple(tuple(members.tolist()) for members in self.groups),
            effect=np.array(self.effects).reshape(len(self.effects), self.kinds),
            discarded=tuple(self.discarded),
        )

    def _guarded(self, members: np.ndarray) -> bool:
        held = float(self.prior[members].sum())
        return len(members) > 1 and held > self.settings.guard * self.total

    def _split(self, members: np.ndarray, supernode: int | None, strength: float) -> None:
        if supernode is None:
            return
        children = self.hierarchy.children(supernode)
        for child in children:
            self._push(self.hierarchy.members(child), child, strength)
        for leaf in () if children else members:
            self._push(np.array([leaf]), None, strength)

    def _push(self, members: np.ndarray, supernode: int | None, strength: float) -> None:
        score = float(self.prior[members].max())
        # A supernode of one leaf is that leaf: measuring it twice would waste a forward.
        group = _Group(members, None if len(members) == 1 else supernode)
        key = (-strength, -score) if self.trust else (-score, -strength)
        self.turn += 1  # first come, first served among equals
        heapq.heappush(self.queue, (*key, self.turn, group))


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
            "leaves; it must have one finite score for each. Take it from the same graph."
        )


def _check(name: str, value: object, holds: bool, required: str) -> None:
    if not holds:
        raise SettingsError(
            f"Search setting {name} is out of range: got {value}; it must be {required}. Change it."
        )
