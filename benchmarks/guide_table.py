"""The tables of `guide_study`: methods by split, and by task with the tests over tasks."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import wilcoxon
from study import line

from core.choices import DEFAULT_GUIDE
from core.guide.scoring import RankScores

"""Fewer for a control; five for the rest."""
TESTED = ("GATv2", "perceptron", "shifted influence")
"""Methods held against all others."""
FIGURES = RankScores._fields
TOLD = {"auroc": "AUROC", "average_precision": "AP", "recall": "recall at budget"}
"""What a figure is called in the tables."""


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
    return list(map(line, rows))


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
    return list(map(line, rows))
