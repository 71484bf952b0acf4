"""Fourier structure: planted frequencies are found, noise has none; ideal clock and pizza."""

import math

import pytest
import torch

from core.features.fourier import (
    circle_embedding,
    counted_answers,
    distance_irrelevance,
    gradient_symmetry,
    ideal_clock,
    ideal_pizza,
    in_weights,
    key_frequencies,
    shuffled_most,
    spectrum,
)
from tests.tiny import tiny_model

P, KEYS = 31, (3, 11)


def test_the_spectrum_of_one_wave_is_that_wave_by_hand():
    rows = torch.cos(2 * math.pi * 5 * torch.arange(P) / P)[:, None]
    share = spectrum(rows + 7.0)  # the constant does not count
    assert share.shape == ((P - 1) // 2,)
    assert int(share.argmax()) + 1 == 5
    assert float(share[4]) == pytest.approx(1.0)


def test_planted_frequencies_are_the_key_ones_and_noise_has_none():
    generator = torch.Generator().manual_seed(0)
    turn = torch.randn(4, 40, generator=generator, dtype=torch.float64)
    noise = torch.randn(P, 40, generator=generator, dtype=torch.float64)
    planted = circle_embedding(P, KEYS) @ turn + 0.3 * noise
    assert key_frequencies(planted) == KEYS
    assert key_frequencies(noise) == ()
    assert spectrum(noise).max() < shuffled_most(noise) * 1.5


def test_the_order_of_the_numbers_is_what_carries_the_frequencies():
    planted = circle_embedding(P, KEYS)
    dealt = planted[torch.randperm(P, generator=torch.Generator().manual_seed(3))]
    assert key_frequencies(planted) == KEYS
    assert key_frequencies(dealt) == ()


def geometry(logits):
    """Both figures of a closed form on all operands."""
    table = circle_embedding(P, KEYS)
    a, b = torch.cartesian_prod(torch.arange(P), torch.arange(P)).T
    x, y = table[a].requires_grad_(), table[b].requires_grad_()
    found = logits(x, y)
    rows = torch.arange(len(a))
    c = torch.randint(P, (len(a),), generator=torch.Generator().manual_seed(0))
    at_a, at_b = torch.autograd.grad(found[rows, c].sum(), (x, y))
    correct = found.detach()[rows, (a + b) % P].view(P, P)
    return gradient_symmetry(at_a, at_b), distance_irrelevance(correct)


def test_a_clock_and_a_pizza_answer_right_and_are_told_apart():
    clock, pizza = ideal_clock(P, KEYS), ideal_pizza(P, KEYS)
    table = circle_embedding(P, KEYS)
    a, b = torch.tensor([4, 20, 7]), torch.tensor([9, 30, 2])
    assert clock(table[a], table[b]).argmax(1).tolist() == [13, 19, 9]
    assert pizza(table[a], table[b]).argmax(1).tolist() == [13, 19, 9]
    symmetry, irrelevance = geometry(pizza)
    assert symmetry == pytest.approx(1.0)
    assert irrelevance < 0.2
    assert geometry(clock)[0] < 0.5


def test_distance_irrelevance_by_hand():
    a, b = torch.cartesian_prod(torch.arange(5), torch.arange(5)).T
    by_distance = ((a - b) % 5).double().view(5, 5)
    assert distance_irrelevance(by_distance) == pytest.approx(0.0)
    # Depends on a + b alone: at each distance all values occur once (5 is odd).
    by_sum = ((a + b) % 5).double().view(5, 5)
    assert distance_irrelevance(by_sum) == pytest.approx(1.0)
    assert math.isnan(distance_irrelevance(torch.ones(5, 5)))


def test_a_variable_counts_the_answers_where_each_of_its_values_has_its_own():
    rows = [{"a": v % 7, "word": f"w{v}", "result": v} for v in range(P)] * 2
    answers = [100 + v for v in range(P)] * 2
    found = counted_answers(rows, answers)
    assert found is not None
    assert found.variable == "result"
    assert found.tokens == tuple(range(100, 100 + P))
    assert counted_answers(rows[: P - 1], answers[1:P]) is not None  # any answers, each its own
    assert counted_answers(rows[1:P], answers[1:P]) is None  # 0 is missing
    assert counted_answers(rows, [100 + v // 2 for v in range(P)] * 2) is None
    assert counted_answers(rows[:10], answers[:10]) is None  # too few for waves


def test_the_weights_report_finds_what_is_planted_in_the_embedding_alone():
    model = tiny_model("gpt2")
    numbers = list(range(20))
    generator = torch.Generator().manual_seed(1)
    table = model.hf.get_input_embeddings().weight
    turn = torch.randn(2, table.shape[1], generator=generator)
    before = table.data.clone()
    table.data[:20] += 40 * circle_embedding(20, (3,)).float() @ turn
    found = in_weights(model, numbers)
    assert found["embedding"]["key"] == [3]
    tied = torch.equal(model.W_U[:20], table.data[:20])
    assert (found["unembedding"]["key"] == [3]) == tied
    table.data.copy_(before)
    assert in_weights(model, numbers)["embedding"]["key"] == []
