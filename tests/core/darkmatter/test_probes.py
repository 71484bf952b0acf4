"""Probes find what was planted where it was planted, and nothing in the control task."""

import pytest
import torch

from core.darkmatter.probes import Labels, Views, labels_of, probe_all, probed_directions, without
from core.darkmatter.split import position_means

SIZES = (300, 100, 100)
D = 8


def planted(strength=2.0):
    """Errors that tell a variable of 4 values at position 1, along two directions."""
    chance = torch.Generator().manual_seed(0)
    corner = torch.tensor([[1.0, 1], [1, -1], [-1, 1], [-1, -1]]) * strength
    parts, groups = [], []
    for n in SIZES:
        group = torch.randint(4, (n,), generator=chance)
        values = torch.randn(n, 3, D, generator=chance)
        values[:, 1, :2] += corner[group]
        parts.append(values)
        groups.append(group)
    return Views(*parts), Labels("kind", 4, *groups)


def test_a_planted_variable_is_read_where_it_stands():
    error, labels = planted()
    nothing = Views(*(torch.randn(view.shape) for view in error))
    (probe,) = probe_all(error, nothing, [labels], seed=0)
    assert probe.position == 1
    assert probe.accuracy > 0.85
    assert probe.written < 0.5
    assert abs(probe.control - 0.25) < 0.12
    assert probe.selectivity == probe.accuracy - probe.control
    assert probe.p_value == 0.001


def test_what_is_not_there_is_not_found():
    error, labels = planted(strength=0.0)
    (probe,) = probe_all(error, error, [labels], seed=0)
    assert abs(probe.selectivity) < 0.15
    assert probe.p_value > 0.01


def test_without_variables_there_is_no_probe():
    error, _ = planted()
    assert probe_all(error, error, labels_of([[{}] * n for n in SIZES]), seed=0) == []


def test_an_error_that_never_varies_reads_nothing():
    _, labels = planted()
    still = Views(*(torch.ones(n, 2, D) for n in SIZES))
    (probe,) = probe_all(still, still, [labels], seed=0)
    assert probe.accuracy < 0.5


def test_what_rounding_leaves_of_a_constant_error_is_not_read():
    _, labels = planted()
    groups = (labels.fit, labels.choose, labels.judge)
    still = Views(*(37.7 + 4e-6 * group[:, None, None].expand(-1, 2, D) for group in groups))
    assert len(still.fit.unique()) > 1
    (probe,) = probe_all(still, still, [labels], seed=0)
    assert probe.accuracy == pytest.approx(float((labels.judge == 0).float().mean()))


def test_taking_the_directions_out_makes_the_values_alike_and_moves_nothing_else():
    error, labels = planted()
    present = torch.ones(SIZES[0], 3, dtype=torch.bool)
    mean = position_means(error.fit, present)
    directions = probed_directions(error.fit, labels, mean)
    assert directions.shape == (3, 3, D)
    flat = directions[1] @ directions[1].T
    torch.testing.assert_close(flat, torch.eye(3), rtol=1e-4, atol=1e-4)
    left = without(error.fit, mean, directions)
    means = torch.stack([left[labels.fit == value, 1].mean(0) for value in range(4)])
    assert (means - mean[1]).abs().max() < 0.05
    across = torch.eye(D) - directions[1].T @ directions[1]
    kept = (error.fit[:, 1] - mean[1]) @ across
    torch.testing.assert_close(left[:, 1] - mean[1], kept, rtol=1e-3, atol=1e-4)


def test_labels_are_coded_alike_in_every_split():
    rows = [[{"who": "b", "n": 1}, {"who": "a", "n": 1}], [{"who": "a", "n": 1}], [{"who": "b"}]]
    (labels,) = labels_of(rows)
    assert labels.name == "who"
    assert [part.tolist() for part in labels[2:]] == [[1, 0], [0], [1]]
