"""The five tests' statistics: by hand, against slow references, and under the null."""

import itertools
import math

import numpy as np
import pytest

from core.validation.hypotheses import equivalence, independence, quantile


def test_equivalence_by_hand():
    # 5 of 5 above: only 0 and 5 are as extreme; at 0.6 that is 0.6⁵ + 0.4⁵.
    assert equivalence(np.ones(5), 0.1) == pytest.approx(0.6**5 + 0.4**5)
    # 2 of 4: everything is at least as extreme.
    assert equivalence(np.array([1.0, 2.0, -1.0, -3.0]), 0.1) == pytest.approx(1.0)


def test_equivalence_counts_prompts_not_the_size_of_what_they_lose():
    """The mean difference, which the authors' code puts in its place, would say the opposite."""
    many_small = np.array([0.01] * 60 + [-5.0] * 4)
    assert many_small.mean() < 0
    assert equivalence(many_small, 0.1) < 1e-6
    even = np.array([100.0] * 30 + [-0.01] * 30)
    assert equivalence(even, 0.1) > 0.9


def test_prompts_without_a_difference_say_nothing():
    assert equivalence(np.zeros(50), 0.1) == 1.0
    with_ties = np.concatenate([np.ones(5), np.zeros(100)])
    assert equivalence(with_ties, 0.1) == equivalence(np.ones(5), 0.1)


def slow_hsic(x, y):
    """tr(K H L H) / (n − 1)², entry by entry, median widths."""

    def kernel(v):
        distances = [abs(a - b) for a, b in itertools.combinations(v, 2)]
        width = float(np.median(distances))
        return np.array([[math.exp(-((a - b) ** 2) / (2 * width**2)) for b in v] for a in v])

    n = len(x)
    h = np.eye(n) - 1 / n
    return float(np.trace(kernel(x) @ h @ kernel(y) @ h)) / (n - 1) ** 2


def test_hsic_equals_the_trace_formula():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=12), rng.normal(size=12)
    found = independence(x, y, seed=0, permutations=9)
    assert found.hsic == pytest.approx(slow_hsic(x, y))


def test_hsic_finds_dependence_that_no_correlation_shows():
    rng = np.random.default_rng(1)
    x = rng.uniform(-1, 1, size=80)
    y = x**2 + 0.05 * rng.normal(size=80)
    assert abs(np.corrcoef(x, y)[0, 1]) < 0.3
    assert independence(x, y, seed=0, permutations=200).p_value < 0.01


def test_independent_scores_are_rejected_as_often_as_the_level_says():
    rng = np.random.default_rng(2)
    p = [
        independence(rng.normal(size=25), rng.normal(size=25), seed=i, permutations=99).p_value
        for i in range(100)
    ]
    # 5 of 100 are expected; 12 or more have a chance below 0.5 %.
    assert 0 < sum(one <= 0.05 for one in p) < 12


def test_a_constant_score_is_independent_of_everything():
    found = independence(np.ones(20), np.arange(20.0), seed=0, permutations=50)
    assert (found.hsic, found.p_value) == (pytest.approx(0.0), 1.0)


def test_quantiles_are_binomial_tails_by_hand():
    assert quantile(2, 2, 0.9, "greater") == pytest.approx(0.81)
    assert quantile(1, 2, 0.9, "greater") == pytest.approx(0.99)
    assert quantile(1, 2, 0.9, "less") == pytest.approx(0.19)
    assert quantile(0, 0, 0.9, "less") == 1.0
    # Of 100, 96 suffice at the level 0.05, 95 do not.
    assert quantile(96, 100, 0.9, "greater") < 0.05 < quantile(94, 100, 0.9, "greater")
