"""Modular arithmetic: `<bos> 17 + 40 =` and the answer as one token.

How cells (a, b) are dealt out:

1. Cells with both operands at or above `ood_from` are the out-of-distribution block. No model is
   trained on them and no discovery split but `ood` holds them.
2. The other cells are grouped by *unordered* pair {a, b}, so that commutativity leaks nothing, and
   a share of the groups is what models are trained on; the rest is held out.
3. `test` and `selection` take held-out groups only: the model has never seen those cells. The
   other splits take groups from all that is left.
4. The corrupt prompt of a pair is another cell of the *same* split with a different result:
   the first operand changed, the second changed, or both, a third each where the split has such a
   cell. No split therefore sees a cell of another, not even as a corrupt prompt.

Trained to generalise, small transformers compute this sum with a few Fourier frequencies
(Nanda et al. 2023, Progress measures for grokking, arXiv 2301.05217).
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from core.errors import SettingsError
from core.tasks.task import PromptPair, Split

Cell = tuple[int, int]

ROLES = ("<bos>", "a", "operator", "b", "=")
SIZES: Mapping[Split, int] = {
    Split.TEST: 400,
    Split.SELECTION: 256,
    Split.ATTRIBUTION: 128,
    Split.LABELS: 512,
    Split.FEATURES: 1400,
}
"""Least number of cells of each split, in the order they are dealt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModularSettings:
    """One modular arithmetic task."""

    p: int = 59
    """Modulus; operands and results are 0 to p - 1."""
    operation: Literal["add", "subtract"] = "add"
    """a + b or a - b, modulo p."""
    prompt: str = "<bos> {a} + {b} ="
    """Prompt words; must hold {a} and {b}."""
    symbols: tuple[str, ...] = ()
    """Word for each number 0 to p - 1; digits where empty."""
    ood_from: int = 47
    """Both operands at or above this: out of distribution."""
    train_share: float = 0.65
    """Share of the other unordered pairs that models are trained on, in (0, 1)."""
    sizes: Mapping[Split, int] = field(default_factory=lambda: dict(SIZES))
    """Least number of cells of each split."""
    seed: int = 0
    """Seeds the dealing and the corrupt prompts."""

    def __post_init__(self) -> None:
        if self.p < 5 or not 0 < self.ood_from <= self.p or not 0 < self.train_share < 1:
            raise SettingsError(
                f"Modular task out of range: got p={self.p}, ood_from={self.ood_from}, "
                f"train_share={self.train_share}. Required: p >= 5, 0 < ood_from <= p, share in "
                "(0, 1). Change the setting named."
            )
        if "{a}" not in self.prompt or "{b}" not in self.prompt:
            raise SettingsError(
                f"Prompt without operands: got {self.prompt!r}. It must hold {{a}} and {{b}}. "
                "Write for example '<bos> {a} + {b} ='."
            )
        if self.symbols and len(set(self.symbols)) != self.p:
            raise SettingsError(
                f"Symbols do not match the modulus: got {len(set(self.symbols))} different words. "
                f"Required: {self.p}, one for each number. Give them all, or none for digits."
            )

    def word(self, number: int) -> str:
        """The word a number is written as."""
        return self.symbols[number] if self.symbols else str(number)

    def result(self, cell: Cell) -> int:
        """a + b or a - b modulo p."""
        a, b = cell
        return (a + b if self.operation == "add" else a - b) % self.p

    def text(self, cell: Cell) -> str:
        """The prompt of a cell."""
        return self.prompt.format(a=self.word(cell[0]), b=self.word(cell[1]))


class Cells(NamedTuple):
    """How the cells (a, b) are dealt between model training and evaluation."""

    train: tuple[Cell, ...]
    """What models are trained on."""
    held_out: tuple[Cell, ...]
    """Never trained on; same range of operands."""
    ood: tuple[Cell, ...]
    """Never trained on; both operands in the held-out range."""


def deal_cells(settings: ModularSettings) -> Cells:
    """Deals all cells by unordered pair; see the module's steps 1 and 2."""
    train, held_out = _deal_groups(settings)
    low = settings.ood_from
    ood = [(a, b) for a in range(low, settings.p) for b in range(low, settings.p)]
    return Cells(_flatten(train), _flatten(held_out), tuple(ood))


def generate(settings: ModularSettings) -> tuple[PromptPair, ...]:
    """All prompt pairs of the task, split by split; the same settings give the same pairs.

    Raises:
        SettingsError: If the splits ask for more cells than there are.
    """
    rng = random.Random(f"pairs {settings.seed}")
    pairs: list[PromptPair] = []
    for split, cells in _deal_splits(settings).items():
        for cell in cells:
            pairs.append(_pair(settings, cell, _corrupt(settings, cell, cells, rng), split))
    return tuple(pairs)


def _deal_groups(settings: ModularSettings) -> tuple[list[list[Cell]], list[list[Cell]]]:
    """Unordered pairs outside the held-out range: those models train on, and the rest."""
    groups = [
        [(a, b)] if a == b else [(a, b), (b, a)]
        for a in range(settings.p)
        for b in range(a, settings.p)
        if a < settings.ood_from
    ]
    random.Random(f"cells {settings.seed}").shuffle(groups)
    cut = round(settings.train_share * len(groups))
    return groups[:cut], groups[cut:]


def _deal_splits(settings: ModularSettings) -> dict[Split, tuple[Cell, ...]]:
    train, held_out = _deal_groups(settings)
    splits: dict[Split, tuple[Cell, ...]] = {}
    for split in (Split.TEST, Split.SELECTION):
        splits[split] = _take(held_out, settings.sizes.get(split, 0), split)
    rest = train + held_out
    random.Random(f"splits {settings.seed}").shuffle(rest)
    for split in (Split.ATTRIBUTION, Split.LABELS, Split.FEATURES):
        splits[split] = _take(rest, settings.sizes.get(split, 0), split)
    splits[Split.OOD] = deal_cells(settings).ood
    return {split: splits[split] for split in Split}


def _take(groups: list[list[Cell]], size: int, split: Split) -> tuple[Cell, ...]:
    """Removes whole groups from the front until at least `size` cells are taken."""
    taken: list[Cell] = []
    while len(taken) < size:
        if not groups:
            raise SettingsError(
                f"Too few cells for the {split} split: got {len(taken)} of {size}. Required: the "
                "sizes together fit the held-out and remaining cells. Lower the sizes or raise p."
            )
        taken += groups.pop(0)
    return tuple(taken)


def _flatten(groups: Sequence[Sequence[Cell]]) -> tuple[Cell, ...]:
    return tuple(cell for group in groups for cell in group)


def _corrupt(
    settings: ModularSettings, cell: Cell, pool: Sequence[Cell], rng: random.Random
) -> Cell:
    """Another cell of the pool with another result: a changed, b changed, or both."""
    a, b = cell
    kind = rng.randrange(3)
    if kind == 0:
        near = [c for c in pool if c[1] == b and c[0] != a]
    elif kind == 1:
        near = [c for c in pool if c[0] == a and c[1] != b]
    else:
        near = [c for c in pool if c[0] != a and c[1] != b]
    wanted = _others(settings, cell, near)
    if wanted:
        return rng.choice(wanted)
    both = [c for c in pool if c[0] != a and c[1] != b]
    fallback = _others(settings, cell, both) or _others(settings, cell, pool)
    if not fallback:
        raise SettingsError(
            f"No corrupt prompt for {settings.text(cell)!r}: got a split of {len(pool)} cells that "
            "all have one result. Required: a cell with another result. Raise p or the sizes."
        )
    return rng.choice(fallback)


def _others(settings: ModularSettings, cell: Cell, pool: Sequence[Cell]) -> list[Cell]:
    result = settings.result(cell)
    return [other for other in pool if settings.result(other) != result]


def _pair(settings: ModularSettings, cell: Cell, corrupt: Cell, split: Split) -> PromptPair:
    return PromptPair(
        clean=settings.text(cell),
        corrupt=settings.text(corrupt),
        answer=settings.word(settings.result(cell)),
        wrong=settings.word(settings.result(corrupt)),
        variables={"a": cell[0], "b": cell[1], "result": settings.result(cell)},
        split=split,
    )
