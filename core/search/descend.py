"""Down the tree: whole supernodes are closed first, and really ablated before they are dropped.

0. Groups known beforehand, if any, are tried as in 3, before the tree.
1. Residuals and slopes at the current circuit; a supernode's slope is the sum of its members'.
2. From the root's children down, supernodes are closed jointly, the least cost per node first (see
   `joint`), as long as the predicted loss stays below a limit; those left open are replaced by
   their children, terminal ones stay in the circuit.
3. The closed supernodes are really ablated, all at once, then half of that list, a quarter, ...
   until the *measured* loss is within the limit; those are dropped, for good.
4. Again at the new circuit, until a round drops too little or the forwards are spent.

A guide's scores, if given, make 2 slower to close what the guide thinks much of: `trust` times the
limit, for a supernode that holds the best node of all, counts as a cost of its own when the next to
close is chosen, and so it stands near the end of the list that 3 cuts in half. The scores decide
turns only: what is dropped is dropped by a measurement within the same limit, and when the guided
rounds come to an end there are others without the guide, so that a wrong one costs forwards alone.

Adaptive group testing (Hwang 1972) from the full circuit downward: one measurement clears hundreds
of nodes that do nothing together. A supernode decision is a measured one; the first order only
proposes. Fewer numbers are chosen than node by node (supernodes, not members), so there is less to
fit to the prompts, and no matrix of nodes × nodes is ever needed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.errors import SettingsError
from core.guide import GuideScores
from core.hierarchy.tree import Hierarchy
from core.search.joint import Respond, close, mask_of
from core.search.progress import OnProgress, SearchProgress, ignore

Measure = Callable[[Tensor], Tensor]
"""masks [circuit node] -> mean squared residual [circuit], really run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DescendSettings:
    """How much a supernode may cost."""

    growth: float = 1.25
    """The loss may grow by this factor per round, 1 or more."""
    floor: float = 5e-4
    """A loss up to this is taken for none; mean squared residual, in squared model margins."""
    least: float = 0.25
    """A round that drops a smaller share of the circuit is the last."""
    budget: int = 2048
    """Circuits that may be run."""
    keep: int = 1
    """Nodes left at least: the largest circuit that is wanted."""
    trust: float = 1.0
    """How much a guide's scores count against closing, in limits; 0 leaves them aside."""

    def __post_init__(self) -> None:
        """Refuse values that have no meaning."""
        low = min(self.budget, self.keep)
        if self.growth < 1 or min(self.floor, self.trust) < 0 or not 0 < self.least < 1 or low < 1:
            raise SettingsError(
                f"Settings of the way down the tree are out of range: got {self}; growth, "
                "budget and keep must be 1 or more, floor and trust 0 or more, least in (0, 1). "
                "Change them."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Descent:
    """One round."""

    proposed: int
    """Supernodes closed to first order."""
    dropped: int
    """Of those, the ones whose real ablation held."""
    live: int
    """Nodes left."""
    loss: float
    """Measured with them gone."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Survivors:
    """What supernode elimination leaves."""

    live: Int[Tensor, " live"]
    """Nodes left, ascending."""
    round_of: Int[Tensor, " node"]
    """Round in which each node was dropped, from 1; 0 for the live ones."""
    forwards: int
    """Circuits run, one per mask measured."""
    responses: int
    """Times the slopes were asked for."""
    rounds: tuple[Descent, ...]


def descend(
    hierarchy: Hierarchy,
    respond: Respond,
    measure: Measure,
    settings: DescendSettings | None = None,
    *,
    known: Sequence[Int[Tensor, " _"]] = (),
    prior: GuideScores | None = None,
    progress: OnProgress = ignore,
) -> Survivors:
    """Drop the supernodes that a task does without.

    Args:
        hierarchy: Over the nodes of the mask.
        respond: See `Respond`.
        measure: See `Measure`.
        settings: Defaults if None.
        known: Disjoint groups that are tried before the tree, say the part of a dictionary that
            the rest does without by design.
        prior: A guide's scores over the hierarchy; nothing is known if None.
        progress: Called every round; raise in it to stop.
    """
    settings = settings or DescendSettings()
    way = _Way(hierarchy.n_leaves, respond, measure, settings, progress)
    held = _held(prior, hierarchy.n_supernodes, settings.trust)
    if known:
        way.round(lambda at: _closed(known, torch.zeros(len(known)), at).groups)
    for scores in (held, torch.zeros_like(held)) if held.any() else (held,):
        while (
            way.round(lambda at, scores=scores: _proposed(hierarchy, scores, at)) >= settings.least
        ):
            pass
    return way.survivors()


class _Way:
    """The circuit on its way down."""

    def __init__(
        self,
        n: int,
        respond: Respond,
        measure: Measure,
        settings: DescendSettings,
        progress: OnProgress,
    ) -> None:
        """Everything live."""
        self.respond, self.measure, self.settings = respond, measure, settings
        self.progress = progress
        self.live, self.round_of = torch.ones(n), torch.zeros(n, dtype=torch.long)
        self.rounds: list[Descent] = []
        self.forwards, self.responses = 0, 0

    def round(self, propose: Callable[["_State"], list[Tensor]]) -> float:
        """Propose, ablate, drop; the share of the circuit dropped."""
        before = float(self.live.sum())
        if self.forwards >= self.settings.budget or before <= self.settings.keep:
            return 0.0
        response = self.respond(self.live)
        self.responses += 1
        limit = max(self.settings.floor, self.settings.growth * response.loss)
        quota = before - self.settings.keep
        at = _State(response.residual, response.slope, self.live, limit, quota)
        self._ablate(propose(at), limit)
        return 1 - float(self.live.sum()) / before

    def _ablate(self, closed: list[Tensor], limit: float) -> None:
        """Drop the first of the whole list, its half, ... that can really go."""
        part = len(closed)
        while part and self.forwards < self.settings.budget:
            mask = self.live * (1 - mask_of(len(self.live), torch.cat(closed[:part])))
            left, loss = int(mask.sum()), float(self.measure(mask[None])[0])
            self.forwards += 1
            if loss <= limit and left:
                self._drop(mask, Descent(proposed=len(closed), dropped=part, live=left, loss=loss))
                return
            part //= 2

    def _drop(self, mask: Float[Tensor, " node"], done: Descent) -> None:
        self.rounds.append(done)
        self.round_of[(mask == 0) & (self.live > 0)] = len(self.rounds)
        self.live = mask
        n = len(mask)
        self.progress(SearchProgress(stage="descend", done=n - done.live, total=n))

    def survivors(self) -> Survivors:
        """What is left."""
        return Survivors(
            live=self.live.nonzero().squeeze(1),
            round_of=self.round_of,
            forwards=self.forwards,
            responses=self.responses,
            rounds=tuple(self.rounds),
        )


class _State(NamedTuple):
    """A circuit, and what may still be closed in it."""

    residual: Float[Tensor, " measurement"]
    slope: Float[Tensor, "measurement node"]
    live: Float[Tensor, " node"]
    limit: float
    """Predicted loss that must not be passed."""
    quota: float
    """Nodes that may be closed."""


class _Closed(NamedTuple):
    """Groups closed to first order."""

    groups: list[Tensor]
    """Their live members."""
    opened: list[int]
    """Places of the groups left open."""
    after: _State


def _held(prior: GuideScores | None, n: int, trust: float) -> Float[Tensor, " supernode"]:
    """What closing each supernode counts besides its cost, in limits."""
    if prior is None:
        return torch.zeros(n)
    score = torch.from_numpy(prior.supernode).abs().float()
    if len(score) != n or not torch.isfinite(score).all():
        raise SettingsError(
            f"The guide's scores do not fit the hierarchy: got {len(score)}, "
            f"{int((~torch.isfinite(score)).sum())} of them not finite, for {n} supernodes; each "
            "must have one finite score. Score this very hierarchy."
        )
    return trust * score / score.max().clamp(min=1e-30)


def _proposed(hierarchy: Hierarchy, held: Tensor, at: _State) -> list[Tensor]:
    """Live members of the supernodes closed to first order, level by level."""
    closed, frontier = [], list(hierarchy.children(0))
    while frontier:
        members = [torch.from_numpy(hierarchy.members(s).copy()) for s in frontier]
        found, opened, at = _closed(members, held[frontier], at)
        closed += found
        frontier = [c for i in opened for c in hierarchy.children(frontier[i])]
    return closed


def _closed(groups: Sequence[Tensor], held: Tensor, at: _State) -> _Closed:
    """Close groups jointly; those without live members are neither closed nor left open."""
    members = [group[at.live[group] > 0] for group in groups]
    kept = [i for i, nodes in enumerate(members) if len(nodes)]
    if not kept:
        return _Closed([], [], at)
    sums = torch.stack([at.slope[:, members[i]].sum(1) for i in kept], 1)
    weight = torch.tensor([float(len(members[i])) for i in kept])
    found = close(
        at.residual,
        sums,
        weight,
        quota=at.quota,
        limit=at.limit,
        reluctance=at.limit * held[kept],
    )
    shut = {kept[item] for item in found.items}
    quota = at.quota - float(weight[found.items].sum())
    return _Closed(
        groups=[members[kept[item]] for item in found.items],
        opened=[i for i in kept if i not in shut],
        after=at._replace(residual=found.residual, quota=quota),
    )
