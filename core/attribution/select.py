"""Which active features become nodes, when there are more than wanted.

1. Direct effects of everything on the logits: one sweep with the logits as targets.
2. Rank features by influence in the graph known so far (row-normalised, as in `core.graph`), keep
   the best `features_per_round`, add their rows, and rank again.

With `features_per_round` = 4 batches of circuit-tracer's it is the same greedy choice; the last
round's rows are not needed for choosing and are left to the final sweep.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.attribution.ends import Features, Readers, Writers, writers
from core.attribution.frozen import Frozen
from core.attribution.settings import AttributionSettings
from core.attribution.sweep import direct_effects
from core.attribution.targets import Targets
from core.graph.influence import SMALLEST_SUM


def select_features(
    frozen: Frozen,
    active: Features,
    error: Float[Tensor, "layer pos d_model"],
    targets: Targets,
    settings: AttributionSettings,
) -> Int[Tensor, " kept"] | None:
    """Places of the kept features among the active ones, increasing; None to keep all."""
    wanted = settings.max_feature_nodes
    if wanted is None or wanted >= len(active):
        return None
    sources = writers(frozen, active, error, None)
    kept = torch.empty(0, dtype=torch.int64)
    rows = _rows(sources, kept, targets, settings)
    while True:
        rank = partial_influence(sources, kept, rows, targets)
        rank[kept] = -1.0
        best = rank.topk(min(settings.features_per_round, wanted - len(kept))).indices
        if len(kept) + len(best) == wanted:
            return torch.cat([kept, best]).sort().values
        rows = torch.cat([_rows(sources, best, None, settings), rows])
        kept = torch.cat([best, kept])


def _rows(
    sources: Writers,
    kept: Int[Tensor, " kept"],
    targets: Targets | None,
    settings: AttributionSettings,
) -> Float[Tensor, "row column"]:
    readers = Readers(frozen=sources.frozen, features=sources.features[kept], targets=targets)
    effects = direct_effects(readers, sources, boundary=0, memory_mb=settings.memory_mb)
    return effects[:, : sources.first_bias]


def partial_influence(
    sources: Writers,
    kept: Int[Tensor, " kept"],
    rows: Float[Tensor, "row column"],
    targets: Targets,
) -> Float[Tensor, " feature"]:
    """Influence of every active feature through the rows known so far.

    Args:
        sources: All active features.
        kept: Feature of each row; the last rows are those of the targets.
        rows: Direct effects, constants left out.
        targets: With their weights.
    """
    shares = rows.abs()
    shares /= shares.sum(1, keepdim=True).clamp(min=SMALLEST_SUM)
    influence = targets.weight @ shares[len(kept) :]
    layer = sources.features.layer[kept]
    for number in reversed(range(len(sources.error))):
        here = (layer == number).nonzero()[:, 0]
        influence += influence[kept[here]] @ shares[here]
    return influence[: len(sources.features)]
