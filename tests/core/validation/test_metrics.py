"""Scores by hand."""

import math

import pytest
import torch

from core.interventions import Outcome
from core.validation import faithfulness, p_value, scores
from core.validation.metrics import interval, resamples


def outcome(logit_diff, correct):
    n = len(logit_diff)
    return Outcome(
        logit_diff=torch.tensor([logit_diff], dtype=torch.float32),
        correct=torch.tensor([correct]),
        kl=torch.zeros(1, n),
        agree=torch.tensor([correct]),
    )


def test_faithfulness_by_hand():
    model, empty = torch.tensor([4.0, 8.0]), torch.tensor([0.0, 2.0])
    circuits = torch.stack([model, empty, torch.tensor([2.0, 5.0]), torch.tensor([6.0, 11.0])])
    torch.testing.assert_close(
        faithfulness(circuits, empty, model), torch.tensor([1.0, 0.0, 0.5, 1.5])
    )


def test_no_span_is_not_a_score():
    flat = torch.tensor([1.0, 1.0])
    assert math.isnan(faithfulness(flat[None], flat, flat)[0])


def test_a_span_that_is_small_beside_the_models_spread_is_not_measurable():
    model = torch.tensor([10.0, 10.0])
    assert math.isnan(faithfulness(model[None], model - 0.9, model)[0])
    assert faithfulness(model[None], model - 1.1, model)[0] == pytest.approx(1.0)


def test_phi_is_a_ratio_of_accuracies():
    model = outcome([1.0] * 4, [True, True, False, True])
    circuit = outcome([1.0] * 4, [True, False, False, True])
    empty = outcome([0.0] * 4, [False] * 4)
    found = scores(circuit, empty, model)
    assert found.phi == pytest.approx(2 / 3)
    assert found.accuracy == pytest.approx(0.5)


def test_intervals_hold_the_score_and_shrink_with_prompts():
    generator = torch.Generator().manual_seed(0)
    widths = []
    for n in (40, 640):
        noise = torch.randn(n, generator=generator)
        model, empty = outcome((5 + noise).tolist(), [True] * n), outcome([0.0] * n, [False] * n)
        circuit = outcome((4 + noise * 2).tolist(), [True] * n)
        found = scores(circuit, empty, model)
        assert found.faithfulness_ci.low < found.faithfulness < found.faithfulness_ci.high
        widths.append(found.faithfulness_ci.high - found.faithfulness_ci.low)
    assert widths[1] < widths[0] / 2


def test_an_interval_leaves_out_a_fortieth_at_either_end_and_what_is_not_finite():
    draws = torch.tensor([math.nan, math.inf, *range(41)])
    assert interval(draws) == (1.0, 39.0)
    assert all(math.isnan(end) for end in interval(torch.full((3,), math.nan)))


def test_resamples_are_places_among_the_prompts_and_the_same_for_a_seed():
    one, two = (resamples(7, torch.Generator().manual_seed(3)) for _ in range(2))
    assert one.shape == (1000, 7)
    assert torch.equal(one, two)
    assert set(one.flatten().tolist()) == set(range(7))


def test_p_counts_random_circuits_that_do_as_well():
    assert p_value(0.9, torch.tensor([0.1, 0.9, 0.95])) == pytest.approx(3 / 4)
    assert p_value(1.0, torch.zeros(99)) == pytest.approx(0.01)


def test_a_score_that_cannot_be_computed_is_no_better_than_chance():
    assert p_value(math.nan, torch.zeros(99)) == 1.0
    assert p_value(0.9, torch.full((99,), math.nan)) == 1.0
