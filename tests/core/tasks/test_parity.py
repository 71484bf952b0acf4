"""Parity: couples one bit apart, never in two splits; held-out strings are untrained."""

import random

import pytest

from core.errors import SettingsError
from core.tasks import Split, load_task
from core.tasks.parity import (
    BLANK,
    ParitySettings,
    answer,
    deal_strings,
    generate,
    training_text,
)


def test_the_corrupt_prompt_differs_in_one_bit_and_so_in_the_answer() -> None:
    flipped = set()
    for pair in load_task("parity").pairs:
        clean, corrupt = pair.clean.split(), pair.corrupt.split()
        (place,) = [i for i in range(12) if clean[i] != corrupt[i]]
        flipped.add(place)
        assert clean.count("1") == pair.variables["ones"]
        assert pair.answer == ("odd" if clean.count("1") % 2 else "even") != pair.wrong
    assert flipped == set(range(1, 11))


def test_models_are_trained_on_no_held_out_string() -> None:
    dealt = deal_strings(ParitySettings())
    rng = random.Random(0)
    whole = set()
    for _ in range(2000):
        *prompt, said = training_text(dealt.train, rng).split()
        assert said == ("odd" if prompt.count("1") % 2 else "even")
        assert len(prompt) == 12
        if BLANK not in prompt:
            whole.add(" ".join(prompt))
    task = load_task("parity")
    for split in (Split.TEST, Split.SELECTION, Split.OOD):
        assert not {pair.clean for pair in task.of(split)} & whole
    assert len(whole) > 100
    assert all(pair.clean.startswith("<bos> 1 1 1 1") for pair in task.of(Split.OOD))


def test_couples_by_hand() -> None:
    dealt = deal_strings(ParitySettings(bits=2, run=1, sizes={Split.TEST: 2}))
    assert [set(couple) for couple in dealt.held_out] == [{(0, 0), (0, 1)}]
    assert [set(couple) for couple in dealt.ood] == [{(1, 0), (1, 1)}]
    assert dealt.train == ()
    assert [answer(bits) for bits in ((0, 0), (1, 0), (1, 1))] == ["even", "odd", "even"]


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(SettingsError, match="10 bits and a run of 10"):
        ParitySettings(run=10)
    with pytest.raises(SettingsError, match="Too few strings for the splits: got 6 of 900"):
        generate(ParitySettings(bits=3, run=2))
