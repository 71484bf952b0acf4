"""Scores of predictions: by hand, and what chance gives."""

import numpy as np
import pytest

from core.predictions.score import (
    Measured,
    always,
    chance_of,
    compared,
    r2,
    scores,
    sign_accuracy,
    spearman,
)

Y = np.array([-4.0, -2.0, 1.0, 0.01, -1.0])
SURE = Measured(Y, np.full(5, 0.1))


def test_signs_count_only_where_the_effect_is_beyond_two_standard_errors():
    # The fourth effect, 0.01 ± 0.1, has no sign; of the other four three are predicted.
    assert sign_accuracy(np.array([-1.0, -1, -1, -1, -1]), SURE) == 0.75
    assert always(SURE) == 0.75
    assert sign_accuracy(np.zeros(5), SURE) == 0.0


def test_r2_is_of_the_sizes_as_predicted_with_nothing_fitted():
    assert r2(Y, Y) == 1.0
    assert r2(np.full(5, Y.mean()), Y) == pytest.approx(0.0)
    # Right up to a factor of three: perfectly correlated, and worse than one number for all.
    assert scores(3 * Y, SURE)["pearson"] == 1.0
    assert scores(3 * Y, SURE)["r2"] < 0
    assert scores(3 * Y, SURE)["slope"] == pytest.approx(1 / 3, abs=1e-4)


def test_ties_share_their_rank():
    assert spearman(np.array([1.0, 1, 2, 3, 4]), np.array([5.0, 5, 6, 7, 8])) == pytest.approx(1.0)


def test_p_counts_what_is_as_good_and_never_reaches_zero():
    assert chance_of(0.5, np.array([0.1, 0.5, 0.9])) == 0.75
    assert chance_of(0.95, np.array([0.1, 0.5, 0.9])) == 0.25
    assert chance_of(float("nan"), np.array([0.1])) == 1.0


def test_good_predictions_beat_permuted_ones_and_random_ones_do_not():
    rng = np.random.default_rng(0)
    measured = Measured(rng.normal(size=30), np.full(30, 0.1))
    noise = [rng.normal(size=30) for _ in range(50)]
    good = compared(measured.mean + 0.2 * rng.normal(size=30), measured, noise, seed=1)
    bad = compared(rng.normal(size=30), measured, noise, seed=1)
    assert good["permuted"]["p_r2"] < 0.01
    assert good["random"]["p_r2"] < 0.05
    assert bad["permuted"]["p_r2"] > 0.05
    assert abs(good["permuted"]["spearman_mean"]) < 0.05


def test_fewer_than_four_groups_are_not_scored():
    few = Measured(Y[:3], np.full(3, 0.1))
    assert compared(Y[:3], few, [], seed=0)["r2"] is None
