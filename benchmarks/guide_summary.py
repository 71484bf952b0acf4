"""Figures of every method of `guide_study` on each split, and the tests over models."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from guide_measure import SHAPES, TRAINING, TRIM, Study
from guide_table import FIGURES, TESTED
from scipy.stats import wilcoxon

from core.guide.scoring import rank_scores
from core.lessons.lesson import BASELINES, Lesson

SHOWN = {
    "influence": "influence",
    "influence along mean sizes": "influence_of_sizes",
    "shifted influence": "shifted_influence",
    "varying influence": "varying_influence",
    "direct effect": "direct_logit_effect",
    "total effect": "total_effect",
    "activation": "activation",
    "shift": "shift",
    "strength": "strength_out",
    "first-order effect": "first_order",
}
"""Rankings without learning, and their columns."""


def table(
    lessons: Sequence[Lesson], study: Study, measured: Mapping[str, Any], splits: Sequence[str]
) -> dict[str, Any]:
    """Every method's figures on each split, and the tests."""
    fixed = {method: _fixed(lessons, study, column) for method, column in SHOWN.items()}
    found: dict[str, Any] = {
        "command": "python benchmarks/guide_study.py",
        "members": "strongest tenth of a pair's nodes by measured effect, at most 100",
        "pairs": {lesson.pair.name: len(lesson.nodes) for lesson in lessons},
        "models": len({x.pair.model for x in lessons if x.pair.kind != "compiled"}),
        "training": {name: asdict(settings) for name, settings in TRAINING.items()},
        "trim": TRIM,
        "splits": {},
    }
    for split in splits:
        methods = fixed | {
            method: _seeds(measured, split, method, len(lessons)) for method in SHAPES
        }
        by_model = {name: _by_model(lessons, x) for name, x in methods.items() if x}
        found["splits"][split] = {
            "folds": {k: sorted(x.pair.name for x in v) for k, v in study.folds(split).items()},
            "seeds": {m: _count(measured, split, m, len(lessons)) for m in SHAPES},
            "seconds": {m: _seconds(measured, split, m, len(lessons)) for m in SHAPES},
            "figures": {name: _means(x) for name, x in by_model.items()},
            "by_model": by_model,
            "p": {name: tests(by_model, name) for name in TESTED},
        }
    return found


def _fixed(
    lessons: Sequence[Lesson], study: Study, column: str
) -> dict[str, list[Sequence[float]]]:
    """Scores of a ranking that needs no learning."""
    found: dict[str, list[Sequence[float]]] = {}
    for lesson in lessons:
        if lesson.pair.kind != "compiled":
            score = lesson.baselines[:, BASELINES.index(column)].double().numpy()
            member = study.whole[lesson.pair.name].member.numpy()
            found[lesson.pair.name] = [rank_scores(score, member)]
    return found


def _runs(measured: Mapping[str, Any], split: str, method: str, n: int) -> list[tuple[str, Any]]:
    """The runs of a method, with their seeds; only seeds that every fold has been run with."""
    parts = [(key.split("/"), run) for key, run in measured.items()]
    folds = {key[1] for key, _ in parts if (key[0], key[4]) == (split, str(n))}
    runs = [
        (key[3], run) for key, run in parts if (key[0], key[2], key[4]) == (split, method, str(n))
    ]
    count = Counter(seed for seed, _ in runs)
    return [(seed, run) for seed, run in runs if count[seed] == len(folds)]


def _seeds(
    measured: Mapping[str, Any], split: str, method: str, n: int
) -> dict[str, list[Sequence[float]]]:
    """Every seed's scores of each pair."""
    found: dict[str, list[Sequence[float]]] = {}
    for _seed, run in _runs(measured, split, method, n):
        for name, scores in run["scores"].items():
            found.setdefault(name, []).append(scores)
    return found


def _count(measured: Mapping[str, Any], split: str, method: str, n: int) -> int:
    return len({seed for seed, _ in _runs(measured, split, method, n)})


def _seconds(measured: Mapping[str, Any], split: str, method: str, n: int) -> float | None:
    """Processor seconds of one training."""
    spent = [run["seconds"] for _, run in _runs(measured, split, method, n)]
    return round(float(np.mean(spent)), 1) if spent else None


def _by_model(
    lessons: Sequence[Lesson], scores: Mapping[str, list[Sequence[float]]]
) -> dict[str, list[float]]:
    """Means over seeds and dictionaries of each model."""
    found: dict[str, list[np.ndarray]] = {}
    for lesson in lessons:
        if lesson.pair.name in scores:
            mean = np.mean(scores[lesson.pair.name], axis=0)
            found.setdefault(lesson.pair.model, []).append(mean)
    return {model: np.mean(x, axis=0).round(4).tolist() for model, x in found.items()}


def _means(by_model: Mapping[str, Sequence[float]]) -> dict[str, float]:
    means = np.mean(list(by_model.values()), axis=0)
    return {name: round(float(x), 4) for name, x in zip(FIGURES, means, strict=True)}


def tests(by_model: Mapping[str, Mapping[str, Sequence[float]]], ours: str) -> dict[str, Any]:
    """Holm-corrected p of one method against each other, by figure, with the models it wins."""
    if ours not in by_model:
        return {}
    found: dict[str, Any] = {}
    for place, figure in enumerate(FIGURES):
        raw = {}
        for rival, values in by_model.items():
            shared = sorted(values.keys() & by_model[ours].keys())
            gain = np.array([by_model[ours][m][place] - values[m][place] for m in shared])
            if rival != ours and len(shared) > 1 and (gain != 0).any():
                p = float(np.asarray(wilcoxon(gain))[1])
                raw[rival] = (p, int((gain > 0).sum()), len(shared))
        found[figure] = holm(raw)
    return found


def holm(raw: Mapping[str, tuple[float, int, int]]) -> dict[str, dict[str, Any]]:
    """Step-down correction: the i-th smallest p times how many are left, never falling."""
    corrected, least = {}, 0.0
    for i, (rival, (p, wins, n)) in enumerate(sorted(raw.items(), key=lambda item: item[1][0])):
        least = max(least, min(1.0, p * (len(raw) - i)))
        corrected[rival] = {"p": float(f"{least:.3g}"), "wins": wins, "of": n}
    return corrected
