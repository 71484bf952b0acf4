"""Backward elimination: one ranking whose every prefix is a circuit.

1. All candidates' gates are at 1, every other node's at 0.
2. Importance of each gate at the *current* circuit: Σ over batches of (∂loss/∂gate)².
3. The least important 10 % are removed for good; the last removed stand highest.
4. Again from 2, until one is left. Circuits of all sizes are prefixes of one order.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from core.errors import SettingsError
from core.search.joint import Elimination, check_candidates
from core.search.progress import OnProgress, SearchProgress, ignore

Importance = Callable[[Tensor], Tensor]
"""mask [node] -> importance [node], not negative."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EliminateSettings:
    """How fast to remove."""

    fraction: float = 0.10
    """Share of what is left removed per round, in (0, 1); always at least one node."""
    stop: int = 1
    """Size at which removal stops; what is left is ranked by its importance there."""

    def __post_init__(self) -> None:
        """Refuse values that have no meaning."""
        if not 0 < self.fraction < 1 or self.stop < 1:
            raise SettingsError(
                f"Elimination settings are out of range: got fraction {self.fraction} and stop "
                f"{self.stop}; they must lie in (0, 1) and be 1 or more. Use 0.1 and 1 if unsure."
            )


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
        importance: See `Importance`; in the benchmarks Σ over prompts of (∂loss/∂gate)².
        candidates: Nodes to rank, all if None. The mask is 0 at every other node throughout.
        progress: Called every round; raise in it to stop.
    """
    settings = settings or EliminateSettings()
    left = torch.arange(n) if candidates is None else candidates.long()
    check_candidates(n, left)
    total, rounds, removed = len(left), 0, []
    while True:
        mask = torch.zeros(n)
        mask[left] = 1.0
        rounds += 1
        # Weakest first; equals in the order given, so that a run repeats.
        weakest = torch.argsort(_asked(importance, mask)[left], stable=True)
        if len(left) <= settings.stop:
            removed.append(left[weakest])
            break
        drop = max(1, int(settings.fraction * len(left)))
        drop = min(drop, len(left) - settings.stop)
        removed.append(left[weakest[:drop]])
        left = left[torch.sort(weakest[drop:]).values]
        progress(SearchProgress(stage="eliminate", done=total - len(left), total=total))
    return Elimination(order=torch.cat(removed).flip(0), rounds=rounds)


def _asked(importance: Importance, mask: Tensor) -> Tensor:
    found = importance(mask)
    if found.shape != mask.shape or not torch.isfinite(found).all():
        raise SettingsError(
            f"importance returned shape {tuple(found.shape)} or values that are not finite for "
            f"{len(mask)} nodes; it must return one finite number per node. Correct it."
        )
    return found
