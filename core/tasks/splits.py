"""Deals a task's prompts into disjoint splits.

1. Pairs that name their split stay there.
2. The others are grouped by prompt, clean and corrupt alike: pairs that share any text are one
   group (a connected component), so that what one split is judged on is in no other split, not
   even as a corrupt prompt.
3. The groups are shuffled with a seed and cut in the shares below.
4. Where the groups are too large for that (a split would get less than half of its share), pairs
   are grouped by clean prompt alone; `core.tasks.overlap` then counts what the splits share.
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
LEAST_SHARE = 0.5
"""Part of its share that a split must get from groups that share nothing; else see step 4."""


def deal_splits(pairs: Sequence[PromptPair], seed: int) -> dict[Split, tuple[int, ...]]:
    """Indices into `pairs` of every split; the same pairs and seed give the same dealing.

    Raises:
        TaskError: If a discovery split would be empty; the message says how many are required.
    """
    named = {pair.clean: pair.split for pair in pairs if pair.split}
    free = [pair for pair in pairs if pair.clean not in named]
    alone = [[clean] for clean in dict.fromkeys(pair.clean for pair in free)]
    dealt = _deal(_connected(free), seed)
    if not _fair(dealt):
        dealt = _deal(alone, seed)
    everything = {**named, **dealt}
    splits = {
        split: tuple(i for i, pair in enumerate(pairs) if everything[pair.clean] is split)
        for split in Split
    }
    _check(splits, len(alone))
    return splits


def _connected(pairs: Sequence[PromptPair]) -> list[list[str]]:
    """Clean prompts in groups that share no text, clean or corrupt; in the order of the file."""
    parent: dict[str, str] = {}

    def root(text: str) -> str:
        parent.setdefault(text, text)
        while parent[text] != text:
            parent[text] = parent[parent[text]]  # halves the path, so that chains stay cheap
            text = parent[text]
        return text

    for pair in pairs:
        parent[root(pair.corrupt)] = root(pair.clean)
    groups: dict[str, list[str]] = {}
    for clean in dict.fromkeys(pair.clean for pair in pairs):
        groups.setdefault(root(clean), []).append(clean)
    return list(groups.values())


def _deal(groups: list[list[str]], seed: int) -> dict[str, Split]:
    """The split of each clean prompt: shuffled groups, cut where the summed shares say."""
    order = list(groups)
    random.Random(f"splits {seed}").shuffle(order)
    labels = _labels(sum(map(len, order)))
    dealt, start = {}, 0
    for group in order:
        # A group goes where its middle prompt would go.
        dealt |= dict.fromkeys(group, labels[start + (len(group) - 1) // 2])
        start += len(group)
    return dealt


def _labels(count: int) -> list[Split]:
    """The split of each of `count` shuffled prompts: cut where the summed shares say."""
    labels: list[Split] = []
    total = 0.0
    for split, share in SHARES.items():
        total += share
        labels += [split] * (round(total * count) - len(labels))
    return labels


def _fair(dealt: Mapping[str, Split]) -> bool:
    """Whether every split got enough of its share to be of use."""
    got = list(dealt.values())
    return all(
        got.count(split) >= LEAST_SHARE * share * len(got) for split, share in SHARES.items()
    )


def _check(splits: Mapping[Split, tuple[int, ...]], free: int) -> None:
    empty = [split.value for split in SHARES if not splits[split]]
    if empty:
        raise TaskError(
            f"Too few prompts for the splits: got {free} distinct clean prompts without a split, "
            f"and nothing in {', '.join(empty)}. Required: at least {LEAST_PROMPTS} distinct clean "
            "prompts that name no split, or a line of each split. Add prompts."
        )
