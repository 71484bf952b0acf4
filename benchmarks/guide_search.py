"""What a guide is worth to the search of a run.

    python benchmarks/guide_search.py [--pairs gpt2-modadd/topk ...]

1. Task graph, tree, statistics and candidates as in `hagd run`; labels split for the search.
2. Each guide orders the search down the tree (`hierarchical` of `core.pipeline.finding.rankings`),
   and ranks all nodes by its score alone, which takes no forward at all. The network is trained
   without the pair's task and all of its models (`guide_heldout`).
3. F of the first k nodes on the selection split, the worse of resample and mean ablation, and the
   forwards that the ranking took. The test split is not touched.

Lessons come from `python -m core.lessons`. Results: benchmarks/results/guide_search.json, and .md,
where a pair has the name of its lesson.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from guide_heldout import LESSONS, trained_without
from study import (
    Pair,
    Results,
    arguments,
    bundled_pairs,
    chosen,
    first_of,
    line,
    opened,
    pair_named,
    results_file,
    rule,
)

from core.guide import Guide, InfluenceGuide, ShiftedInfluenceGuide
from core.pipeline.finding.candidates import candidate_graph
from core.pipeline.finding.discovery import dense_nodes
from core.pipeline.finding.pooled import pooled_statistics
from core.pipeline.finding.probes import Probe
from core.pipeline.finding.rankings import best_by, hierarchical
from core.pipeline.finding.tree import cut, node_graph
from core.pipeline.settings import RunSettings
from core.search.progress import ignore as unheard
from core.tasks import Split

PAIRS = ("gpt2-modadd/topk", "llama-facts/topk", "neox-sorting/topk", "gpt2-sense/nested")
"""Those that are studied unless others are asked for."""
SIZES = (40, 75, 150, 300)
GRAPHS, PROMPTS = 32, 128
WAYS = ("search", "score alone")
"""How a score is used: by the search, and as a ranking."""
OUT = results_file("guide_search")


def main() -> None:
    """Runs the pairs that are not in the file yet."""
    parser = arguments(__doc__, OUT, chooses="--pairs")
    parser.add_argument("--lessons", type=Path, default=LESSONS)
    given = parser.parse_args()
    torch.set_num_threads(1)
    results = Results(given.out, page)
    names = chosen([pair.name for pair in bundled_pairs()], given.pairs or PAIRS)
    pairs = {pair.lesson: pair for pair in map(pair_named, names)}
    for name in results.missing(pairs, again=given.again):
        guides = {
            "influence": InfluenceGuide(),
            "shifted influence": ShiftedInfluenceGuide(),
            "GATv2, this task held out": trained_without(pairs[name].task, given.lessons),
        }
        results.put(name, measured(pairs[name], guides))


def measured(pair: Pair, guides: Mapping[str, Guide]) -> dict[str, Any]:
    """Every guide on one pair."""
    settings = RunSettings()
    with opened(pair) as (prepared, coders):
        task, whole, labels = candidate_graph(
            prepared, coders, graph_prompts=GRAPHS, probe_prompts=PROMPTS
        )
        pooled = pooled_statistics(prepared, coders, task, whole, GRAPHS)
        graph = node_graph(whole)
        tree = cut(graph, settings)
        probe = Probe.on(labels, graph.nodes)
        selection = Probe.on(prepared.evaluator(coders, Split.SELECTION), graph.nodes)
        dense = dense_nodes(graph.nodes, coders.prefixes)
        rows = {}
        for name, guide in guides.items():
            prior = guide(whole, tree, graph.place, pooled)
            searched = hierarchical(probe, tree, prior, dense, settings, unheard)
            rows[name] = {
                "forwards": searched.forwards,
                "search": faithful(selection, searched.nodes),
                "score alone": faithful(selection, best_by(prior)),
            }
    return {
        "command": f"python benchmarks/guide_search.py --pairs {pair.name}",
        "nodes": len(graph.nodes),
        "prompts": {"graphs": GRAPHS, "labels": PROMPTS},
        "guides": rows,
    }


def faithful(selection: Probe, order: torch.Tensor) -> dict[str, float]:
    """F of the first k nodes, the worse of both ablations, by k."""
    masks = first_of(order, SIZES, len(selection.nodes))
    worst = selection.scores(masks)[0].amin(0).tolist()
    return {str(size): round(f, 4) for size, f in zip(SIZES, worst, strict=True)}


def page(found: Mapping[str, Any]) -> str:
    """A table for each pair."""
    sizes = " / ".join(map(str, SIZES))
    lines = [
        "# What a guide is worth to the search",
        "",
        f"`python benchmarks/guide_search.py`. F on the selection split at {sizes} nodes, the "
        "worse of resample and mean ablation; the network never saw a graph of the pair's task.",
    ]
    for name, part in found.items():
        lines += ["", f"## {name}: {part['nodes']} nodes", ""]
        lines += [line(["guide", "forwards", "searched", "by its score alone"]), rule(4)]
        lines += [
            line([guide, row["forwards"], *(_shown(row[way].values()) for way in WAYS)])
            for guide, row in part["guides"].items()
        ]
    return "\n".join(lines) + "\n"


def _shown(values: Iterable[float]) -> str:
    return " / ".join(f"{value:.3f}" for value in values)


if __name__ == "__main__":
    main()
