"""Reading variables off groups: two ways, planted, and what must not be found."""

import math

import pytest
import torch

from core.features.readout import RIDGE, decoded, standardised, target_of
from core.features.variables import columns_of

PRIME = 59


def planted(n=240, seed=0):
    chance = torch.Generator().manual_seed(seed)
    v = torch.randint(0, PRIME, (n,), generator=chance)
    noise = torch.randn(n, 6, generator=chance)
    turn = 2 * math.pi * v / PRIME
    wave = torch.stack([(5 * turn).cos().relu(), (5 * turn + 2).cos().relu(), (5 * turn).sin()], 1)
    return v, wave, noise


def test_leaving_one_out_is_refitting_without_it():
    """Two ways: the closed form, and the plain regression on all other prompts."""
    v, wave, noise = planted(n=40)
    x = standardised(torch.cat([wave, noise], 1))
    (column,) = columns_of([{"s": int(i)} for i in v], {"s": PRIME})
    target = target_of(column, shuffles=1)
    y = target.columns[:, 8:10].double()  # cosine and sine of k = 5
    left, eye = [], RIDGE * torch.eye(x.shape[1])
    for p in range(len(x)):
        rest = torch.arange(len(x)) != p
        # The intercept is a column of its own, without penalty.
        ones = torch.ones(len(x), 1)
        full = torch.cat([ones, x], 1)[rest]
        penalty = torch.block_diag(torch.zeros(1, 1), eye).double()
        weight = torch.linalg.solve(full.T @ full + penalty, full.T @ y[rest])
        left.append(torch.cat([torch.ones(1), x[p]]).double() @ weight)
    missed = (y - torch.stack(left)).pow(2).sum(0)
    want = 1 - missed / (y - y.mean(0)).pow(2).sum(0)
    got = next(d for d in decoded(x, [target]) if d.frequency == 5)
    assert got.score == pytest.approx(float(want.mean()), abs=1e-4)


def test_a_planted_frequency_is_read_and_others_are_not():
    v, wave, noise = planted()
    (column,) = columns_of([{"s": int(i)} for i in v], {"s": PRIME})
    found = decoded(standardised(torch.cat([wave, noise], 1)), [target_of(column)])
    best = max(found, key=lambda d: d.score)
    assert (best.variable, best.frequency) == ("s", 5)
    assert best.score > 0.9
    assert best.found
    assert best.control < 0.1
    assert all(d.score < 0.3 for d in found if d.frequency not in (5, 10))


def test_noise_reads_nothing():
    v, _, noise = planted(seed=1)
    words = [{"s": int(i), "w": "xyz"[int(i) % 3]} for i in v]
    targets = [target_of(column) for column in columns_of(words, {"s": PRIME})]
    found = decoded(standardised(noise), targets)
    assert max(d.score for d in found if d.frequency) < 0.1
    assert not next(d for d in found if d.variable == "w").found


def test_words_are_read_by_share_of_prompts():
    words = ["red", "blue", "green", "blue"] * 20
    (column,) = columns_of([{"colour": word} for word in words])
    x = torch.tensor([[float(w == "red"), float(w == "blue")] for w in words])
    (got,) = decoded(standardised(x), [target_of(column)])
    assert (got.variable, got.frequency, got.score) == ("colour", None, 1.0)
    assert got.control < 0.7
