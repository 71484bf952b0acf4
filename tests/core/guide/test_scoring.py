"""Scores of rankings by hand, with ties."""

import numpy as np
import pytest

from core.guide.scoring import members, rank_scores


def test_a_perfect_and_a_reversed_ranking():
    member = np.array([True, True, False, False])
    assert rank_scores(np.array([4.0, 3, 2, 1]), member) == (1.0, 1.0, 1.0)
    worst = rank_scores(np.array([1.0, 2, 3, 4]), member)
    assert worst.auroc == 0
    assert worst.average_precision == pytest.approx((1 / 3 + 2 / 4) / 2)
    assert worst.recall == 0


def test_ties_count_as_chance():
    """Three tied nodes, one member: half of AUROC, one step of AP, a third of recall."""
    found = rank_scores(np.array([5.0, 5, 5]), np.array([True, False, False]))
    assert found.auroc == 0.5
    assert found.average_precision == pytest.approx(1 / 3)
    assert found.recall == pytest.approx(1 / 3)


def test_recall_takes_a_share_of_the_group_at_the_budget():
    """The first node is a member; the second place falls into a tie of one member among two."""
    found = rank_scores(np.array([9.0, 5, 5, 1]), np.array([True, True, False, False]))
    assert found.recall == pytest.approx((1 + 0.5) / 2)


def test_without_members_there_is_no_score():
    assert np.isnan(rank_scores(np.arange(3.0), np.zeros(3, dtype=bool))).all()


def test_members_are_the_strongest_that_do_anything():
    assert members(np.array([0.0, -3, 1, 0]), 0.5).tolist() == [False, True, True, False]
    assert members(np.array([0.0, 2, 0, 0]), 0.5).sum() == 1
