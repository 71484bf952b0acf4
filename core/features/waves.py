"""Single frequencies in what a feature does over a whole-number variable.

Features that carry modular arithmetic follow cos(2πkv/N + φ) (Nanda et al. 2023, arXiv 2301.05217).
Every frequency is fitted by least squares on its own cosine, sine and mean, all features at once;
each R² is corrected for its two coefficients. A half-wave rectified cosine reaches 0.84.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

WAVES = 3
"""Waves kept of each variable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wave:
    """A single frequency: amplitude · cos(2π frequency · v / period + phase)."""

    frequency: int
    """Turns over one period."""
    period: int
    """Largest value − smallest value + 1, over the whole task."""
    phase: float
    """In units of π, in (−1, 1]."""
    amplitude: float
    """In units of the activation."""
    offset: float
    """Mean of the fit."""
    r2: float
    """Adjusted share of the feature's variance that this one curve explains."""

    def at(self, values: Float[Tensor, " value"]) -> Float[Tensor, " value"]:
        """The curve that `r2` is about, at any values of the variable."""
        angle = 2 * math.pi * self.frequency * values / self.period + math.pi * self.phase
        return self.offset + self.amplitude * angle.cos()


class WaveFits(NamedTuple):
    """Least squares of every frequency on every feature."""

    cosine: Float[Tensor, "wave node"]
    """Coefficient of the cosine."""
    sine: Float[Tensor, "wave node"]
    """Coefficient of the sine."""
    offset: Float[Tensor, "wave node"]
    """Mean of each curve over a whole period."""
    r2: Float[Tensor, "wave node"]
    """Adjusted; below 0 where the curve explains less than its coefficients would of noise."""


def periods_of(variables: Sequence[Mapping[str, int | float | str]]) -> dict[str, int]:
    """Largest value − smallest value + 1 of every whole-number variable."""
    found: dict[str, set[float]] = {}
    for row in variables:
        for name, value in row.items():
            number = math.nan if isinstance(value, str) else float(value)
            found.setdefault(name, set()).add(number)
    whole = {n: v for n, v in found.items() if all(x.is_integer() for x in v)}
    return {name: int(max(values) - min(values)) + 1 for name, values in whole.items()}


def circle(whole: Int[Tensor, " prompt"], period: int) -> Float[Tensor, "prompt wave"]:
    """The angle 2πkv/N of every frequency k = 1, 2, ... below half the period."""
    k = torch.arange(1, (period - 1) // 2 + 1)
    return 2 * math.pi * k * whole[:, None].double() / period


def wave_fits(
    activation: Float[Tensor, "prompt node"], angle: Float[Tensor, "prompt wave"]
) -> WaveFits:
    """Every frequency by least squares on its own cosine and sine.

    Args:
        activation: Of several features on the same prompts, four or more.
        angle: From `circle`.
    """
    cosine, sine = (v - v.mean(0) for v in (angle.cos(), angle.sin()))
    a = activation.double() - activation.double().mean(0)
    cc, ss, cs = (cosine**2).sum(0), (sine**2).sum(0), (cosine * sine).sum(0)
    ca, sa = cosine.T @ a, sine.T @ a
    det = (cc * ss - cs**2).clamp(min=1e-9)[:, None]
    p = (ss[:, None] * ca - cs[:, None] * sa) / det
    q = (cc[:, None] * sa - cs[:, None] * ca) / det
    total, n = a.pow(2).sum(0), len(activation)
    share = torch.where(total > 1e-12, (p * ca + q * sa) / total.clamp(min=1e-12), 0.0)
    # The prompts need not fill the circle: their mean cosine is no part of the curve's own mean.
    shift = p * angle.cos().mean(0)[:, None] + q * angle.sin().mean(0)[:, None]
    offset = activation.double().mean(0) - shift
    return WaveFits(p, q, offset, 1 - (1 - share) * (n - 1) / (n - 3))


def best_waves(fits: WaveFits, period: int) -> list[tuple[Wave, ...]]:
    """Of every feature, its best frequencies, strongest first."""
    best = fits.r2.topk(min(WAVES, len(fits.r2)), dim=0).indices
    return [
        tuple(_wave(fits, row, node, period) for row in rows)
        for node, rows in enumerate(best.T.tolist())
    ]


def _wave(fits: WaveFits, row: int, node: int, period: int) -> Wave:
    p, q = float(fits.cosine[row, node]), float(fits.sine[row, node])
    return Wave(
        frequency=row + 1,
        period=period,
        phase=math.atan2(-q, p) / math.pi,
        amplitude=math.hypot(p, q),
        offset=float(fits.offset[row, node]),
        r2=max(0.0, float(fits.r2[row, node])),
    )
