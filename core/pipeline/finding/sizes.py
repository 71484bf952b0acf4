"""How many nodes of a ranking a circuit needs, on the selection split.

The least on a ladder of sizes at which F and φ reach the aim, under resample and mean ablation
both; where none gets there, the largest.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.pipeline.finding.probes import Probe
from core.pipeline.settings import RunSettings
from core.validation.curve import LADDER

SIZES = tuple(sorted({*LADDER[1:], 35, 65, 85, 90, 110, 175, 225, 275, 325}))
"""Sizes tried, in nodes."""
BEYOND = 10**9
"""Stands for a size when no size reaches the aim."""


class Choice(NamedTuple):
    """How many nodes one ranking needs."""

    size: int
    scan: list[dict[str, int | float]]
    """Size, F and φ on the selection split, each the worse of resample and mean ablation."""
    rank: tuple[int, float]
    """Smaller is better: the size if the aim is reached, else out of reach and by how much."""


def choose_size(
    selection: Probe, ranking: Int[Tensor, " candidate"], settings: RunSettings
) -> Choice:
    """The size asked for, or the smallest on the ladder that reaches the aim; and the scan."""
    largest = min(settings.max_size, len(ranking))
    sizes = sorted({*(s for s in SIZES if s < largest), largest})
    if settings.size is not None:
        sizes = [min(settings.size, len(ranking))]
    f, phi = (score.amin(0) for score in selection.scores(_masks(selection, ranking, sizes)))
    scan = [
        {"size": s, "faithfulness": round(float(f[i]), 4), "phi": round(float(phi[i]), 4)}
        for i, s in enumerate(sizes)
    ]
    least = torch.minimum(f, phi)
    good = (least >= settings.aim).nonzero().flatten().tolist()
    place = good[0] if good else len(sizes) - 1
    reached = (sizes[place], 0.0) if good else (BEYOND, -float(least[place]))
    return Choice(sizes[place], scan, reached)


def worst(selection: Probe, ranking: Int[Tensor, " candidate"], size: int) -> float:
    """The least of F and φ under both ablations."""
    f, phi = selection.scores(_masks(selection, ranking, [size]))
    return float(torch.minimum(f, phi).min())


def _masks(probe: Probe, ranking: Tensor, sizes: list[int]) -> Float[Tensor, "size node"]:
    masks = torch.zeros(len(sizes), len(probe.nodes))
    for kept, size in zip(masks, sizes, strict=True):
        kept[ranking[:size]] = 1.0
    return masks
