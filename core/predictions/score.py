"""How good predictions were: sign, order, size, calibration, each beside what chance would give.

With x predicted and y measured, over groups:

    sign        share of groups whose y has x's sign, among those with |y| > 2 standard errors
    always      the same for the better of "always up" and "always down": what the sign must beat
    R²          1 − Σ(y − x)² / Σ(y − ȳ)²: sizes as predicted, nothing fitted; below 0 is worse than
                one number for all
    slope       least squares of y on x: 1 is calibrated, below 1 the predictions are too large

p values are one-sided, (1 + draws at least as good) / (1 + draws): predictions permuted among the
groups, and predictions made of random groups.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import rankdata

from core.figures import number

PERMUTATIONS = 1000
"""Of the predictions among the groups."""
RELIABLE = 2.0
"""Standard errors beyond which an effect has a sign."""
DIGITS = 4
"""Decimals that are kept."""
FEWEST = 4
"""Groups below which nothing is scored."""


class Measured(NamedTuple):
    """Effects of groups."""

    mean: np.ndarray
    """[group], in logits."""
    error: np.ndarray
    """[group], standard error over prompts."""


def scores(predicted: np.ndarray, measured: Measured) -> dict[str, float | None]:
    """Figures of one predictor over groups; None where one cannot be computed."""
    y = measured.mean
    if len(y) < FEWEST:
        return dict.fromkeys(("sign", "pearson", "spearman", "r2", "slope", "intercept"))
    slope, intercept = _line(predicted, y)
    return {
        "sign": _kept(sign_accuracy(predicted, measured)),
        "pearson": _kept(pearson(predicted, y)),
        "spearman": _kept(spearman(predicted, y)),
        "r2": _kept(r2(predicted, y)),
        "slope": _kept(slope),
        "intercept": _kept(intercept),
    }


def compared(
    predicted: np.ndarray, measured: Measured, random: Sequence[np.ndarray], seed: int
) -> dict[str, Any]:
    """`scores` with p values.

    Args:
        predicted: [group].
        measured: Of the same groups.
        random: Predictions made of random groups in their place.
        seed: Of the permutations.
    """
    found = scores(predicted, measured)
    if len(measured.mean) < FEWEST:
        return {**found, "permuted": None, "random": None}
    rng = np.random.default_rng(seed)
    permuted = [rng.permutation(predicted) for _ in range(PERMUTATIONS)]
    return {
        **found,
        "permuted": _beside(predicted, measured, permuted),
        "random": _beside(predicted, measured, random) if random else None,
    }


def _beside(
    predicted: np.ndarray, measured: Measured, others: Sequence[np.ndarray]
) -> dict[str, float | int | None]:
    """Means of other predictions' figures, and how often they are as good."""
    found: dict[str, float | int | None] = {"n": len(others)}
    y, stack = measured.mean, np.stack(others)
    for name, figure in (("spearman", spearman), ("r2", r2)):
        drawn = figure(stack, y)
        found[f"{name}_mean"] = _kept(float(np.mean(drawn)))
        found[f"p_{name}"] = chance_of(float(figure(predicted, y)), drawn)
    return found


def chance_of(value: float, drawn: np.ndarray) -> float:
    """One-sided p; 1 where the value cannot be computed."""
    if not math.isfinite(value):
        return 1.0
    # What differs by rounding alone is as good.
    as_good = ~(drawn < value - 1e-9)
    return float((1 + as_good.sum()) / (1 + len(drawn)))


def sign_accuracy(predicted: np.ndarray, measured: Measured) -> float:
    """Share of reliable effects whose sign was predicted; a prediction of 0 has none."""
    sure = reliable(measured)
    right = np.sign(predicted[sure]) == np.sign(measured.mean[sure])
    return float(right.mean()) if len(right) else math.nan


def reliable(measured: Measured) -> np.ndarray:
    """Which effects are more than `RELIABLE` standard errors from 0."""
    return np.abs(measured.mean) > RELIABLE * measured.error


def always(measured: Measured) -> float | None:
    """Share of reliable effects with the commoner sign."""
    up = measured.mean[reliable(measured)] > 0
    return _kept(max(up.mean(), 1 - up.mean())) if len(up) else None


def pearson(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Correlation of y with x, or with each row of it; 0 for a constant, which says nothing."""
    x, y = x - x.mean(-1, keepdims=True), y - y.mean()
    scale = np.sqrt((x * x).sum(-1) * (y @ y))
    return np.where(scale > 1e-12, (x @ y) / np.maximum(scale, 1e-12), 0.0)


def spearman(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Correlation of ranks, likewise."""
    return pearson(rankdata(x, axis=-1), rankdata(y))


def r2(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Share of the variance of y that x itself explains, unfitted; NaN where y is constant."""
    spread = float(((y - y.mean()) ** 2).sum())
    left = ((y - x) ** 2).sum(-1)
    return np.asarray(1 - left / spread if spread > 1e-12 else np.nan * left)


def _line(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    spread = float(((x - x.mean()) ** 2).sum())
    if spread < 1e-12:
        return math.nan, math.nan
    slope = float((x - x.mean()) @ (y - y.mean())) / spread
    return slope, float(y.mean() - slope * x.mean())


def _kept(value: float | np.ndarray) -> float | None:
    return number(float(value), DIGITS)
