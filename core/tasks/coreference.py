"""Coreference: who receives the object when one of two named people acts?

`<bos> when Mary and John went to the store , John gave a drink to` -> `Mary`. The name that is not
repeated is the answer (indirect object identification, Wang et al. 2022, arXiv 2211.00593).

1. Every sentence has the same 15 words' shape, so a position means the same thing in every
   template; templates differ in the opener, the verb phrase, the act and the determiner.
2. ABBA sentences name the receiver first, BABA sentences the actor first, half each.
3. The corrupt prompt repeats the other name; everything else stays. Its right answer is `wrong`.
4. Unordered pairs of names are dealt into pairs models are trained on and held-out ones. `test`
   and `selection` use held-out name pairs only; `ood` uses held-out templates (every word known
   from other templates, the combination new) with held-out name pairs. The clean prompts of all
   splits are disjoint, and a corrupt prompt is never another split's clean prompt.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from core.errors import SettingsError
from core.tasks.task import PromptPair, Split


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


NAMES = _words("""
    Mary John Anna Peter Laura David Susan Mark Emma Paul Alice Tom Julia Kevin Rachel Simon Grace
    Daniel Clara James Helen Robert Nina Oscar Eva Martin Ruth Frank Sarah George Lucy Henry Diana
    Adam Irene Leo Maria Felix Jane Victor
""")
PLACES = _words("store park school market office library station garden museum beach cafe farm")
OBJECTS = _words("drink book ring key letter ball map flower coin hat lamp cake")
ROLES = (
    "<bos>", "opener", "name 1", "and", "name 2", "verb", "preposition", "the", "place", ",",
    "actor", "act", "determiner", "object", "to",
)  # fmt: skip
SIZES: Mapping[Split, int] = {
    Split.FEATURES: 1000,
    Split.ATTRIBUTION: 128,
    Split.LABELS: 400,
    Split.SELECTION: 200,
    Split.TEST: 320,
    Split.OOD: 200,
}


class Template(NamedTuple):
    """The words of a sentence besides its names, place and object."""

    opener: str
    """First word, e.g. `when`."""
    verb: str
    """What the two did, e.g. `went`."""
    preposition: str
    """Before `the` and the place, e.g. `to`."""
    act: str
    """How the object changes hands, e.g. `gave`."""
    determiner: str
    """Before the object, e.g. `a`."""


TEMPLATES = tuple(
    Template(*words.split())
    for words in (
        "when went to gave a",
        "after walked to handed the",
        "while sat in passed a",
        "once arrived at offered the",
        "as waited at sent a",
        "because met at lent the",
        "when worked in showed the",
        "after stood near gave the",
        "while played in handed a",
        "once came to passed the",
        "as rested near offered a",
        "because stayed in sent the",
    )
)
HELD_OUT_TEMPLATES = tuple(
    Template(*words.split())
    for words in (
        "because walked near passed a",
        "when waited in lent a",
        "once played at showed a",
        "after came to sent the",
    )
)


class Scene(NamedTuple):
    """One sentence; `receiver` is the right next word."""

    template: Template
    receiver: str
    actor: str
    place: str
    thing: str
    order: str
    """`ABBA` (receiver named first) or `BABA` (actor named first)."""

    def text(self) -> str:
        """The prompt, without its answer."""
        first, second = self.receiver, self.actor
        if self.order == "BABA":
            first, second = second, first
        t = self.template
        return (
            f"<bos> {t.opener} {first} and {second} {t.verb} {t.preposition} the {self.place} , "
            f"{self.actor} {t.act} {t.determiner} {self.thing} to"
        )

    def flipped(self) -> "Scene":
        """The same sentence with the other person acting."""
        order = "BABA" if self.order == "ABBA" else "ABBA"
        return self._replace(receiver=self.actor, actor=self.receiver, order=order)


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreferenceSettings:
    """How many sentences, and from which words."""

    names: tuple[str, ...] = NAMES
    """People; one word each."""
    train_share: float = 0.75
    """Share of the unordered name pairs that models are trained on, in (0, 1)."""
    sizes: Mapping[Split, int] = field(default_factory=lambda: dict(SIZES))
    """Number of sentences of each split."""
    seed: int = 0
    """Seeds the dealing of names and the sentences."""

    def __post_init__(self) -> None:
        if len(set(self.names)) < 5 or not 0 < self.train_share < 1:
            raise SettingsError(
                f"Coreference task out of range: got {len(set(self.names))} names and share "
                f"{self.train_share}. Required: at least 5 names, share in (0, 1). Change it."
            )


class NamePairs(NamedTuple):
    """How unordered pairs of names are dealt."""

    train: tuple[tuple[str, str], ...]
    """What models are trained on."""
    held_out: tuple[tuple[str, str], ...]
    """Never together in a training sentence."""


def deal_names(settings: CoreferenceSettings) -> NamePairs:
    """Deals the unordered name pairs; the same settings give the same dealing."""
    names = settings.names
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    random.Random(f"names {settings.seed}").shuffle(pairs)
    cut = round(settings.train_share * len(pairs))
    return NamePairs(tuple(pairs[:cut]), tuple(pairs[cut:]))


def scenes(
    pairs: tuple[tuple[str, str], ...], templates: tuple[Template, ...], rng: random.Random
) -> Iterator[Scene]:
    """Endless random sentences over these name pairs and templates."""
    while True:
        receiver, actor = rng.sample(rng.choice(pairs), 2)
        yield Scene(
            rng.choice(templates), receiver, actor, rng.choice(PLACES), rng.choice(OBJECTS),
            rng.choice(("ABBA", "BABA")),
        )  # fmt: skip


def generate(settings: CoreferenceSettings) -> tuple[PromptPair, ...]:
    """All prompt pairs of the task, split by split; the same settings give the same pairs."""
    names = deal_names(settings)
    rng = random.Random(f"pairs {settings.seed}")
    seen: set[str] = set()
    pairs: list[PromptPair] = []
    for split in Split:
        templates = HELD_OUT_TEMPLATES if split is Split.OOD else TEMPLATES
        held_out = split in (Split.SELECTION, Split.TEST, Split.OOD)
        source = scenes(names.held_out if held_out else names.train, templates, rng)
        wanted = len(pairs) + settings.sizes.get(split, 0)
        while len(pairs) < wanted:
            scene = next(source)
            # Both texts are marked, so that no corrupt prompt is a clean prompt elsewhere.
            if seen.isdisjoint(texts := {scene.text(), scene.flipped().text()}):
                seen |= texts
                pairs.append(_pair(scene, split))
    return tuple(pairs)


def _pair(scene: Scene, split: Split) -> PromptPair:
    return PromptPair(
        clean=scene.text(),
        corrupt=scene.flipped().text(),
        answer=scene.receiver,
        wrong=scene.actor,
        variables={
            "indirect_object": scene.receiver,
            "subject": scene.actor,
            "order": scene.order,
            "place": scene.place,
            "object": scene.thing,
            "template": " ".join(scene.template),
        },
        split=split,
    )
