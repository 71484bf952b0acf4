"""What takes an error's place, one layer at a time.

    real        itself                        resampled   the corrupt prompt's error
    mean        its mean at the position      zero        nothing
    shuffled    another prompt's error at the same position
    noise       the mean plus a Gaussian direction of the deviation's own norm
    shaped      the same, drawn with the covariance of the errors at the position
    linear      the mean plus the linear part      nonlinear   the mean plus the rest

Noise keeps the mean: it is a constant, carries nothing about a prompt, and at the first position
it can be most of an error. Shuffling deals prompts of one length around in a ring of random order,
so that no prompt keeps its own.
"""

from enum import StrEnum
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.darkmatter.sample import Sample
from core.darkmatter.split import LayerSplit


class StandIn(StrEnum):
    """What stands where the error was."""

    REAL = "real"
    RESAMPLED = "resampled"
    MEAN = "mean"
    ZERO = "zero"
    SHUFFLED = "shuffled"
    NOISE = "noise"
    SHAPED = "shaped"
    LINEAR = "linear"
    NONLINEAR = "nonlinear"


DRAWN = (StandIn.SHUFFLED, StandIn.NOISE, StandIn.SHAPED)
"""Those that chance has a part in."""


class Layer(NamedTuple):
    """One layer's errors on the prompts looked at, and its split."""

    error: Float[Tensor, "prompt pos d_model"]
    corrupt: Float[Tensor, "prompt pos d_model"]
    linear: Float[Tensor, "prompt pos d_model"]
    """Deviation that the MLP's input gives linearly."""
    nonlinear: Float[Tensor, "prompt pos d_model"]
    split: LayerSplit

    @classmethod
    def of(cls, sample: Sample, layer: int, split: LayerSplit) -> "Layer":
        """A layer of a sample."""
        error = sample.error[layer]
        return cls(error, sample.corrupt[layer], *split.parts(sample.read[layer], error), split)

    @property
    def deviation(self) -> Float[Tensor, "prompt pos d_model"]:
        """The error less its mean."""
        return self.error - self.split.mean


def fixed(kind: StandIn, layer: Layer) -> Float[Tensor, "prompt pos d_model"]:
    """A stand-in that chance has no part in."""
    mean = layer.split.mean.expand_as(layer.error)
    return {
        StandIn.REAL: layer.error,
        StandIn.RESAMPLED: layer.corrupt,
        StandIn.MEAN: mean,
        StandIn.ZERO: torch.zeros_like(mean),
        StandIn.LINEAR: mean + layer.linear,
        StandIn.NONLINEAR: mean + layer.nonlinear,
    }[kind]


def drawn(
    kind: StandIn,
    layer: Layer,
    order: Int[Tensor, "draw prompt"],
    generator: torch.Generator,
) -> Float[Tensor, "draw prompt pos d_model"]:
    """Draws of a stand-in that chance has a part in.

    Args:
        kind: One of `DRAWN`.
        layer: The layer's errors.
        order: Of each draw, whose error every prompt gets; used in shuffling alone, so that all
            layers are shuffled alike.
        generator: For noise.
    """
    if kind is StandIn.SHUFFLED:
        return layer.error[order]
    factor = layer.split.factor if kind is StandIn.SHAPED else None
    return layer.split.mean + noise_like(layer.deviation, len(order), generator, factor)


def noise_like(
    values: Float[Tensor, "prompt pos d_model"],
    draws: int,
    generator: torch.Generator,
    factor: Float[Tensor, "pos d_model d_model"] | None = None,
) -> Float[Tensor, "draw prompt pos d_model"]:
    """Vectors as long as `values`, in Gaussian directions: of covariance RᵀR, or all alike."""
    direction = torch.randn(draws, *values.shape, generator=generator)
    if factor is not None:
        direction = torch.einsum("bnpe,ped->bnpd", direction, factor)
    norm = direction.norm(dim=-1, keepdim=True).clamp(min=torch.finfo(direction.dtype).tiny)
    return direction / norm * values.norm(dim=-1, keepdim=True)


def orders(
    length: Int[Tensor, " prompt"], draws: int, generator: torch.Generator
) -> Int[Tensor, "draw prompt"]:
    """Whose error every prompt gets, in each draw; a prompt alone of its length keeps its own."""
    found = torch.arange(len(length)).repeat(draws, 1)
    for size in length.unique():
        rows = (length == size).nonzero()[:, 0]
        for draw in found:
            ring = rows[torch.randperm(len(rows), generator=generator)]
            draw[ring] = ring.roll(1)
    return found
