"""The tests against counting by hand and scipy, and the word for each case."""

import itertools
import math

import pytest
import torch
from scipy import stats

from core.darkmatter.decide import (
    Content,
    Evidence,
    Probed,
    decide,
    equivalence,
    exchanged,
    holm,
    sign_flip,
)


def test_sign_flips_agree_with_counting_all_of_them():
    d = torch.tensor([0.9, -0.2, 0.5, 0.4, 0.1, -0.3, 0.8, 0.2])
    all_ = [sum(s * v for s, v in zip(signs, d.tolist(), strict=True))
            for signs in itertools.product((1, -1), repeat=len(d))]  # fmt: skip
    exact = sum(total >= float(d.sum()) - 1e-6 for total in all_) / len(all_)
    assert sign_flip(d, 0) == pytest.approx(exact, abs=0.01)
    assert sign_flip(torch.zeros(5), 0) == 1.0


def test_exchanging_agrees_with_counting_all_assignments():
    real = torch.tensor([1.0, 0.5, 0.8])
    draws = torch.tensor([[0.9, 0.1, 0.0], [0.2, 0.6, 0.3]])
    values = torch.cat([real[None], draws])
    all_ = [values[list(pick), range(3)].sum() for pick in itertools.product(range(3), repeat=3)]
    exact = sum(float(total) >= float(real.sum()) - 1e-6 for total in all_) / len(all_)
    assert exchanged(real, draws, 0) == pytest.approx(exact, abs=0.015)


def test_one_more_draw_is_rarely_called_structure():
    chance = torch.Generator().manual_seed(0)
    found = []
    for seed in range(40):
        values = torch.randn(21, 64, generator=chance)
        found.append(exchanged(values[0], values[1:], seed))
    assert sum(p < 0.05 for p in found) <= 6
    assert 0.3 < sum(found) / len(found) < 0.7


def test_equivalence_is_the_larger_of_two_t_tests():
    d = torch.randn(50, generator=torch.Generator().manual_seed(1)) * 0.03 + 0.004
    values = d.double().numpy()
    low = stats.ttest_1samp(values, -0.02, alternative="greater").pvalue
    high = stats.ttest_1samp(values, 0.02, alternative="less").pvalue
    assert equivalence(d) == pytest.approx(max(low, high), rel=1e-6)
    assert equivalence(torch.zeros(4)) == 0.0
    assert equivalence(torch.full((4,), 0.5)) == 1.0
    assert equivalence(torch.zeros(1)) == 1.0


def test_holm_by_hand():
    assert holm([0.03, 0.01, 0.04]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([]) == []


def evidence(**changes):
    base = Evidence(
        over_noise=0.2,
        over_shuffled=0.2,
        p_structure=0.0001,
        probed=Probed("a", 0.06, 0.001),
        p_equivalent=1.0,
    )
    return base._replace(**changes)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({}, Content.STRUCTURED),
        ({"p_structure": 0.01}, Content.UNDECIDED),
        ({"probed": Probed("a", 0.049, 0.001)}, Content.UNDECIDED),
        ({"probed": Probed("a", 0.06, 0.01)}, Content.UNDECIDED),
        ({"probed": Probed("", math.nan, 1.0)}, Content.UNDECIDED),
        ({"p_structure": 0.5, "p_equivalent": 0.049}, Content.NOISE),
        ({"probed": Probed("a", 0.0, 1.0), "p_equivalent": 0.0}, Content.NOISE),
        ({"p_structure": 0.5, "p_equivalent": 0.05}, Content.UNDECIDED),
    ],
)
def test_the_word_for_each_case(changes, word):
    found = decide(evidence(**changes))
    assert found.content is word
    assert found.reason.endswith(".")


def test_noise_that_matters_a_little_says_so():
    found = decide(evidence(probed=Probed("a", 0.0, 1.0), over_noise=0.004, p_equivalent=0.0))
    assert "gives 0.004 of F more than noise" in found.reason
    assert "no variable" in decide(evidence(probed=Probed("", math.nan, 1.0))).reason
