"""What is learned in `guide_study`, on which pairs, and how well it finds members of the others."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import torch

from core.guide.hetero import HeteroData
from core.guide.learning import Episode, LearningSettings, episode, fit, score_nodes, trimmed
from core.guide.network import NetworkSettings
from core.guide.scoring import rank_scores
from core.lessons.lesson import Lesson

SHAPES = {
    "GATv2": NetworkSettings(),
    "GATv2, rewired": NetworkSettings(),
    "perceptron": NetworkSettings(kind="perceptron"),
    "logistic regression": NetworkSettings(kind="linear"),
}
"""What is learned."""
TRAINING = {
    "GATv2": LearningSettings(steps=250, alone=800, lr=4e-3, weight_decay=0.1),
    "GATv2, rewired": LearningSettings(steps=250, alone=800, lr=4e-3, weight_decay=0.1),
    "perceptron": LearningSettings(steps=800, lr=4e-3, weight_decay=0.1),
    "logistic regression": LearningSettings(steps=800, lr=4e-3, weight_decay=0.1),
}
SEEDS = {"GATv2, rewired": 2}
"""Fewer for a control; five for the rest."""
TRIM = 600
"""Leaves of a graph that a training step sees."""


class Study:
    """Lessons as episodes, and what has been fitted to some of them."""

    def __init__(self, lessons: Sequence[Lesson], *, quick: bool = False) -> None:
        self.lessons, self.quick = lessons, quick
        self.whole = {lesson.pair.name: episode_of(lesson) for lesson in lessons}
        self.part = {name: trimmed(one, TRIM) for name, one in self.whole.items()}

    def folds(self, split: str) -> dict[str, list[Lesson]]:
        """What is held out together, by name; never a compiled program."""
        found: dict[str, list[Lesson]] = {}
        for lesson in self.lessons:
            pair = lesson.pair
            if pair.kind != "compiled":
                key = pair.task if split == "task" else pair.architecture
                found.setdefault(key, []).append(lesson)
        return found

    def learned(
        self, splits: Sequence[str], methods: Sequence[str], seeds: int, known: Mapping[str, Any]
    ) -> Iterable[dict[str, Any]]:
        """Scores of each (fold, method, seed) that is not known yet; seed after seed."""
        folds = [(split, *fold) for split in splits for fold in self.folds(split).items()]
        for seed, (split, name, held_out) in product(range(seeds), folds):
            for method in methods:
                key = f"{split}/{name}/{method}/{seed}/{len(self.lessons)}"
                if key not in known and seed < SEEDS.get(method, seeds):
                    yield {key: self._one(method, seed, held_out)}

    def _one(self, method: str, seed: int, held_out: list[Lesson]) -> dict[str, Any]:
        out = {lesson.pair.name for lesson in held_out}
        learn = [one for name, one in self.part.items() if name not in out]
        settings = replace(TRAINING[method], seed=seed)
        settings = replace(settings, steps=20) if self.quick else settings
        rewired = method.endswith("rewired")
        start = time.process_time()
        made = fit([rewire(e, seed) for e in learn] if rewired else learn, SHAPES[method], settings)
        seconds = time.process_time() - start
        scores = {}
        for name in sorted(out):
            one = rewire(self.whole[name], seed) if rewired else self.whole[name]
            score = score_nodes(made, one.data)["node"][one.place.numpy()]
            scores[name] = rank_scores(score.astype(float), one.member.numpy())
        print(f"{method} {seed} without {sorted(out)[0]} ...: {seconds:.0f} s", flush=True)
        return {"seconds": round(seconds, 1), "scores": scores}


def episode_of(lesson: Lesson) -> Episode:
    """A lesson as training sees it."""
    return episode(
        lesson.pair.name, lesson.data, lesson.place, lesson.effects.strength, lesson.member
    )


def rewire(one: Episode, seed: int) -> Episode:
    """The same columns and as many edges, but which nodes they join is dealt at random."""
    generator = torch.Generator().manual_seed(seed)
    data = one.data.clone()
    for relation in (("node", "drives", "node"), ("supernode", "drives", "supernode")):
        source, target = data[relation].edge_index
        dealt = torch.stack([source, target[torch.randperm(len(target), generator=generator)]])
        back = (relation[0], "driven_by", relation[2])
        data[relation].edge_index, data[back].edge_index = dealt, dealt.flip(0)
    return replace(one, data=_dealt_leaves(data, generator))


def _dealt_leaves(data: HeteroData, generator: torch.Generator) -> HeteroData:
    above, leaf = data["supernode", "holds", "node"].edge_index
    dealt = torch.stack([above, leaf[torch.randperm(len(leaf), generator=generator)]])
    data["supernode", "holds", "node"].edge_index = dealt
    data["node", "held_by", "supernode"].edge_index = dealt.flip(0)
    return data
