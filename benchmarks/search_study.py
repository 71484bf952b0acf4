"""Compares ways to search a circuit, on the bundled models: `python benchmarks/search_study.py`.

1. Every bundled model, with its nested and its TopK dictionary; task graph, tree and guide as in
   `hagd run`.
2. Each method ranks the candidates, looking at the labels split alone.
3. F and φ of the first k nodes on the selection split, the worse of resample and mean ablation.
   The test split is not touched.
4. On top of the hierarchical ranking, at each size: exchanges, and gates as they were and are set.

Effects of groups, for group testing, are of resample ablation alone, and in shares of the model's
margin over its empty circuit, as F is:

    noising      F lost when the group alone is ablated in the otherwise whole model
    denoising    F won when the group alone is live and everything else ablated

Forwards are circuits run on the labels split's probe prompts, two ablations counted as two and a
backward pass as two. Results: benchmarks/results/search_study.json and .md.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from study import (
    Results,
    arguments,
    chosen,
    line,
    masks_of,
    opened,
    pair_named,
    results_file,
    rule,
    shown,
)
from torch import Tensor

from core.guide import GuideScores, InfluenceGuide
from core.hierarchy import Hierarchy
from core.interventions import JUDGED, Ablation, ErrorRegime
from core.pipeline.finding.candidates import candidate_graph
from core.pipeline.finding.discovery import dense_nodes
from core.pipeline.finding.probes import Probe
from core.pipeline.finding.rankings import MEASURE_COST, RESPONSE_COST, flat, hierarchical
from core.pipeline.finding.search import in_front
from core.pipeline.finding.tree import cut, node_graph
from core.pipeline.prepare import Prepared
from core.pipeline.settings import RunSettings
from core.search import RefineSettings, exchange, refine
from core.search.progress import ignore as unheard
from core.search.rivals import GroupSettings, SearchTrace, best_first, eliminate
from core.tasks import Split
from core.transcoders import TranscoderSet

MODELS = ("gpt2-modadd", "llama-modadd", "gpt2-coref")
PAIRS = tuple(f"{model}/{kind}" for model in MODELS for kind in ("nested", "topk"))
SIZES = (40, 57, 75, 85, 100, 150, 200, 250, 347)
GATED = {"gates, spread 1, rate 0.1": (1.0, 0.1), "gates, spread 4, rate 0.03": (4.0, 0.03)}
TESTED = GroupSettings(epsilon=1e-4, budget=2048)
"""Group testing, beside the method."""
OUT = results_file("search_study")


def main() -> None:
    """Runs the study and writes it."""
    parser = arguments(__doc__, OUT, chooses="--pairs")
    parser.add_argument("--prompts", type=int, default=RunSettings().probe_prompts)
    parser.add_argument("--fast", action="store_true", help="without gates and squared gradients")
    given = parser.parse_args()
    results = Results(given.out, page)
    for name in results.missing(chosen(PAIRS, given.pairs), again=given.again):
        with opened(pair_named(name)) as (prepared, coders):
            results.put(name, measured(prepared, coders, given.prompts, given.fast))
        print(*_table(name, results.rows[name]), sep="\n", flush=True)


def measured(prepared: Prepared, coders: TranscoderSet, prompts: int, fast: bool) -> dict[str, Any]:
    """Every method on one model and dictionary."""
    settings = RunSettings()
    _, whole, labels = candidate_graph(
        prepared, coders, graph_prompts=settings.graph_prompts, probe_prompts=prompts
    )
    features = node_graph(whole)
    tree = cut(features, settings)
    prior = InfluenceGuide()(whole, tree, features.place)
    probe = Probe.on(labels, features.nodes)
    selection = Probe.on(prepared.evaluator(coders, Split.SELECTION), features.nodes)
    dense = dense_nodes(features.nodes, coders.prefixes)
    ways = _ways(probe, tree, prior, dense, settings, fast)
    rows, best = {}, torch.arange(0)
    for name, way in ways.items():
        start = time.perf_counter()
        ranking, forwards = way()
        seconds = time.perf_counter() - start
        best = ranking if name == "hierarchical" else best
        rows[name] = {
            "forwards": forwards,
            "seconds": round(seconds, 1),
            **_scores(selection, {s: ranking[:s] for s in SIZES if s <= len(ranking)}),
        }
    rows |= _improved(probe, selection, best, settings, fast)
    everything = {"everything": torch.arange(len(dense))}
    if dense.any():
        everything["all dense"] = dense.nonzero().squeeze(1)
    return {
        "prompts": prompts,
        "nodes": len(dense),
        "dense": int(dense.sum()),
        "ceiling": {name: _scores(selection, {0: kept}) for name, kept in everything.items()},
        "methods": rows,
    }


Way = Callable[[], tuple[Tensor, int]]


def _ways(
    probe: Probe,
    tree: Hierarchy,
    prior: GuideScores,
    dense: Tensor,
    settings: RunSettings,
    fast: bool,
) -> dict[str, Way]:
    """Each method as a ranking and the forwards that it took."""

    def joint(candidates: Tensor) -> tuple[Tensor, int]:
        found = flat(probe, candidates, unheard)
        return found.nodes, found.forwards

    def squared(candidates: Tensor) -> tuple[Tensor, int]:
        found = eliminate(len(dense), partial(importance, probe), candidates=candidates)
        return found.order, RESPONSE_COST * found.rounds

    def down() -> tuple[Tensor, int]:
        found = hierarchical(probe, tree, prior, dense, settings, unheard)
        return found.nodes, found.forwards

    def tested() -> tuple[Tensor, int]:
        trace = best_first(tree, prior.leaf, partial(group_effects, probe), TESTED)
        order, forwards = squared(_candidates(trace, 4 * settings.max_size))
        return order, trace.forwards + forwards

    every, alone = torch.arange(len(dense)), dense.nonzero().squeeze(1)
    ways: dict[str, Way] = {"hierarchical": down, "joint, flat": lambda: joint(every)}
    if len(alone):
        ways["joint, dense prefix"] = lambda: joint(alone)
    if not fast:
        if len(alone):
            ways["squared gradients, dense prefix"] = lambda: squared(alone)
        ways["squared gradients, flat"] = lambda: squared(every)
        ways["group testing, then squared gradients"] = tested
    return ways


def importance(probe: Probe, mask: Float[Tensor, " node"]) -> Float[Tensor, " node"]:
    """Squared gradients of the gates at a circuit, summed over prompts and ablations."""
    gates, attention = probe.places.gates(mask.detach()), probe.places.attention
    found = [probe.evaluator.importance(gates, a, attention) for a in JUDGED]
    return torch.stack([probe.places.values(one) for one in found]).sum(0)


def group_effects(probe: Probe, groups: Sequence[np.ndarray]) -> Float[np.ndarray, "group 2"]:
    """Noising and denoising effect of each group."""
    live = probe.places.gates(masks_of(map(torch.tensor, groups), len(probe.nodes)))
    rest = live.complement(probe.places.attention)
    noised = probe.evaluator.outcome(rest, Ablation.RESAMPLE, ErrorRegime.KEPT)
    alone = probe.evaluator.outcome(live, Ablation.RESAMPLE)
    _empty, model = probe.end_points[Ablation.RESAMPLE]
    whole, without, won = (probe.f_of(o, Ablation.RESAMPLE) for o in (model, noised, alone))
    return torch.stack([whole - without, won], 1).double().numpy()


def _candidates(trace: SearchTrace, most: int) -> Tensor:
    """Nodes by value, without those of discarded groups and those too weak when measured alone."""
    gone = np.zeros(len(trace.value), dtype=bool)
    for place in trace.discarded:
        gone[list(trace.order[place])] = True
    # Nodes that were never measured alone stay in: nothing was held against them.
    gone |= trace.measured & (trace.value < TESTED.epsilon)
    ranking = np.argsort(-trace.value, kind="stable")
    return torch.from_numpy(ranking[~gone[ranking]][:most])


def _improved(
    probe: Probe, selection: Probe, ranking: Tensor, settings: RunSettings, fast: bool
) -> dict[str, Any]:
    """The hierarchical ranking with exchanges, or gates, at each size."""
    n, forwards, rows = len(probe.nodes), 0, {}
    start, found = time.perf_counter(), {}
    for size in [s for s in SIZES if s <= len(ranking)]:
        done = exchange(n, ranking[:size], ranking[:1388], probe.respond, probe.measure)
        forwards += RESPONSE_COST * done.responses + MEASURE_COST * done.forwards
        found[size] = done.chosen
    seconds = round(time.perf_counter() - start, 1)
    rows["hierarchical, exchanged at each size"] = {
        "forwards": forwards,
        "seconds": seconds,
        **_scores(selection, found),
    }
    for name, (spread, rate) in ({} if fast else GATED).items():
        start, gated = time.perf_counter(), {}
        scores = torch.zeros(n)
        scores[ranking] = torch.linspace(1, 0, len(ranking))
        options = RefineSettings(steps=settings.refine_steps, spread=spread, lr=rate)
        for size in (57, 100, 200):
            near = in_front(ranking, found[size])[: 3 * size]
            gated[size] = refine(probe.loss, size, scores, options, candidates=near).chosen
        rows[name] = {
            "forwards": 3 * RESPONSE_COST * settings.refine_steps,
            "seconds": round(time.perf_counter() - start, 1),
            **_scores(selection, gated),
        }
    return rows


def _scores(selection: Probe, circuits: dict[int, Tensor]) -> dict[str, dict[str, float]]:
    """The worse of both ablations on the selection split, by size."""
    masks = masks_of(circuits.values(), len(selection.nodes))
    f, phi = (score.amin(0).tolist() for score in selection.scores(masks))
    return {
        "faithfulness": {str(s): round(v, 4) for s, v in zip(circuits, f, strict=True)},
        "phi": {str(s): round(v, 4) for s, v in zip(circuits, phi, strict=True)},
    }


def page(found: Mapping[str, Any]) -> str:
    """A table for each pair: F of the first k nodes."""
    parts = ["# Ways to search", "", "`OMP_NUM_THREADS=1 python benchmarks/search_study.py`", ""]
    parts += [
        "F on the selection split, the worse of resample and mean ablation, of the first k nodes "
        "of each ranking; forwards on the labels split. *whole*: the candidates all kept.",
        "",
    ]
    for name, pair in found.items():
        parts += _table(name, pair)
    return "\n".join(parts)


def _table(name: str, pair: Mapping[str, Any]) -> list[str]:
    head = ("ranking", "forwards", *map(str, SIZES))
    whole = ", ".join(f"{k} {v['faithfulness']['0']:.3f}" for k, v in pair["ceiling"].items())
    rows = [
        line(
            [
                method,
                str(row["forwards"]),
                *(shown(row["faithfulness"].get(str(size))) for size in SIZES),
            ]
        )
        for method, row in pair["methods"].items()
    ]
    about = f"{pair['nodes']} nodes, {pair['dense']} dense; {pair['prompts']} prompts; *whole*: "
    about += f"{whole}."
    return [f"## {name}", "", about, "", line(head), rule(len(head)), *rows, ""]


if __name__ == "__main__":
    main()
