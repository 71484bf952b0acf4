"""Commonsense: held-out events can be inferred, and are in no training text."""

import random

import pytest

from core.errors import SettingsError
from core.tasks import Split, load_task
from core.tasks.commonsense import (
    ENDINGS,
    KINDS,
    OOD_FRAMES,
    CommonsenseSettings,
    deal_events,
    frames,
    training_text,
)

OF = {thing: kind for kind, things in KINDS.items() for thing in things}


def test_endings_follow_from_kind_and_act() -> None:
    for pair in load_task("commonsense").pairs:
        for text, ending in ((pair.clean, pair.answer), (pair.corrupt, pair.wrong)):
            words = text.split()
            assert ENDINGS[words[3]][OF[words[5]]] == ending
        four = {pair.answer, pair.wrong, *(pair.variables[f"distractor_{i}"] for i in (1, 2))}
        assert len(four) == 4
        clean, corrupt = pair.clean.split(), pair.corrupt.split()
        assert {i for i in range(9) if clean[i] != corrupt[i]} <= {3, 5}


def test_kinds_differ_in_what_they_do_and_every_word_is_known() -> None:
    behaviour = {kind: tuple(ENDINGS[act][kind] for act in ENDINGS) for kind in KINDS}
    assert len(set(behaviour.values())) == len(KINDS)
    dealt = deal_events(CommonsenseSettings())
    for event in (*dealt.selection, *dealt.test):
        things = [e for e in dealt.train if e.thing == event.thing]
        alike = [e for e in dealt.train if (e.kind, e.act) == (event.kind, event.act)]
        assert len(things) >= 2
        assert alike


def test_held_out_events_are_in_no_training_text_and_not_in_two_splits() -> None:
    dealt, task = deal_events(CommonsenseSettings()), load_task("commonsense")
    events = {
        split: {(p.variables["thing"], p.variables["act"]) for p in task.of(split)}
        for split in Split
    }
    told = [training_text(dealt.train, random.Random(i)).split() for i in range(800)]
    trained = {(words[5], words[3]) for words in told}
    assert not trained & (events[Split.TEST] | events[Split.SELECTION] | events[Split.OOD])
    assert not events[Split.TEST] & events[Split.SELECTION]
    unseen = {" ".join(frame) for frame in OOD_FRAMES}
    assert {p.variables["frame"] for p in task.of(Split.OOD)} == unseen
    assert not unseen & {f"{words[1]} {words[6]} {words[7]}" for words in told}
    assert len(frames()) == 20


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(SettingsError, match="got 3 held-out events"):
        CommonsenseSettings(held_out=3)
