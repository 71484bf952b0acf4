"""Deals a task's prompts into disjoint splits.

1. Pairs that name their split stay there.
2. The others are grouped by clean prompt, shuffled with a seed, and cut in the shares below, so
   that pairs sharing a clean prompt never fall into different splits.
"""

import random
from collections.abc import Mapping, Sequence

from core.errors import TaskError
from core.tasks.task import PromptPair, Split

SHARES: Mapping[Split, float] = {
    Split.FEATURES: 0.30,
    Split.ATTRIBUTION: 0.10,
    Split.LABELS: 0.20,
    Split.SELECTION: 0.15,
    Split.TEST: 0.25,
}
"""Share of the distinct clean prompts that goes to each split; sums to 1."""
LEAST_PROMPTS = 10
"""Distinct clean prompts below which the shares leave a split empty."""


def deal_splits(pairs: Sequence[PromptPair], seed: int) -> dict[Split, tuple[int, ...]]:
    """Indices into `pairs` of every split; the same pairs and seed give the same dealing.

    Raises:
        TaskError: If a discovery split would be empty; the message says how many are required.
    """
    dealt = {pair.clean: pair.split for pair in pairs if pair.split}
    free = [clean for clean in dict.fromkeys(p.clean for p in pairs) if clean not in dealt]
    random.Random(f"splits {seed}").shuffle(free)
    dealt |= dict(zip(free, _labels(len(free)), strict=True))
    splits = {
        split: tuple(i for i, pair in enumerate(pairs) if dealt[pair.clean] is split)
        for split in Split
    }
    _check(splits, len(free))
    return splits


def _labels(count: int) -> list[Split]:
    """The split of each of `count` shuffled prompts: cut where the summed shares say."""
    labels: list[Split] = []
    total = 0.0
    for split, share in SHARES.items():
        total += share
        labels += [split] * (round(total * count) - len(labels))
    return labels


def _check(splits: Mapping[Split, tuple[int, ...]], free: int) -> None:
    empty = [split.value for split in SHARES if not splits[split]]
    if empty:
        raise TaskError(
            f"Too few prompts for the splits: got {free} distinct clean prompts without a split, "
            f"and nothing in {', '.join(empty)}. Required: at least {LEAST_PROMPTS} distinct clean "
            "prompts that name no split, or a line of each split. Add prompts."
        )
