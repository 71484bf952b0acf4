"""Backward elimination: one ranking whose every prefix is a circuit.

1. All candidates' gates are at 1, every other node's at 0.
2. Importance of each gate at the *current* circuit: Σ over batches of (∂loss/∂gate)².
3. The least important 10 % are removed for good; the last removed stand highest.
4. Again from 2, until one is left. Circuits of all sizes are prefixes of one order.
"""

from collections.abc import Callable
from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

from core.search.progress import OnProgress, ignore

Importance = Callable[[Tensor], Tensor]
"""mask [node] -> importance [node], not negative."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EliminateSettings:
    """How fast to remove."""

    fraction: float = 0.10
    """Share of what is left removed per round, in (0, 1); always at least one node."""
    stop: int = 1
    """Size at which removal stops; what is left is ranked by its importance there."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Elimination:
    """A ranking of the candidates."""

    order: Int[Tensor, " candidate"]
    """Node indices, the last to be removed first."""
    rounds: int
    """Times the importance was asked for."""


def eliminate(
    n: int,
    importance: Importance,
    settings: EliminateSettings | None = None,
    *,
    candidates: Int[Tensor, " candidate"] | None = None,
    progress: OnProgress = ignore,
) -> Elimination:
    """Rank nodes by backward elimination.

    Args:
        n: Number of nodes (the length of the mask).
        importance: See `squared_gradient` for one from a loss.
        candidates: Nodes to rank, all if None. The mask is 0 at every other node throughout.
        progress: Called every round; raise in it to stop.
    """
    raise NotImplementedError


def squared_gradient(loss: Callable[[Tensor], Tensor]) -> Importance:
    """Importance Σ (∂loss/∂gate)² from a loss differentiable in the mask.

    Args:
        loss: mask [node] -> scalar, or one loss per batch [batch], whose squares are summed
            (one backward pass each).
    """
    raise NotImplementedError
