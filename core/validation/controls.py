"""Random circuits to hold a circuit against.

*Matched*: each node is exchanged for a random feature of the same layer, position and quarter of
mean activation, drawn without repeats from all features alive there, the circuit's own included.
It answers: does it matter *which* features of these sites were taken? Where a circuit holds most of
what is alive at a site, its draws overlap with it and the control is strong; the overlap is told.

*Free*: as many features, drawn from all that are alive anywhere. It answers: does it matter at all
where one looks?
"""

from collections import defaultdict
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

QUANTILES = 4
"""Activation bins in which a matched draw must stay."""


class RandomCircuits(NamedTuple):
    """Masks of random circuits, all of one size."""

    masks: Float[Tensor, "circuit layer pos feature"]
    overlap: float
    """Mean share of a draw's nodes that the circuit has too."""


def matched_circuits(
    mask: Float[Tensor, "layer pos feature"],
    active: Bool[Tensor, "layer pos feature"],
    activation: Float[Tensor, "layer pos feature"],
    *,
    draws: int,
    seed: int,
) -> RandomCircuits:
    """Draws matched on layer × position × activation quarter."""
    pools = _pools(mask.bool() | active, activation)
    generator = torch.Generator().manual_seed(seed)
    masks = torch.zeros(draws, *mask.shape)
    flat = masks.view(draws, -1)
    for pool in pools:
        wanted = int(mask.flatten()[pool].sum())
        if wanted:
            order = torch.rand(draws, len(pool), generator=generator).argsort(1)[:, :wanted]
            flat.scatter_(1, pool[order], 1.0)
    return RandomCircuits(masks, _overlap(masks, mask))


def free_circuits(
    mask: Float[Tensor, "layer pos feature"],
    active: Bool[Tensor, "layer pos feature"],
    *,
    draws: int,
    seed: int,
) -> RandomCircuits:
    """Draws from everything alive, at any layer and position."""
    pool = (mask.bool() | active).flatten().nonzero().squeeze(1)
    generator = torch.Generator().manual_seed(seed)
    order = torch.rand(draws, len(pool), generator=generator).argsort(1)[:, : int(mask.sum())]
    masks = torch.zeros(draws, mask.numel()).scatter_(1, pool[order], 1.0)
    return RandomCircuits(
        masks.view(draws, *mask.shape), _overlap(masks.view(-1, *mask.shape), mask)
    )


def _pools(alive: Bool[Tensor, "layer pos feature"], activation: Tensor) -> list[Tensor]:
    """Flat indices of the alive features of each layer × position × activation quarter."""
    found: dict[tuple[int, int], list[Tensor]] = defaultdict(list)
    n_features = alive.shape[2]
    for layer, position in alive.any(2).nonzero().tolist():
        here = alive[layer, position].nonzero().squeeze(1)
        ranked = here[activation[layer, position, here].argsort(stable=True)]
        start = (layer * alive.shape[1] + position) * n_features
        found[layer, position] = [start + part for part in ranked.tensor_split(QUANTILES)]
    return [part for parts in found.values() for part in parts if len(part)]


def _overlap(masks: Tensor, mask: Tensor) -> float:
    return float((masks * mask).sum() / masks.sum().clamp(min=1))
