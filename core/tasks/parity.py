"""Parity: is the number of ones even or odd?

`<bos> 0 1 1 0 1 0 0 1 0 0 =` -> `even`. Every bit matters as much as any other, and no part of the
prompt tells anything of the answer: the model must count, or flip with each one.

1. Strings that begin with a run of ones are out of distribution: no model is trained on them and
   no split but `ood` holds them.
2. The others are dealt out as couples that differ in one bit, drawn at random. Both strings of a
   couple are prompts of one split, each the corrupt prompt of the other; so no split sees a string
   of another, and resampling from the corrupt prompt flips the answer by one bit.
3. `test` and `selection` hold couples that models are never trained on; the other splits hold
   trained ones.
"""

import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from core.errors import SettingsError
from core.tasks.task import PromptPair, Split

Bits = tuple[int, ...]
Couple = tuple[Bits, Bits]

ANSWERS = ("even", "odd")
BLANK = "_"
"""Stands for no bit; in training only."""
SIZES: Mapping[Split, int] = {
    Split.TEST: 200,
    Split.SELECTION: 100,
    Split.ATTRIBUTION: 100,
    Split.LABELS: 200,
    Split.FEATURES: 300,
}
"""Prompts of each split, in the order they are dealt; even numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParitySettings:
    """One parity task."""

    bits: int = 10
    """Length of a string."""
    run: int = 4
    """Ones at the beginning that make a string out of distribution."""
    sizes: Mapping[Split, int] = field(default_factory=lambda: dict(SIZES))
    """Prompts of each split but `ood`, which holds all there are."""
    seed: int = 0
    """Seeds the couples and the dealing."""

    def __post_init__(self) -> None:
        if not 1 <= self.run < self.bits:
            raise SettingsError(
                f"Parity task out of range: got {self.bits} bits and a run of {self.run}. "
                "Required: a run of at least 1 that is shorter than the string. Change it."
            )

    @property
    def roles(self) -> tuple[str, ...]:
        """Name of each position."""
        return ("<bos>", *(f"bit {i + 1}" for i in range(self.bits)), "=")


class Strings(NamedTuple):
    """How the couples are dealt."""

    train: tuple[Couple, ...]
    """What models are trained on."""
    held_out: tuple[Couple, ...]
    """For `test` and `selection`."""
    ood: tuple[Couple, ...]
    """Strings that begin with the run of ones."""


def text(bits: Bits) -> str:
    """The prompt of a string."""
    return f"<bos> {' '.join(map(str, bits))} ="


def answer(bits: Bits) -> str:
    """`even` or `odd`."""
    return ANSWERS[sum(bits) % 2]


def deal_strings(settings: ParitySettings) -> Strings:
    """Couples of all strings; the same settings give the same dealing.

    Raises:
        SettingsError: If the splits ask for more strings than there are.
    """
    rng = random.Random(f"strings {settings.seed}")
    strings: list[Bits] = list(itertools.product((0, 1), repeat=settings.bits))
    ood = [s for s in strings if all(s[: settings.run])]
    couples = _couples([s for s in strings if not all(s[: settings.run])], rng)
    needed = sum(settings.sizes.values()) // 2
    if needed > len(couples):
        raise SettingsError(
            f"Too few strings for the splits: got {2 * len(couples)} of {2 * needed}. Required: "
            "the sizes together fit. Lower the sizes or take more bits."
        )
    held_out = sum(settings.sizes.get(s, 0) for s in (Split.TEST, Split.SELECTION)) // 2
    return Strings(tuple(couples[held_out:]), tuple(couples[:held_out]), tuple(_couples(ood, rng)))


def training_text(train: Sequence[Couple], rng: random.Random) -> str:
    """Some random bits among blanks with their answer, or now and then a whole trained string.

    Ten bits at once give a model nothing to begin with. One bit among blanks is easy, two follow
    from it, and so on. Whole strings are rare, so that they are not learnt by heart; the blanks are
    in no prompt of the task.
    """
    bits = rng.choice(rng.choice(train))
    shown = set(rng.sample(range(len(bits)), rng.randint(1, len(bits))))
    if len(shown) < len(bits):
        bits = tuple(rng.randrange(2) if i in shown else 0 for i in range(len(bits)))
    words = [str(bit) if i in shown else BLANK for i, bit in enumerate(bits)]
    return f"<bos> {' '.join(words)} = {answer(bits)}"


def generate(settings: ParitySettings) -> tuple[PromptPair, ...]:
    """All prompt pairs of the task, split by split; the same settings give the same pairs."""
    dealt = deal_strings(settings)
    source = iter((*dealt.held_out, *dealt.train))
    taken: dict[Split, tuple[Couple, ...]] = {Split.OOD: dealt.ood}
    for split in SIZES:
        taken[split] = tuple(itertools.islice(source, settings.sizes.get(split, 0) // 2))
    return tuple(
        pair for split in Split for couple in taken[split] for pair in _both(couple, split)
    )


def _couples(strings: list[Bits], rng: random.Random) -> list[Couple]:
    """Random couples that differ in one bit; the few strings left alone are in none."""
    rng.shuffle(strings)
    free, couples = set(strings), []
    for bits in strings:
        if bits not in free:
            continue
        free.discard(bits)
        near = [bits[:i] + (1 - bits[i],) + bits[i + 1 :] for i in range(len(bits))]
        partners = [other for other in near if other in free]
        if partners:
            partner = rng.choice(partners)
            free.discard(partner)
            couples.append((bits, partner))
    return couples


def _both(couple: Couple, split: Split) -> Iterator[PromptPair]:
    """Each string of the couple with the other as its corrupt prompt."""
    for clean, corrupt in (couple, couple[::-1]):
        yield PromptPair(
            clean=text(clean),
            corrupt=text(corrupt),
            answer=answer(clean),
            wrong=answer(corrupt),
            variables={
                "ones": sum(clean),
                "parity": answer(clean),
                **{f"bit_{i + 1}": bit for i, bit in enumerate(clean)},
            },
            split=split,
        )
