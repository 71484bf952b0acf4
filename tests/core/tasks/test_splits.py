"""Splits share no prompt where that can be had, and what they do share is counted."""

import pytest

from core.tasks import PromptPair, Split, Task, overlap
from core.tasks.splits import SHARES, deal_splits


def pairs(links, **fields):
    """One pair for each (clean, corrupt)."""
    return tuple(
        PromptPair(clean=f"<bos> {a}", corrupt=f"<bos> {b}", answer="x", wrong="y", **fields)
        for a, b in links
    )


def task(found, seed=0):
    return Task(
        name="t", title="T", pairs=found, splits=deal_splits(found, seed), gate=0.5, source="test"
    )


def grouped(groups, size):
    """Groups of prompts that are each other's corrupt prompts, in a ring."""
    return [(f"g{g}-{i}", f"g{g}-{(i + 1) % size}") for g in range(groups) for i in range(size)]


@pytest.mark.parametrize("seed", range(5))
def test_pairs_that_share_a_prompt_stay_together(seed):
    made = task(pairs(grouped(40, 4)), seed)
    assert not overlap(made).any
    for split in Split:
        names = {pair.clean.split("-")[0] for pair in made.of(split)}
        assert len(made.of(split)) == 4 * len(names)
    for split, share in SHARES.items():
        assert len(made.of(split)) == pytest.approx(share * 160, abs=4)


def test_one_large_group_is_dealt_by_clean_prompt_and_counted():
    made = task(pairs(grouped(1, 20)))
    assert [len(made.of(split)) for split in SHARES] == [6, 2, 4, 3, 5]
    found = overlap(made)
    # by hand: in a ring, a pair shares unless both neighbours are in its own split
    place = {pair.clean: split for split in SHARES for pair in made.of(split)}
    ring = [place[f"<bos> g0-{i}"] for i in range(20)]
    for split in SHARES:
        want = sum(
            ring[i] is split and {ring[i - 1], ring[(i + 1) % 20]} != {split} for i in range(20)
        )
        assert found.shared[split] == want
    assert f"{found.shared[Split.TEST]} of the 5 test pairs" in found.sentence()


def test_prompts_that_share_nothing_have_no_sentence():
    made = task(pairs((i, f"other {i}") for i in range(20)))
    assert overlap(made).as_json() == dict.fromkeys((split.value for split in SHARES), 0)
    assert overlap(made).sentence() == ""


def test_a_named_split_is_kept_and_what_it_shares_is_counted():
    far = pairs([("far", "0")], split=Split.OOD)
    made = task(pairs((i, f"other {i}") for i in range(20)) + far)
    assert [pair.clean for pair in made.of(Split.OOD)] == ["<bos> far"]
    assert overlap(made).shared[Split.OOD] == 1
    assert sum(overlap(made).shared.values()) == 2
