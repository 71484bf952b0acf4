"""Do guides find the nodes that matter on models and tasks they have not seen?

    python -m core.lessons                       # what every node does: labels of all bundled pairs
    python benchmarks/guide_study.py [--quick]   # the table; goes on where it was stopped
    python benchmarks/guide_study.py --ship      # trains on every pair, writes assets/guide

1. Members of a pair are the tenth of its nodes, at most 100, with the largest single-node effect
   (the larger of noising and denoising, resample ablation, labels split).
2. Whatever is learned is learned on the pairs that are not held out: all pairs of a task
   (leave-one-task-out), or all models of one architecture and size (leave-one-model-out). Compiled
   programs are only ever learned from.
3. Beside the network: its perceptron and linear map on the same columns; the network on graphs
   whose wiring was dealt at random; and rankings that need no learning, the first-order effect
   (attribution patching, a forward and a backward pass) among them.
4. Figures are means over seeds and a model's dictionaries. Tests are paired Wilcoxon tests,
   two-sided: over held-out models, Holm-corrected over the rivals of a table's column; and, since
   models of one task are not independent, over the means of the tasks, exact. Six tasks cannot
   give less than p = 2 / 2⁶, so that one is not corrected: no rival of thirteen could pass.

Settings were compared on the first three models and on seed 0 of the small models' task folds, so
the table is not free of that choice; what is held out in a fold is never trained on in it.
"""

import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import wilcoxon
from study import Results, arguments, results_file

from core.guide import DEFAULT_GUIDE
from core.guide.gnn import BUNDLED, save_guide
from core.guide.hetero import HeteroData
from core.guide.learning import (
    Episode,
    TrainSettings,
    episode,
    fit,
    score_nodes,
    trimmed,
)
from core.guide.network import NetworkSettings
from core.guide.scoring import RankScores, rank_scores
from core.lessons.__main__ import FOLDER
from core.lessons.lesson import BASELINES, Lesson
from core.lessons.store import load_lesson
from core.store import default_location, write_whole

OUT = results_file("guide_study")
SHAPES = {
    "GATv2": NetworkSettings(),
    "GATv2, rewired": NetworkSettings(),
    "perceptron": NetworkSettings(kind="perceptron"),
    "logistic regression": NetworkSettings(kind="linear"),
}
"""What is learned."""
TRAINING = {
    "GATv2": TrainSettings(steps=250, alone=800, lr=4e-3, weight_decay=0.1),
    "GATv2, rewired": TrainSettings(steps=250, alone=800, lr=4e-3, weight_decay=0.1),
    "perceptron": TrainSettings(steps=800, lr=4e-3, weight_decay=0.1),
    "logistic regression": TrainSettings(steps=800, lr=4e-3, weight_decay=0.1),
}
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
SEEDS = {"GATv2, rewired": 2}
"""Fewer for a control; five for the rest."""
TESTED = ("GATv2", "perceptron", "shifted influence")
"""Methods held against all others."""
FIGURES = RankScores._fields
TOLD = {"auroc": "AUROC", "average_precision": "AP", "recall": "recall at budget"}
"""What a figure is called in the tables."""
TRIM = 600
"""Leaves of a graph that a training step sees."""


def main() -> None:
    """Runs what is missing and writes the table."""
    parser = arguments(__doc__)
    parser.add_argument("--lessons", type=Path, default=default_location() / FOLDER)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--splits", nargs="*", default=["task", "model"])
    parser.add_argument("--methods", nargs="*", default=list(SHAPES))
    parser.add_argument("--quick", action="store_true", help="one seed, few steps; not kept")
    parser.add_argument("--ship", action="store_true", help="train on everything, write the guide")
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    torch.set_num_threads(1)  # one graph is too small to gain from more
    lessons = [load_lesson(path) for path in sorted(given.lessons.glob("*.safetensors"))]
    if given.ship:
        ship(lessons, given.out)
        return
    if given.quick:
        given.seeds = 1
    work = given.lessons / ("guide_study_quick.json" if given.quick else given.out.name)
    measured = json.loads(work.read_text()) if work.is_file() else {}
    study = Study(lessons, quick=given.quick)
    for done in study.learned(given.splits, given.methods, given.seeds, measured):
        measured |= done
        write_whole(work, json.dumps(measured).encode())
    results = Results(given.out, page, kept=not given.quick)
    results.found = table(lessons, study, measured, given.splits)
    results.write()
    if given.quick:
        print(page(results.found))


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


def page(found: Mapping[str, Any]) -> str:
    """The tables as a page."""
    lines = [
        "# Guides on models and tasks they have not seen",
        "",
        f"`{found['command']}`; {found['models']} models, {len(found['pairs'])} graphs (compiled "
        f"programs are only learned from). Members: {found['members']}.",
        "",
        "p: of AP, the method named against the row, paired Wilcoxon, two-sided; in brackets on "
        "how many it beats the row. *Models*: over held-out models, Holm-corrected; but models of "
        "one task are no independent draws. *Tasks*: over the means of the tasks, exact, not "
        "corrected: six tasks can give no less than 0.031, and corrected for the rivals none could "
        "pass 0.05. AUROC and recall are tested over models in the JSON file.",
        "",
        "**Not free of choice**: the settings of what is learned were compared on the first three "
        "models and on seed 0 of the small models' task folds, which are among the folds below. "
        "Rankings without learning had nothing to be set.",
        "",
        _default(found["splits"]["task"]),
    ]
    names = {"task": "Leave one task out", "model": "Leave one architecture and size out"}
    for split, part in found["splits"].items():
        lines += ["", f"## {names.get(split, split)}", ""]
        lines += [f"Seeds: {part['seeds']}; processor seconds a training: {part['seconds']}.", ""]
        lines += _rows(part, by_task(part, found["splits"]["task"]["folds"]))
    tasks = found["splits"]["task"]
    lines += ["", "## AP by task, each left out", ""]
    means = by_task(tasks, tasks["folds"])
    lines += [*_task_rows(tasks, means), ""]
    lines += [_lost(means, "GATv2", rival) for rival in ("influence", "shifted influence")]
    return "\n".join(lines) + "\n"


def _default(part: Mapping[str, Any]) -> str:
    """Which guide a run takes unless told otherwise, and what each is best at."""
    figures = {name: values for name, values in part["figures"].items() if "rewired" not in name}
    best = {figure: max(figures, key=lambda name: figures[name][figure]) for figure in FIGURES}
    firsts = ", ".join(f"{TOLD[figure]}: {name}" for figure, name in best.items())
    return (
        f"**Default**: `{DEFAULT_GUIDE}`. Best by {firsts} (means over models, a task left out). "
        "Shifted influence is the default since it finds most at the budget, needs no training, "
        "and owes nothing to a choice of settings; `--guide gnn` takes the network, best by the "
        "whole order. The search of a run does not care which: guide_search.md."
    )


def by_task(
    part: Mapping[str, Any], folds: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, list[float]]]:
    """Means over the models of each task, by method.

    Args:
        part: One split of the results.
        folds: The pairs of each task.
    """
    models = {task: sorted({pair.split(".")[0] for pair in pairs}) for task, pairs in folds.items()}
    return {
        method: {
            task: np.mean([values[model] for model in some], axis=0).tolist()
            for task, some in models.items()
        }
        for method, values in part["by_model"].items()
    }


def over_tasks(
    ours: Mapping[str, Sequence[float]], rival: Mapping[str, Sequence[float]], figure: str
) -> tuple[float, int]:
    """Exact two-sided p of a figure over tasks, uncorrected; on how many tasks ours is ahead."""
    place = FIGURES.index(figure)
    gain = np.array([ours[task][place] - rival[task][place] for task in ours])
    differing = gain[gain != 0]
    p = float(np.asarray(wilcoxon(differing, method="exact"))[1]) if len(differing) else 1.0
    return p, int((gain > 0).sum())


def _task_rows(part: Mapping[str, Any], tasks: Mapping[str, Mapping[str, Any]]) -> list[str]:
    place = FIGURES.index("average_precision")
    names = list(next(iter(tasks.values())))
    rows = [["method", *names, "mean of tasks"], ["---"] * (len(names) + 2)]
    for method in _ordered(part):
        values = [tasks[method][task][place] for task in names]
        rows.append([method, *(f"{value:.3f}" for value in [*values, float(np.mean(values))])])
    return ["| " + " | ".join(row) + " |" for row in rows]


def _lost(tasks: Mapping[str, Mapping[str, Any]], ours: str, rival: str) -> str:
    """Where a method has no better AP than another, and what is left of its lead over tasks."""
    place = FIGURES.index("average_precision")
    one, two = tasks[ours], tasks[rival]
    lost = [
        f"{task} ({one[task][place]:.3f} against {two[task][place]:.3f})"
        for task in one
        if one[task][place] <= two[task][place]
    ]
    p, wins = over_tasks(one, two, "average_precision")
    verb = "beats" if p < 0.05 else "does not beat"
    return (
        f"* Over tasks {ours} {verb} {rival} at p < 0.05: p = {p:.3f}, ahead on {wins} of "
        f"{len(one)}; it loses on {', '.join(lost) or 'none'}."
    )


def _ordered(part: Mapping[str, Any]) -> list[str]:
    """Methods, the best AP first."""
    return sorted(part["figures"], key=lambda name: -part["figures"][name]["average_precision"])


def _rows(part: Mapping[str, Any], tasks: Mapping[str, Mapping[str, Any]]) -> list[str]:
    head = ["method", *TOLD.values()]
    head += [f"p, {name}: {over}" for name in TESTED for over in ("models", "tasks")]
    rows = [head, ["---"] * len(head)]
    for name in _ordered(part):
        shown = [f"{part['figures'][name][figure]:.3f}" for figure in FIGURES]
        for ours in TESTED:
            over = part["p"][ours].get("average_precision", {}).get(name)
            shown.append(f"{over['p']} ({over['wins']}/{over['of']})" if over else "")
            p, wins = over_tasks(tasks[ours], tasks[name], "average_precision")
            shown.append("" if ours == name else f"{p:.3f} ({wins}/{len(tasks[name])})")
        rows.append([name, *shown])
    return ["| " + " | ".join(row) + " |" for row in rows]


def ship(lessons: Sequence[Lesson], results: Path) -> None:
    """The guide that comes with the program: GATv2 trained on every pair."""
    learn = [trimmed(episode_of(lesson), TRIM) for lesson in lessons]
    settings = TRAINING["GATv2"]
    settings = replace(settings, steps=2 * settings.steps)
    made = fit(learn, SHAPES["GATv2"], settings)
    about = {
        "command": "python benchmarks/guide_study.py --ship",
        "table": f"benchmarks/results/{results.with_suffix('.md').name}",
        "trained_on": [lesson.pair.name for lesson in lessons],
        "training": asdict(settings) | {"trim": TRIM},
    }
    save_guide(made, SHAPES["GATv2"], BUNDLED, about)


if __name__ == "__main__":
    main()
