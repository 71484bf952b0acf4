"""Sorting: the third number of lists whose sets no two splits share."""

import random

import pytest

from core.errors import SettingsError
from core.tasks import Split, load_task
from core.tasks.sorting import SortingSettings, deal_sets, generate, training_text


def _set(text: str) -> frozenset[int]:
    return frozenset(map(int, text.split()[1:5]))


def test_the_answer_follows_the_two_numbers_shown() -> None:
    same_shown = 0
    for pair in load_task("sorting").pairs:
        for text, third in ((pair.clean, pair.answer), (pair.corrupt, pair.wrong)):
            words = text.split()
            assert [*words[6:], third] == [str(n) for n in sorted(_set(text))[:3]]
        if pair.clean.split()[6:] == pair.corrupt.split()[6:]:
            same_shown += 1
        place = pair.variables["place_of_third"]
        assert pair.clean.split()[place] == pair.answer
    assert 0.25 < same_shown / len(load_task("sorting").pairs) < 0.75


def test_no_set_is_in_two_splits_and_models_see_no_held_out_one() -> None:
    dealt, rng = deal_sets(SortingSettings()), random.Random(0)
    task = load_task("sorting")
    sets = {
        split: {_set(text) for p in task.of(split) for text in (p.clean, p.corrupt)}
        for split in Split
    }
    assert len(set().union(*sets.values())) == sum(map(len, sets.values()))
    trained = set(map(frozenset, dealt.train))
    assert {_set(training_text(dealt.train, rng)) for _ in range(500)} <= trained
    for split in (Split.TEST, Split.SELECTION, Split.OOD):
        assert not sets[split] & trained
    assert all(max(s) - min(s) <= 6 for s in sets[Split.OOD])
    assert not any(max(s) - min(s) <= 6 for s in trained)


def test_a_training_text_is_the_list_and_its_sorted_form() -> None:
    words = training_text([(1, 3, 5, 9)], random.Random(1)).split()
    assert sorted(words[1:5]) == ["1", "3", "5", "9"]
    assert words[5:] == ["sort", "1", "3", "5", "9"]


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(SettingsError, match="got 20 numbers, span 2"):
        SortingSettings(ood_span=2)
    with pytest.raises(SettingsError, match="Too few sets for the test split: got 16 of 300"):
        generate(SortingSettings(numbers=8, ood_span=4))
