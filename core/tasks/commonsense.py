"""Commonsense completion: what typically happens next?

`<bos> today Anna drops the vase and then it` -> `shatters`. A closed world: things are of a kind,
and a kind behaves in its own way when something is done to it. HellaSwag asks for the best of four
endings of a described event (Zellers et al. 2019, arXiv 1905.07830); here each ending is one word,
the answer is the right one, `wrong` the ending of the counterfactual event, and two more endings of
other events with the same thing or act are kept with the variables.

1. What a model knows of a thing it must put together: some (thing, act) events of each kind are
   never trained on, while the thing with other acts and other things of the kind with that act are.
2. `selection` and `test` hold different held-out events; `ood` tells those of `test` in frames
   (opening word and link) that were never trained on. The other splits hold trained events.
3. The corrupt prompt changes the thing or the act, to an event of the same deal that ends
   otherwise.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from core.errors import SettingsError
from core.tasks.drawing import draw_pairs
from core.tasks.task import PromptPair, Split

KINDS: Mapping[str, tuple[str, ...]] = {
    "glass": ("vase", "mirror", "bottle", "jar", "window", "lens"),
    "paper": ("letter", "map", "ticket", "poster", "envelope", "card"),
    "wax": ("candle", "crayon", "butter", "chocolate", "soap", "cheese"),
    "rubber": ("ball", "tyre", "balloon", "hose", "boot", "glove"),
    "metal": ("key", "spoon", "coin", "nail", "chain", "lid"),
    "cloth": ("shirt", "towel", "coat", "blanket", "scarf", "curtain"),
    "plant": ("rose", "fern", "tulip", "daisy", "ivy", "moss"),
    "fruit": ("apple", "pear", "peach", "plum", "tomato", "melon"),
}
"""Things of each kind."""
ENDINGS: Mapping[str, Mapping[str, str]] = {
    "drops": dict(
        glass="shatters", paper="flutters", wax="dents", rubber="bounces",
        metal="clangs", cloth="crumples", plant="droops", fruit="bruises",
    ),
    "heats": dict(
        glass="cracks", paper="burns", wax="melts", rubber="smells",
        metal="glows", cloth="scorches", plant="withers", fruit="bakes",
    ),
    "soaks": dict(
        glass="shines", paper="dissolves", wax="floats", rubber="floats",
        metal="rusts", cloth="drips", plant="grows", fruit="swells",
    ),
    "kicks": dict(
        glass="shatters", paper="tears", wax="dents", rubber="bounces",
        metal="clangs", cloth="slides", plant="snaps", fruit="rolls",
    ),
    "bends": dict(
        glass="cracks", paper="folds", wax="snaps", rubber="stretches",
        metal="creaks", cloth="folds", plant="snaps", fruit="splits",
    ),
    "freezes": dict(
        glass="fogs", paper="curls", wax="hardens", rubber="stiffens",
        metal="shrinks", cloth="stiffens", plant="withers", fruit="hardens",
    ),
}  # fmt: skip
"""Act -> kind -> what happens next."""
PEOPLE = ("Anna", "Tom", "Clara", "Leo", "Nina", "Paul", "Ruth", "Omar")
OPENERS = ("today", "now", "here", "again", "later")
LINKS = ("and then", "and so", "until finally", "so soon", "and suddenly")
OOD_FRAMES = tuple(zip(OPENERS, LINKS, strict=True))
"""Known words that are never trained on together."""
ROLES = ("<bos>", "opener", "person", "act", "the", "thing", "link 1", "link 2", "it")
SIZES: Mapping[Split, int] = {
    Split.FEATURES: 800,
    Split.ATTRIBUTION: 128,
    Split.LABELS: 300,
    Split.SELECTION: 160,
    Split.TEST: 300,
    Split.OOD: 200,
}


class Event(NamedTuple):
    """Something done to a thing."""

    kind: str
    thing: str
    act: str

    @property
    def ending(self) -> str:
        """What happens next."""
        return ENDINGS[self.act][self.kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonsenseSettings:
    """How the events are dealt."""

    held_out: int = 8
    """Events of each kind that no model is trained on; a third are for `selection`."""
    sizes: Mapping[Split, int] = field(default_factory=lambda: dict(SIZES))
    """Prompts of each split."""
    seed: int = 0
    """Seeds the dealing and the prompts."""

    def __post_init__(self) -> None:
        if not 6 <= self.held_out <= 18:
            raise SettingsError(
                f"Commonsense task out of range: got {self.held_out} held-out events of a kind. "
                "Required: 6 to 18 of the 36. Change it."
            )


class Events(NamedTuple):
    """How the events are dealt."""

    train: tuple[Event, ...]
    selection: tuple[Event, ...]
    test: tuple[Event, ...]


def deal_events(settings: CommonsenseSettings) -> Events:
    """Deals the events of each kind; the same settings give the same dealing."""
    rng = random.Random(f"events {settings.seed}")
    train, selection, test = [], [], []
    for kind, things in KINDS.items():
        events = [Event(kind, thing, act) for thing in things for act in ENDINGS]
        rng.shuffle(events)
        cut = settings.held_out // 3
        selection += events[:cut]
        test += events[cut : settings.held_out]
        train += events[settings.held_out :]
    return Events(tuple(train), tuple(selection), tuple(test))


def text(event: Event, person: str, frame: tuple[str, str]) -> str:
    """The prompt, without its ending."""
    return f"<bos> {frame[0]} {person} {event.act} the {event.thing} {frame[1]} it"


def frames() -> tuple[tuple[str, str], ...]:
    """Opening words and links that models are trained on."""
    every = ((opener, link) for opener in OPENERS for link in LINKS)
    return tuple(frame for frame in every if frame not in OOD_FRAMES)


def training_text(train: Sequence[Event], rng: random.Random) -> str:
    """One random trained event, told whole."""
    event = rng.choice(train)
    return f"{text(event, rng.choice(PEOPLE), rng.choice(frames()))} {event.ending}"


def generate(settings: CommonsenseSettings) -> tuple[PromptPair, ...]:
    """All prompt pairs of the task, split by split; the same settings give the same pairs."""
    dealt = deal_events(settings)
    rng = random.Random(f"pairs {settings.seed}")
    pools = dict.fromkeys(Split, dealt.train) | {Split.SELECTION: dealt.selection}
    pools |= dict.fromkeys((Split.TEST, Split.OOD), dealt.test)

    def draw(split: Split) -> PromptPair:
        frame = rng.choice(OOD_FRAMES if split is Split.OOD else frames())
        return _draw(pools[split], rng.choice(PEOPLE), frame, rng)

    return draw_pairs(draw, settings.sizes)


def _draw(
    pool: Sequence[Event], person: str, frame: tuple[str, str], rng: random.Random
) -> PromptPair:
    """An event of the pool and its counterfactual, which the pool holds too."""
    clean = rng.choice(pool)
    others = [other for other in pool if other.ending != clean.ending]
    by_thing = [other for other in others if other.act == clean.act]
    by_act = [other for other in others if other.thing == clean.thing]
    near = by_act if by_act and rng.random() < 0.5 else by_thing or others
    corrupt = rng.choice(near)
    return PromptPair(
        clean=text(clean, person, frame),
        corrupt=text(corrupt, person, frame),
        answer=clean.ending,
        wrong=corrupt.ending,
        variables={
            "kind": clean.kind,
            "thing": clean.thing,
            "act": clean.act,
            "ending": clean.ending,
            "person": person,
            "frame": " ".join(frame),
            **_distractors(clean, corrupt, rng),
        },
    )


def _distractors(clean: Event, corrupt: Event, rng: random.Random) -> dict[str, str]:
    """Two more endings, each of an event that shares the thing's kind or the act."""
    same_kind = {ENDINGS[act][clean.kind] for act in ENDINGS}
    same_act = set(ENDINGS[clean.act].values())
    left = sorted((same_kind | same_act) - {clean.ending, corrupt.ending})
    first, second = rng.sample(left, 2)
    return {"distractor_1": first, "distractor_2": second}
