"""Which share of the nodes that matter a search finds, by forwards.

    python benchmarks/search_recall.py [--pairs gpt2-modadd/topk ...] [--quick]

1. The truth: every single node really ablated, noising and denoising, on the selection split
   (`recall_effects`). Searches see other prompts, those of the labels split.
2. Orders by score alone, nodes measured one by one: influence, the guides, gradients; and as bounds
   the truth itself (`oracle`) and a random order.
3. Group testing with the same scores (`core.search.groups`): by the queue alone, and with three
   quarters of its forwards on single nodes by score; in our tree, and in random trees.
4. The search of a run (`core.pipeline.rankings.hierarchical`): a ranking, nothing measured alone.

*found*: share of the important nodes that were measured alone by then. *ranked*: share of them
among as many first nodes of the search's order. Two sets of prompts have different first nodes, so
`ranked` of the exhaustive search is its ceiling. Forwards are shares of what ablating every node
both ways takes. Where something is random: five seeds, mean and range. Results:
benchmarks/results/search_recall.json and .md, rewritten after every pair; pairs in the file are
kept unless named.
"""

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from recall_effects import Effects, Opened, Pair, bundled_pairs, open_pair
from recall_table import SHARES, table

from core.assets import ASSETS
from core.guide import GUIDES, InfluenceGuide, guide_named
from core.hierarchy import Hierarchy, HierarchySettings, random_tree
from core.models import suited_threads
from core.pipeline.rankings import hierarchical
from core.pipeline.settings import RunSettings
from core.search import GroupSettings, best_first, gates_of
from core.search.progress import ignore as unheard

SEEDS = 5
EPSILON = 1e-3
"""Effects below this are taken for none, in shares of the margin."""
TRUST = 0.75
PROMPTS = {"coreference": 64}
"""Prompts of the labels split that groups are measured on, where 128 take too long."""
RESPONSES = 12
"""Forwards of the gradients at the full and at the empty circuit."""
WEIGHTS = ASSETS / "guide" / "gatv2.safetensors"
OUT = Path(__file__).parent / "results" / "search_recall.json"


class Row(NamedTuple):
    """One method with one seed."""

    method: str
    scores: str
    curve: list[dict[str, float]]
    """By share of forwards."""


def main() -> None:
    """Runs the study and writes it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", nargs="*", help="such as gpt2-modadd/nested; all if none")
    parser.add_argument("--quick", action="store_true", help="32 prompts and one seed")
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    found = json.loads(given.out.read_text()) if given.out.is_file() else {}
    for pair in bundled_pairs():
        if pair.name in (given.pairs or [pair.name]) and (given.pairs or pair.name not in found):
            start = time.perf_counter()
            result = study(pair, given.quick)
            found[pair.name] = {**result, "seconds": round(time.perf_counter() - start)}
            given.out.write_text(json.dumps(found, indent=1) + "\n")
            given.out.with_suffix(".md").write_text(table(found))
            print(pair.name, found[pair.name]["seconds"], "s")


def study(pair: Pair, quick: bool) -> dict[str, Any]:
    """All methods on one pair."""
    prompts = 32 if quick else PROMPTS.get(pair.task, 128)
    opened = open_pair(pair, prompts)
    with suited_threads(opened.search.probe.evaluator.model):
        truth = opened.truth.important()
        rows = list(_rows(opened, truth, 1 if quick else SEEDS))
        search = _run_search(opened, truth)
    ceiling = _shown(opened.search.strength, np.ones(opened.tree.n_leaves, bool), truth)
    gates = gates_of(opened.truth.single[truth], EPSILON)
    return {
        "command": f"python benchmarks/search_recall.py --pairs {pair.name}",
        "nodes": opened.tree.n_leaves,
        "important": len(truth),
        "smallest": round(float(opened.truth.strength[truth].min()), 5),
        "prompts": {"search": opened.search.n_prompts, "truth": opened.truth.n_prompts},
        "gates": {gate: gates.count(gate) for gate in sorted(set(gates))},
        "ceiling": ceiling["ranked"],
        "search of a run": search,
        "methods": _joined(rows),
    }


def _rows(opened: Opened, truth: np.ndarray, seeds: int) -> Iterator[Row]:
    n, tree, effects = opened.tree.n_leaves, opened.tree, opened.search
    scores = _scores(opened)
    drawn = [np.random.default_rng(seed).random(n) for seed in range(seeds)]
    for name, score in [*scores.items(), *(("random", draw) for draw in drawn)]:
        yield Row("one by one", name, _one_by_one(score, effects, truth, name))
        for trust in (0.0, TRUST):
            yield Row(_called("our tree", trust), name, _tested(tree, score, effects, truth, trust))
    yield Row("groups, our tree", "none", _tested(tree, np.zeros(n), effects, truth, 0.0))
    for seed in range(seeds):
        nothing = np.zeros((2, 0), dtype=np.int64), np.zeros(0)
        other = random_tree(n, *nothing, HierarchySettings(seed=seed))
        for trust in (0.0, TRUST):
            curve = _tested(other, scores["influence"], effects, truth, trust)
            yield Row(_called("random tree", trust), "influence", curve)


def _called(tree: str, trust: float) -> str:
    return f"groups, {tree}" + (f", {trust:.0%} by score" if trust else "")


def _scores(opened: Opened) -> dict[str, np.ndarray]:
    graph, tree, places = opened.graph, opened.tree, opened.places
    found = {}
    for name in [guide for guide in GUIDES if guide != "gnn" or WEIGHTS.is_file()]:
        found[name] = guide_named(name)(graph, tree, places, opened.pooled).leaf
    return {**found, "gradient": _gradient(opened), "oracle": opened.truth.strength}


def _gradient(opened: Opened) -> np.ndarray:
    """Mean over prompts of |slope| at the full or at the empty circuit, the larger."""
    probe, n = opened.search.probe, opened.tree.n_leaves
    ends = []
    for mask in (torch.ones(n), torch.zeros(n)):
        slope = probe.respond(mask).slope
        ends.append(slope[: len(slope) // 2].abs().mean(0).numpy())  # the first half: resample
    return np.maximum(*ends).astype(np.float64)


def _one_by_one(
    score: np.ndarray, effects: Effects, truth: np.ndarray, name: str
) -> list[dict[str, float]]:
    order, curve, n = np.argsort(-score, kind="stable"), [], len(score)
    before = RESPONSES / 2 if name == "gradient" else 0
    for share in SHARES:
        alone = np.zeros(n, dtype=bool)
        alone[order[: max(0, int(share * n - before))]] = True
        curve.append(_shown(np.where(alone, effects.strength, 0.0), alone, truth))
    return curve


def _tested(
    tree: Hierarchy, score: np.ndarray, effects: Effects, truth: np.ndarray, trust: float
) -> list[dict[str, float]]:
    n = len(score)
    budget = int(2 * n * SHARES[-1])
    settings = GroupSettings(epsilon=EPSILON, budget=budget, trust=trust)
    trace = best_first(tree, score.astype(np.float64), effects, settings)
    known = [trace.after(min(int(share * n), len(trace.order))) for share in SHARES]
    return [_shown(one.value, one.measured, truth) for one in known]


def _shown(value: np.ndarray, alone: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    first = np.argsort(-value, kind="stable")[: len(truth)]
    return {"found": float(alone[truth].mean()), "ranked": float(np.isin(truth, first).mean())}


def _run_search(opened: Opened, truth: np.ndarray) -> dict[str, float]:
    """The ranking of a run; what it holds of the truth among its first nodes."""
    n, probe = opened.tree.n_leaves, opened.search.probe
    prior = InfluenceGuide()(opened.graph, opened.tree, opened.places)
    found = hierarchical(probe, opened.tree, prior, opened.dense, RunSettings(), unheard)
    order = found.nodes.numpy()
    return {
        "share of forwards": round(found.forwards / (2 * n), 4),
        "ranked": float(np.isin(truth, order[: len(truth)]).mean()),
        "among the first 347": float(np.isin(truth, order[:347]).mean()),
    }


def _joined(rows: list[Row]) -> list[dict[str, Any]]:
    """Seeds of the same method and scores as mean, least and most."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.method, row.scores), []).append(row)
    found = []
    for (method, scores), same in groups.items():
        entry: dict[str, Any] = {"method": method, "scores": scores, "seeds": len(same)}
        for figure in ("found", "ranked"):
            values = np.array([[point[figure] for point in row.curve] for row in same])
            entry[figure] = {
                "mean": values.mean(0).round(3).tolist(),
                "least": values.min(0).round(3).tolist(),
                "most": values.max(0).round(3).tolist(),
            }
        found.append(entry)
    return found


if __name__ == "__main__":
    main()
