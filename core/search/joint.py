"""Joint elimination: nodes are closed together, by what closing all of them does to each prompt.

A measurement is one prompt under one ablation; its residual r is what the circuit answers less what
the model answers. Closing a set S moves it, to first order, to r - Σ of S's slopes J, and

    cost of S  =  mean (r - J_S)²  -  mean r²      J_S = Σ of the slopes of the nodes in S

1. All slopes at the current circuit: one backward pass per ablation (`Respond`).
2. Again and again the node is closed that costs least beside those already closed: one that makes
   up for what they took costs little, one that adds to it much. (Squared gradients, as in
   `rivals.eliminate`, know each node alone: the diagonal of the Gram matrix of the slopes.)
3. When a share `fraction` of the circuit is closed, slopes are asked for anew.

This is optimal brain surgeon's quadratic model (Hassibi & Stork 1993) with the Gauss-Newton matrix
of the residuals and without its weight update, since gates are 0 or 1.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.errors import NodeError, SettingsError
from core.search.progress import OnProgress, SearchProgress, ignore

WIDE = 4096
"""Items up to which the whole Gram matrix is held; past that its columns are made as needed."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Response:
    """How each measurement stands at a circuit, and how it moves with each gate."""

    residual: Float[Tensor, " measurement"]
    """Circuit less model; of order 1 for an empty circuit."""
    slope: Float[Tensor, "measurement node"]
    """Derivative by each gate, open or not; where one asks about open ones only, that of a closed
    one may be 0."""

    @property
    def loss(self) -> float:
        """Mean squared residual."""
        return float(self.residual.square().mean())


Respond = Callable[[Tensor], Response]
"""mask [node] -> response."""


class Closed(NamedTuple):
    """Items closed together."""

    items: list[int]
    """Which, in the order closed."""
    residual: Float[Tensor, " measurement"]
    """Predicted with all of them closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JointSettings:
    """How far the first order is trusted."""

    fraction: float = 0.5
    """Share of the circuit closed per response, in (0, 1); always at least one node."""
    stop: int = 8
    """Size at which it ends; what is left is ranked by its slopes there."""

    def __post_init__(self) -> None:
        """Refuse values that have no meaning."""
        if not 0 < self.fraction < 1 or self.stop < 1:
            raise SettingsError(
                f"Joint elimination settings are out of range: got fraction {self.fraction} and "
                f"stop {self.stop}; they must lie in (0, 1) and be 1 or more. Use 0.5 and 8."
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Elimination:
    """A ranking of the candidates."""

    order: Int[Tensor, " candidate"]
    """Node indices, the last to be removed first."""
    rounds: int
    """Times that slopes (or, in `rivals.eliminate`, importances) were asked for."""


def eliminate_jointly(
    n: int,
    respond: Respond,
    settings: JointSettings | None = None,
    *,
    candidates: Int[Tensor, " candidate"] | None = None,
    progress: OnProgress = ignore,
) -> Elimination:
    """Rank nodes by joint elimination; every prefix of the order is a circuit.

    Args:
        n: Number of nodes (the length of the mask).
        respond: See `Respond`; asked once a round, about open gates only.
        settings: Defaults if None.
        candidates: Nodes to rank, all if None. The mask is 0 at every other node throughout.
        progress: Called every round; raise in it to stop.
    """
    settings = settings or JointSettings()
    left = torch.arange(n) if candidates is None else candidates.long()
    check_candidates(n, left)
    total, rounds, removed = len(left), 0, []
    while True:
        found = respond(mask_of(n, left))
        rounds += 1
        slope = found.slope[:, left]
        if len(left) <= settings.stop:
            removed.append(left[torch.argsort(slope.square().sum(0), stable=True)])
            break
        drop = min(max(1, int(settings.fraction * len(left))), len(left) - settings.stop)
        gone = torch.tensor(
            close(found.residual, slope, torch.ones(len(left)), quota=float(drop)).items
        )
        removed.append(left[gone])
        stays = torch.ones(len(left), dtype=torch.bool)
        stays[gone] = False
        left = left[stays]
        progress(SearchProgress(stage="rank", done=total - len(left), total=total))
    return Elimination(order=torch.cat(removed).flip(0), rounds=rounds)


def check_candidates(n: int, candidates: Tensor) -> None:
    """Refuse nodes that are not there, or named twice."""
    unique = torch.unique(candidates)
    inside = len(unique) > 0 and int(unique[0]) >= 0 and int(unique[-1]) < n
    if not inside or len(unique) < len(candidates):
        raise NodeError(
            f"The candidates are wrong: got {len(candidates)} of which {len(unique)} differ; they "
            f"must be one or more different nodes of 0 ... {n - 1}. Correct the list."
        )


def close(
    residual: Float[Tensor, " measurement"],
    slope: Float[Tensor, "measurement item"],
    weight: Float[Tensor, " item"],
    *,
    quota: float = torch.inf,
    limit: float = torch.inf,
    reluctance: Float[Tensor, " item"] | None = None,
) -> Closed:
    """Close items one by one, each time the one with the least cost per weight.

    Args:
        residual: Before.
        slope: Of each item: a node, or a supernode with its members' sum.
        weight: Nodes in each item.
        quota: Weight that may be closed in all.
        limit: Predicted mean squared residual that must not be passed.
        reluctance: Added to the cost of an item when the cheapest is looked for, in the units of
            the loss; it moves the turn of an item, and is no part of the predicted loss.
    """
    held = torch.zeros(len(weight)) if reluctance is None else reluctance
    m, square, open_ = len(residual), slope.square().sum(0), torch.ones(len(weight)).bool()
    gram = slope.T @ slope if len(weight) <= WIDE else None
    along, loss, items = slope.T @ residual, float(residual.square().mean()), []
    while True:
        cost = (square - 2 * along) / m
        fits = open_ & (weight <= quota) & (loss + cost <= limit)
        if not fits.any():
            break
        best = int(torch.where(fits, (cost + held) / weight, torch.inf).argmin())
        items.append(best)
        open_[best] = False
        loss, quota = loss + float(cost[best]), quota - float(weight[best])
        # A row of the symmetric matrix is one piece of memory; a column is not.
        along = along - (gram[best] if gram is not None else slope.T @ slope[:, best])
    return Closed(items, residual - slope[:, items].sum(1))


def mask_of(n: int, live: Int[Tensor, " live"]) -> Float[Tensor, " node"]:
    """1 at these nodes, 0 elsewhere."""
    mask = torch.zeros(n)
    mask[live] = 1.0
    return mask
