"""Sorting: four numbers and the two least of them, in order; which comes next?

`<bos> 13 4 9 17 sort 4 9` -> `13`. Models are trained on the whole sorted list; the task asks for
the third number, which is what an attention head that looks for the least number above the last
one would say.

1. Sets of four different numbers that lie close together are out of distribution: no model is
   trained on them.
2. The other sets are dealt into trained and held-out ones. `test` and `selection` hold held-out
   sets, the other splits trained ones; no set is in two splits, whatever its order.
3. The corrupt prompt holds another set of the same split. Half the time it has the same two least
   numbers in the same places, so that nothing after `sort` changes; else it is another list.
"""

import itertools
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from core.errors import SettingsError
from core.tasks.task import PromptPair, Split

Numbers = tuple[int, ...]

LENGTH = 4
SHOWN = 2
"""Sorted numbers that the prompt shows."""
ROLES = ("<bos>", *(f"number {i + 1}" for i in range(LENGTH)), "sort", "least", "second")
SIZES: Mapping[Split, int] = {
    Split.TEST: 300,
    Split.SELECTION: 200,
    Split.ATTRIBUTION: 128,
    Split.LABELS: 400,
    Split.FEATURES: 800,
    Split.OOD: 200,
}
"""Prompts of each split, in the order they are dealt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SortingSettings:
    """One sorting task."""

    numbers: int = 20
    """Numbers are 0 to this less one."""
    ood_span: int = 6
    """Largest less least number, up to which a set is out of distribution."""
    held_out_share: float = 0.3
    """Share of the other sets that models are never trained on, in (0, 1)."""
    sizes: Mapping[Split, int] = field(default_factory=lambda: dict(SIZES))
    """Prompts of each split."""
    seed: int = 0
    """Seeds the dealing, the orders and the corrupt prompts."""

    def __post_init__(self) -> None:
        fits = LENGTH <= self.ood_span + 1 < self.numbers and 0 < self.held_out_share < 1
        if not fits:
            raise SettingsError(
                f"Sorting task out of range: got {self.numbers} numbers, span {self.ood_span}, "
                f"share {self.held_out_share}. Required: a span from {LENGTH - 1} to below the "
                "numbers less one, share in (0, 1). Change it."
            )


class Sets(NamedTuple):
    """How the sets, each in ascending order, are dealt."""

    train: tuple[Numbers, ...]
    held_out: tuple[Numbers, ...]
    ood: tuple[Numbers, ...]


def deal_sets(settings: SortingSettings) -> Sets:
    """Deals all sets; the same settings give the same dealing."""
    sets = list(itertools.combinations(range(settings.numbers), LENGTH))
    random.Random(f"sets {settings.seed}").shuffle(sets)
    ood = [s for s in sets if s[-1] - s[0] <= settings.ood_span]
    rest = [s for s in sets if s[-1] - s[0] > settings.ood_span]
    cut = round(settings.held_out_share * len(rest))
    return Sets(tuple(rest[cut:]), tuple(rest[:cut]), tuple(ood))


def text(order: Numbers, shown: int = SHOWN) -> str:
    """The prompt of a list of numbers: the list, `sort`, and its `shown` least."""
    return " ".join(["<bos>", *map(str, order), "sort", *map(str, sorted(order)[:shown])])


def training_text(train: Sequence[Numbers], rng: random.Random) -> str:
    """One random trained list with its whole sorted form."""
    chosen = list(rng.choice(train))
    rng.shuffle(chosen)
    return text(tuple(chosen), LENGTH)


def generate(settings: SortingSettings) -> tuple[PromptPair, ...]:
    """All prompt pairs of the task, split by split; the same settings give the same pairs.

    Raises:
        SettingsError: If the splits ask for more sets than there are.
    """
    rng = random.Random(f"pairs {settings.seed}")
    splits = _deal_splits(settings)
    return tuple(pair for split in Split for pair in _pairs(splits[split], split, rng))


def _deal_splits(settings: SortingSettings) -> dict[Split, tuple[Numbers, ...]]:
    dealt = deal_sets(settings)
    sources = [iter(source) for source in dealt]
    splits = {}
    for split in SIZES:
        held_out = split in (Split.TEST, Split.SELECTION)
        source = sources[2 if split is Split.OOD else 1 if held_out else 0]
        size = settings.sizes.get(split, 0)
        splits[split] = tuple(itertools.islice(source, size))
        if len(splits[split]) < size:
            raise SettingsError(
                f"Too few sets for the {split} split: got {len(splits[split])} of {size}. "
                "Required: the sizes fit the sets there are. Lower the sizes or take more numbers."
            )
    return splits


def _pairs(sets: Sequence[Numbers], split: Split, rng: random.Random) -> list[PromptPair]:
    alike: dict[Numbers, list[Numbers]] = defaultdict(list)
    for chosen in sets:
        alike[chosen[:SHOWN]].append(chosen)
    pairs = []
    for chosen in sets:
        order = tuple(rng.sample(chosen, LENGTH))
        near = [o for o in alike[chosen[:SHOWN]] if o[SHOWN] != chosen[SHOWN]]
        if near and rng.random() < 0.5:
            other = dict(zip(chosen, rng.choice(near), strict=True))
            corrupt = tuple(other[number] for number in order)
        else:
            far = [o for o in sets if o[SHOWN] != chosen[SHOWN]]
            corrupt = tuple(rng.sample(rng.choice(far), LENGTH))
        pairs.append(_pair(order, corrupt, split))
    return pairs


def _pair(order: Numbers, corrupt: Numbers, split: Split) -> PromptPair:
    least, second, third, largest = sorted(order)
    return PromptPair(
        clean=text(order),
        corrupt=text(corrupt),
        answer=str(third),
        wrong=str(sorted(corrupt)[SHOWN]),
        variables={
            **{f"number_{i + 1}": number for i, number in enumerate(order)},
            "least": least,
            "second": second,
            "third": third,
            "largest": largest,
            "place_of_third": order.index(third) + 1,
        },
        split=split,
    )
