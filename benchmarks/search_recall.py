"""Which share of the nodes that matter a search finds, by forwards.

    python benchmarks/search_recall.py [--pairs gpt2-modadd/topk ...] [--quick]

1. The truth: every single node really ablated, noising and denoising, on the selection split
   (`recall_effects`). Searches see other prompts, those of the labels split.
2. Orders by score alone, nodes measured one by one: influence, the guides, gradients; and as bounds
   the truth itself (`oracle`) and a random order. Where there are lessons (`python -m
   core.lessons`), the network is a guide too, trained without the pair's task and all of its models
   (`guide_heldout`): never the weights that come with the program, which have seen every pair.
3. Group testing with the same scores (`core.search.rivals.groups`): by the queue alone, and with
   three quarters of its forwards on single nodes by score; in our tree, and in random trees.
4. The search of a run (`hierarchical` of `core.pipeline.finding.rankings`): a ranking, nothing
   measured alone.

*found*: share of the important nodes that were measured alone by then. *ranked*: share of them
among as many first nodes of the search's order. Two sets of prompts have different first nodes, so
`ranked` of the exhaustive search is its ceiling. Forwards are shares of what ablating every node
both ways takes. Where something is random: five seeds, mean and range. Results:
benchmarks/results/search_recall.json and .md, rewritten after every pair. A pair in the file is
measured again only by the scores that it lacks, unless its nodes are others by now.
"""

import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from guide_heldout import LESSONS, lessons_in, trained_without
from recall_effects import Effects, Searched, searched
from recall_table import SHARES, page
from study import Results, arguments, bundled_pairs, chosen, opened, pair_named, results_file

from core.choices import GUIDES
from core.guide import InfluenceGuide, guide_named
from core.hierarchy import Hierarchy, HierarchySettings, random_tree
from core.pipeline.finding.rankings import hierarchical
from core.pipeline.settings import RunSettings
from core.search.progress import ignore as unheard
from core.search.rivals import GroupSettings, best_first, gates_of

SEEDS = 5
EPSILON = 1e-3
"""Effects below this are taken for none, in shares of the margin."""
TRUST = 0.75
PROMPTS = {"coreference": 64}
"""Prompts of the labels split that groups are measured on, where 128 take too long."""
RESPONSES = 12
"""Forwards of the gradients at the full and at the empty circuit."""
NETWORK = "network, task held out"
FIXED = tuple(name for name in GUIDES if name != "gnn")
"""Guides that learn nothing."""
SOURCES = (*FIXED, NETWORK, "gradient", "oracle", "random", "none")
"""What orders nodes and groups. Random trees are measured with the influence."""
OUT = results_file("search_recall")


class Row(NamedTuple):
    """One method with one seed."""

    method: str
    scores: str
    curve: list[dict[str, float]]
    """By share of forwards."""


def main() -> None:
    """Runs the study and writes it."""
    parser = arguments(__doc__, OUT, chooses="--pairs")
    parser.add_argument("--lessons", type=Path, default=LESSONS, help="that the network learns")
    parser.add_argument("--quick", action="store_true", help="32 prompts, one seed; not kept")
    given = parser.parse_args()
    results = Results(given.out, page, kept=not given.quick)
    there = lessons_in(given.lessons)
    if not there:
        print(f"No lessons in {given.lessons}: the network is left out.", flush=True)
    sources = [source for source in SOURCES if there or source != NETWORK]
    for name in chosen([pair.name for pair in bundled_pairs()], given.pairs):
        start, known = time.perf_counter(), {} if given.again else results.rows.get(name, {})
        if lacking(known, sources):
            result = study(name, sources, known, given.lessons, given.quick)
            spent = known.get("seconds", 0) + round(time.perf_counter() - start)
            results.put(name, {**result, "seconds": spent})
            print(name, spent, "s", flush=True)
    if given.quick:
        print(page(results.found))


def lacking(known: dict[str, Any], sources: Collection[str]) -> list[str]:
    """The sources of scores that a pair has not been measured with."""
    there = {row["scores"] for row in known.get("methods", ())}
    return [source for source in sources if source not in there]


def study(
    name: str, sources: Collection[str], known: dict[str, Any], lessons: Path, quick: bool
) -> dict[str, Any]:
    """All methods on one pair, or those with sources that it was not measured with."""
    pair = pair_named(name)
    prompts = 32 if quick else PROMPTS.get(pair.task, 128)
    with opened(pair) as (prepared, coders):
        case = searched(prepared, coders, prompts)
        truth = case.truth.important()
        about = {
            "nodes": case.tree.n_leaves,
            "important": len(truth),
            "prompts": {"search": case.search.n_prompts, "truth": case.truth.n_prompts},
        }
        # Rows of a dictionary that has been trained anew since say nothing beside these.
        kept = known if all(known.get(field) == value for field, value in about.items()) else {}
        wanted = lacking(kept, sources)
        scores = _scores(case, wanted, pair.task, lessons)
        rows = list(_rows(case, truth, wanted, scores, 1 if quick else SEEDS))
        search = _run_search(case, truth)
    ceiling = _shown(case.search.strength, np.ones(case.tree.n_leaves, bool), truth)
    gates = gates_of(case.truth.single[truth], EPSILON)
    return {
        "command": f"python benchmarks/search_recall.py --pairs {name}",
        **about,
        "smallest": round(float(case.truth.strength[truth].min()), 5),
        "gates": {gate: gates.count(gate) for gate in sorted(set(gates))},
        "ceiling": ceiling["ranked"],
        "search of a run": search,
        "methods": [*kept.get("methods", ()), *_joined(rows)],
    }


def _rows(
    case: Searched,
    truth: np.ndarray,
    wanted: Collection[str],
    scores: dict[str, np.ndarray],
    seeds: int,
) -> Iterator[Row]:
    n, tree, effects = case.tree.n_leaves, case.tree, case.search
    drawn = [np.random.default_rng(seed).random(n) for seed in range(seeds)]
    random = [("random", draw) for draw in drawn] if "random" in wanted else []
    for name, score in [*scores.items(), *random]:
        yield Row("one by one", name, _one_by_one(score, effects, truth, name))
        for trust in (0.0, TRUST):
            yield Row(_called("our tree", trust), name, _tested(tree, score, effects, truth, trust))
    if "none" in wanted:
        yield Row("groups, our tree", "none", _tested(tree, np.zeros(n), effects, truth, 0.0))
    for seed in range(seeds) if "influence" in wanted else ():
        nothing = np.zeros((2, 0), dtype=np.int64), np.zeros(0)
        other = random_tree(n, *nothing, HierarchySettings(seed=seed))
        for trust in (0.0, TRUST):
            curve = _tested(other, scores["influence"], effects, truth, trust)
            yield Row(_called("random tree", trust), "influence", curve)


def _called(tree: str, trust: float) -> str:
    return f"groups, {tree}" + (f", {trust:.0%} by score" if trust else "")


def _scores(
    case: Searched, wanted: Collection[str], task: str, lessons: Path
) -> dict[str, np.ndarray]:
    """Of every node, by each source that is wanted and not random."""
    asked = case.graph, case.tree, case.places, case.pooled
    found = {name: guide_named(name)(*asked).leaf for name in FIXED if name in wanted}
    if NETWORK in wanted:
        found[NETWORK] = trained_without(task, lessons)(*asked).leaf
    if "gradient" in wanted:
        found["gradient"] = _gradient(case)
    if "oracle" in wanted:
        found["oracle"] = case.truth.strength
    return found


def _gradient(case: Searched) -> np.ndarray:
    """Mean over prompts of |slope| at the full or at the empty circuit, the larger."""
    probe, n = case.search.probe, case.tree.n_leaves
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


def _run_search(case: Searched, truth: np.ndarray) -> dict[str, float]:
    """The ranking of a run; what it holds of the truth among its first nodes."""
    n, probe = case.tree.n_leaves, case.search.probe
    prior = InfluenceGuide()(case.graph, case.tree, case.places)
    found = hierarchical(probe, case.tree, prior, case.dense, RunSettings(), unheard)
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
