"""Which variable a feature follows: by hand, planted, and noise that must not be named."""

import math

import pytest
import torch

from core.features.variables import variable_fits
from core.features.waves import periods_of
from core.labels import reading
from tests.core.features.fits import fit


def test_eta2_by_hand():
    # groups (0, 2) and (4, 6): total 20, within 4, so 1 - 4/20 * 3/2 = 0.7
    (got,) = fit([0, 2, 4, 6], colour=["red", "red", "blue", "blue"])
    assert got.eta2 == pytest.approx(0.7)
    assert got.values == ("blue", "red")
    assert got.mean.tolist() == [5.0, 1.0]
    assert got.count.tolist() == [2, 2]


def test_noise_over_many_values_has_no_eta2_on_average():
    generator = torch.Generator().manual_seed(0)
    values = torch.randint(0, 40, (200, 1), generator=generator)[:, 0].tolist()
    noise = torch.rand(200, 300, generator=generator)
    fits = variable_fits(noise, [{"v": v} for v in values])
    mean = sum(f[0].eta2 for f in fits) / len(fits)
    assert mean < 0.06  # plain η² would be about 39 / 199 = 0.2
    assert all(reading(f) is None for f in fits)


@pytest.mark.parametrize(("frequency", "phase"), [(5, 0.34), (1, -0.8), (29, 0.0), (11, 1.0)])
def test_a_planted_wave_is_found_with_its_phase(frequency, phase):
    v = torch.arange(59).repeat(4)
    wave = 2 + 0.7 * torch.cos(2 * math.pi * frequency * v / 59 + math.pi * phase)
    (got,) = fit(wave, s=v.tolist())
    assert got.wave.frequency == frequency
    assert got.wave.r2 == pytest.approx(1, abs=1e-4)
    assert got.wave.amplitude == pytest.approx(0.7, abs=1e-4)
    assert got.wave.offset == pytest.approx(2, abs=1e-3)
    assert math.cos(math.pi * (got.wave.phase - phase)) == pytest.approx(1, abs=1e-4)
    assert reading([got]).name == f"cos {frequency}·s"


def test_the_r2_of_a_wave_is_that_of_its_curve():
    """Two ways: least squares in closed form, and what the drawn curve leaves over."""
    v = torch.randint(0, 59, (300,), generator=torch.Generator().manual_seed(1))
    bump = torch.cos(2 * math.pi * v / 59).clamp(min=0.3)
    (got,) = fit(bump, s=v.tolist())
    left = bump.double() - got.wave.at(v.double())
    share = 1 - left.pow(2).sum() / (bump.double() - bump.double().mean()).pow(2).sum()
    assert got.wave.r2 == pytest.approx(1 - (1 - float(share)) * 299 / 297, abs=1e-5)
    assert got.wave.r2 < 0.95 < got.eta2


def test_what_a_shuffled_variable_explains_as_well_names_nothing():
    """Two firing prompts share a value: η² is 1, but some shuffles bring two together as well."""
    pairs = [str(i // 2) for i in range(40)]
    (lucky,) = fit([1.0, 1.0] + [0.0] * 38, v=pairs)
    assert lucky.eta2 == pytest.approx(1)
    assert lucky.control == pytest.approx(1)
    assert reading([lucky]) is None
    (real,) = fit([1.0, 1.0, 0.9, 1.1, 0.8, 0.8] + [0.0] * 34, v=pairs)
    assert real.found
    assert reading([real]).name == "v = 0, 1, 2"


def test_a_rectified_wave_keeps_its_name():
    v = torch.randint(0, 59, (400,), generator=torch.Generator().manual_seed(0))
    got = fit(torch.cos(2 * math.pi * 7 * v / 59).relu(), s=v.tolist())[0]
    assert reading([got]).name == "cos 7·s"
    assert 0.75 < got.wave.r2 < 0.92


def test_the_period_is_the_tasks_not_that_of_the_prompts_at_hand():
    v = torch.arange(40)  # the task has 0 .. 58
    wave = torch.cos(2 * math.pi * 5 * v / 59)
    got = variable_fits(wave[:, None], [{"s": int(x)} for x in v], {"s": 59})[0][0]
    assert (got.wave.frequency, got.wave.period) == (5, 59)
    assert got.wave.r2 == pytest.approx(1, abs=1e-4)


def test_periods_are_of_whole_numbers_only():
    rows = [{"a": 3, "x": 0.5, "w": "cat"}, {"a": 12, "x": 1.0, "w": "dog"}]
    assert periods_of(rows) == {"a": 10}


def test_the_strongest_variable_comes_first():
    a, b = [i % 4 for i in range(80)], [i // 20 for i in range(80)]
    fits = fit([10.0 * y + 0.1 * x for x, y in zip(a, b, strict=True)], a=a, b=b)
    assert [f.variable for f in fits] == ["b", "a"]


def test_constant_missing_and_silent_are_left_out():
    rows = [{"a": i % 2, "c": 1} | ({"x": i} if i else {}) for i in range(8)]
    (fits,) = variable_fits(torch.zeros(8, 1), rows)
    assert [f.variable for f in fits] == ["a"]
    assert fits[0].eta2 == 0.0
    assert reading(fits) is None
    assert variable_fits(torch.zeros(0, 2), []) == [(), ()]


def test_numbers_with_many_values_are_binned():
    x = torch.rand(300, generator=torch.Generator().manual_seed(0))
    (got,) = fit(x, x=x.tolist())
    assert len(got.values) == 10
    assert got.eta2 > 0.9
    assert reading([got]).name == "high x"
