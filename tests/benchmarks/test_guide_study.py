"""Guides tested over tasks: six of them, by hand."""

import numpy as np
import pytest
from guide_table import FIGURES, by_task, over_tasks

TASKS = ("a", "b", "c", "d", "e", "f")


def means(values):
    return {t: [0.0, value, 0.0] for t, value in zip(TASKS, values, strict=True)}


def test_six_tasks_can_give_no_less_than_a_thirty_second():
    ours, rival = means([0.9, 0.8, 0.7, 0.6, 0.5, 0.4]), means([0.1, 0.1, 0.1, 0.1, 0.1, 0.1])
    p, wins = over_tasks(ours, rival, "average_precision")
    assert (p, wins) == (pytest.approx(2 / 2**6), 6)
    assert over_tasks(rival, ours, "average_precision") == (pytest.approx(2 / 2**6), 0)


def test_one_task_lost_by_little_is_no_longer_significant():
    ours = means([0.9, 0.8, 0.7, 0.6, 0.5, 0.09])
    p, wins = over_tasks(ours, means([0.1] * 6), "average_precision")
    assert (p, wins) == (pytest.approx(4 / 2**6), 5)


def test_what_ties_everywhere_is_no_evidence():
    assert over_tasks(means([0.5] * 6), means([0.5] * 6), "average_precision") == (1.0, 0)


def test_a_task_is_the_mean_of_its_models_whatever_their_number():
    scores = {"x": [0.1, 0.2, 0.3], "y": [0.3, 0.4, 0.5], "z": [1.0, 1.0, 1.0]}
    part = {"by_model": {"influence": scores}}
    folds = {"one": ["x.nested", "x.topk", "y.nested"], "two": ["z.nested"]}
    found = by_task(part, folds)["influence"]
    assert found["one"] == pytest.approx(np.mean([scores["x"], scores["y"]], axis=0).tolist())
    assert found["two"] == scores["z"]
    assert len(found["one"]) == len(FIGURES)
