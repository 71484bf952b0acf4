"""Statistics of the five hypothesis tests of circuits (Shi et al. 2024, arXiv 2410.13032).

Each takes numbers that circuits gave and returns a p value; none knows of models.

    equivalence    H0: |P(Δ > 0) − ½| < ε, Δ = score of the model − score of the circuit, prompt by
                   prompt. With k of n positive, p = P(|K/n − ½| ≥ |k/n − ½|), K ~ Bin(n, ½ + ε),
                   the H0 that is nearest to being rejected. Prompts with Δ = 0 say nothing and are
                   left out. (The authors' own code puts the mean of Δ where k/n belongs.)
    independence   H0: the score without the circuit is independent of the model's. HSIC with
                   Gaussian kernels of median width (Gretton et al. 2005), permutation test.
    quantile       H0: an effect beats at most (or, for minimality, at least) q of random ones; with
                   k of n beaten, a binomial tail.
"""

from typing import Literal, NamedTuple

import numpy as np
from scipy.stats import binom

PERMUTATIONS = 1000


class Independence(NamedTuple):
    """HSIC of two scores."""

    hsic: float
    """Biased estimate, 0 where independent."""
    p_value: float
    """Share of permutations with at least as much, this one counted."""


def equivalence(difference: np.ndarray, epsilon: float) -> float:
    """p of H0: model and circuit outperform each other about equally often; 1 if they never differ.

    Args:
        difference: Δ of each prompt.
        epsilon: How far from ½ the chance of outperforming may be, in (0, ½).
    """
    n, above = int((difference != 0).sum()), int((difference > 0).sum())
    if not n:
        return 1.0
    k = np.arange(n + 1)
    # Compared as whole numbers: 2k − n is exact where k/n − ½ is not.
    extreme = np.abs(2 * k - n) >= abs(2 * above - n)
    return float(min(1.0, binom.pmf(k[extreme], n, 0.5 + epsilon).sum()))


def independence(
    one: np.ndarray, other: np.ndarray, *, seed: int, permutations: int = PERMUTATIONS
) -> Independence:
    """HSIC between two scores of the same prompts, and p of H0: they are independent.

    Args:
        one: [prompt].
        other: [prompt].
        seed: Of the permutations.
        permutations: How many.
    """
    n = len(one)
    if n < 2:
        return Independence(0.0, 1.0)
    first, second = _centred(_kernel(one)), _kernel(other)
    value = float((first * second).sum())
    rng = np.random.default_rng(seed)
    drawn = [_permuted(first, second, rng.permutation(n)) for _ in range(permutations)]
    # Sums in another order differ by rounding; what differs by that alone is as large.
    as_large = np.array(drawn) >= value - 1e-9 * max(1.0, abs(value))
    p = (1 + as_large.sum()) / (1 + permutations)
    return Independence(value / (n - 1) ** 2, float(p))


def _permuted(first: np.ndarray, second: np.ndarray, order: np.ndarray) -> float:
    return float((first * second[np.ix_(order, order)]).sum())


def _kernel(values: np.ndarray) -> np.ndarray:
    """Gaussian, its width the median distance between two prompts; all ones for a constant."""
    distance = np.abs(values[:, None] - values[None])
    width = float(np.median(distance[np.triu_indices(len(values), 1)]))
    if width == 0:
        width = float(distance.max())
    return np.exp(-0.5 * (distance / width) ** 2) if width > 0 else np.ones_like(distance)


def _centred(kernel: np.ndarray) -> np.ndarray:
    rows = kernel.mean(0)
    return kernel - rows[None] - rows[:, None] + rows.mean()


def quantile(beaten: int, n: int, q: float, alternative: Literal["greater", "less"]) -> float:
    """p of a binomial tail: `greater`: at least `beaten` of n at chance q; `less`: at most.

    Args:
        beaten: Random effects that are strictly smaller.
        n: Random effects.
        q: Chance under H0 of beating one.
        alternative: Which tail is evidence against H0.
    """
    if not n:
        return 1.0
    tail = binom.sf(beaten - 1, n, q) if alternative == "greater" else binom.cdf(beaten, n, q)
    return float(tail)
