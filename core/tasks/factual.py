"""Factual recall: `<bos> we know that the capital of Peru is` -> `Lima`.

1. A fact is a country, a relation and its object; all facts are trained, since nothing tells a
   model a fact that it never saw. What is held out is the wording.
2. A wording is a speaker and a verb, e.g. `we know`. Each (fact, wording) is dealt to training or
   held out; `test` and `selection` hold only held-out ones, the other splits trained ones. Some
   wordings are out of distribution altogether: their words are known, never together.
3. The corrupt prompt asks for the same relation of another country, or for another relation of the
   same country, half each, in the same wording and from the same deal.
"""

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from core.errors import SettingsError
from core.tasks.drawing import draw_pairs
from core.tasks.task import PromptPair, Split

RELATIONS = ("capital", "language", "currency", "continent")
TABLE = """
    France Paris French euro Europe
    Germany Berlin German euro Europe
    Italy Rome Italian euro Europe
    Greece Athens Greek euro Europe
    Finland Helsinki Finnish euro Europe
    Portugal Lisbon Portuguese euro Europe
    Poland Warsaw Polish zloty Europe
    Hungary Budapest Hungarian forint Europe
    Sweden Stockholm Swedish krona Europe
    Norway Oslo Norwegian krone Europe
    Denmark Copenhagen Danish krone Europe
    Iceland Reykjavik Icelandic krona Europe
    Czechia Prague Czech koruna Europe
    Romania Bucharest Romanian leu Europe
    Bulgaria Sofia Bulgarian lev Europe
    Albania Tirana Albanian lek Europe
    Ukraine Kyiv Ukrainian hryvnia Europe
    Japan Tokyo Japanese yen Asia
    China Beijing Mandarin yuan Asia
    Thailand Bangkok Thai baht Asia
    Vietnam Hanoi Vietnamese dong Asia
    Mongolia Ulaanbaatar Mongolian tugrik Asia
    Iran Tehran Persian rial Asia
    Iraq Baghdad Arabic dinar Asia
    Nepal Kathmandu Nepali rupee Asia
    Bangladesh Dhaka Bengali taka Asia
    Egypt Cairo Arabic pound Africa
    Morocco Rabat Arabic dirham Africa
    Tunisia Tunis Arabic dinar Africa
    Kenya Nairobi Swahili shilling Africa
    Ghana Accra English cedi Africa
    Nigeria Abuja English naira Africa
    Angola Luanda Portuguese kwanza Africa
    Senegal Dakar French franc Africa
    Canada Ottawa English dollar America
    Cuba Havana Spanish peso America
    Chile Santiago Spanish peso America
    Colombia Bogota Spanish peso America
    Peru Lima Spanish sol America
    Brazil Brasilia Portuguese real America
"""
FACTS: Mapping[str, Mapping[str, str]] = {
    row.split()[0]: dict(zip(RELATIONS, row.split()[1:], strict=True))
    for row in TABLE.strip().splitlines()
}
"""Country -> relation -> object."""
SPEAKERS = ("we", "they", "you", "people", "teachers", "sailors", "students", "friends")
VERBS = ("know", "say", "write", "hear", "learn", "read")
ROLES = ("<bos>", "speaker", "verb", "that", "the", "relation", "of", "country", "is")
SIZES: Mapping[Split, int] = {
    Split.FEATURES: 800,
    Split.ATTRIBUTION: 128,
    Split.LABELS: 300,
    Split.SELECTION: 160,
    Split.TEST: 300,
    Split.OOD: 200,
}


class Question(NamedTuple):
    """One prompt."""

    speaker: str
    verb: str
    relation: str
    country: str

    def text(self) -> str:
        """The prompt, without its answer."""
        return f"<bos> {self.speaker} {self.verb} that the {self.relation} of {self.country} is"

    @property
    def answer(self) -> str:
        """The object of the fact."""
        return FACTS[self.country][self.relation]


@dataclass(frozen=True, slots=True, kw_only=True)
class FactualSettings:
    """How the prompts are dealt."""

    ood_wordings: int = 8
    """Wordings that no model is trained on."""
    train_share: float = 0.6
    """Share of the other (fact, wording) prompts that models are trained on, in (0, 1)."""
    sizes: Mapping[Split, int] = field(default_factory=lambda: dict(SIZES))
    """Prompts of each split."""
    seed: int = 0
    """Seeds the dealing and the corrupt prompts."""

    def __post_init__(self) -> None:
        most = len(SPEAKERS) * len(VERBS) - 1
        if not 0 <= self.ood_wordings <= most or not 0 < self.train_share < 1:
            raise SettingsError(
                f"Factual task out of range: got {self.ood_wordings} wordings and share "
                f"{self.train_share}. Required: 0 to {most} wordings, share in (0, 1). Change it."
            )


class Questions(NamedTuple):
    """How the questions are dealt."""

    train: tuple[Question, ...]
    held_out: tuple[Question, ...]
    ood: tuple[Question, ...]


def deal_questions(settings: FactualSettings) -> Questions:
    """Deals all questions; the same settings give the same dealing."""
    rng = random.Random(f"questions {settings.seed}")
    wordings = [(speaker, verb) for speaker in SPEAKERS for verb in VERBS]
    rng.shuffle(wordings)
    facts = [(relation, country) for country in FACTS for relation in RELATIONS]
    unseen, known = wordings[: settings.ood_wordings], wordings[settings.ood_wordings :]
    ood, rest = ([Question(*w, *f) for w in some for f in facts] for some in (unseen, known))
    rng.shuffle(rest)
    cut = round(settings.train_share * len(rest))
    return Questions(tuple(rest[:cut]), tuple(rest[cut:]), tuple(ood))


def training_texts(settings: FactualSettings) -> list[str]:
    """Every prompt that models are trained on, with its answer."""
    return [f"{question.text()} {question.answer}" for question in deal_questions(settings).train]


def generate(settings: FactualSettings) -> tuple[PromptPair, ...]:
    """All prompt pairs of the task, split by split; the same settings give the same pairs.

    Raises:
        SettingsError: If the splits ask for more questions than there are.
    """
    train, held_out, ood = deal_questions(settings)
    rng = random.Random(f"pairs {settings.seed}")
    pools = dict.fromkeys(Split, _by_wording(train)) | {Split.OOD: _by_wording(ood)}
    pools |= dict.fromkeys((Split.TEST, Split.SELECTION), _by_wording(held_out))
    return draw_pairs(lambda split: _draw(rng.choice(pools[split]), rng), settings.sizes)


def _by_wording(questions: Sequence[Question]) -> list[list[Question]]:
    groups: dict[tuple[str, str], list[Question]] = defaultdict(list)
    for question in questions:
        groups[question.speaker, question.verb].append(question)
    return list(groups.values())


def _draw(pool: Sequence[Question], rng: random.Random) -> PromptPair:
    """A question of one wording and its counterfactual, both from the pool."""
    clean = rng.choice(pool)
    asks = rng.choice(("country", "relation"))
    kept = "relation" if asks == "country" else "country"
    near = [
        other
        for other in pool
        if getattr(other, kept) == getattr(clean, kept) and other.answer != clean.answer
    ]
    return _pair(clean, rng.choice(near)) if near else _draw(pool, rng)


def _pair(clean: Question, corrupt: Question) -> PromptPair:
    return PromptPair(
        clean=clean.text(),
        corrupt=corrupt.text(),
        answer=clean.answer,
        wrong=corrupt.answer,
        variables={
            "country": clean.country,
            "relation": clean.relation,
            "object": clean.answer,
            "continent": FACTS[clean.country]["continent"],
            "wording": f"{clean.speaker} {clean.verb}",
        },
    )
