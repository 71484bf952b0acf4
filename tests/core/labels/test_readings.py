"""What a feature is called by what it follows: by hand, planted."""

import math

import pytest
import torch

from core.labels import reading
from tests.core.features.fits import fit


@pytest.mark.parametrize(
    ("mean", "values", "name"),
    [
        ([0, 0, 5, 0], ["w", "x", "y", "z"], "v = y"),
        ([0, 4, 5, 0], ["w", "x", "y", "z"], "v = x, y"),
        ([0, 1, 2, 3, 4, 5, 6, 7], list(range(8)), "high v"),
        ([7, 6, 5, 4, 3, 2, 1, 0], list(range(8)), "low v"),
        ([0, 5, 5, 0, 5, 5, 0, 0], list("abcdefgh"), "varies with v"),
        ([0, 5, 6, 0, 0, 0, 0, 5, 9, 0, 0, 0], list("abcdefghijkl"), "v = i, c and 2 more"),
    ],
)
def test_names_by_hand(mean, values, name):
    rows = list(zip(mean, values, strict=True)) * 5
    (got,) = fit([m for m, _ in rows], v=[v for _, v in rows])
    assert reading([got]).name == name


def test_the_values_of_a_long_name_come_first():
    rows = [0.0, 5.0, 0.0] * 9
    (got,) = fit(rows, indirect_object=["Ann", "Mary", "Paul"] * 9)
    assert reading([got]).name == "Mary · indirect_object"


def test_several_waves_are_named_together():
    v = torch.arange(59).repeat(3)
    turn = 2 * math.pi * v / 59
    (got,) = fit(torch.cos(5 * turn) + 0.9 * torch.cos(24 * turn + 1), s=v.tolist())
    assert [w.frequency for w in got.waves[:2]] == [5, 24]
    assert reading([got]) == ("cos 5, 24·s", ("s",), (5, 24))


def test_the_same_wave_of_two_variables_is_named_as_a_sum():
    a, b = torch.arange(59).repeat(59), torch.arange(59).repeat_interleave(59)
    wave = sum(torch.cos(2 * math.pi * 7 * v / 59) for v in (a, b)).relu()
    fits = fit(wave, b=b.tolist(), a=a.tolist(), result=((a + b) % 59).tolist())
    assert reading(fits) == ("cos 7·a + cos 7·b", ("a", "b"), (7,))
