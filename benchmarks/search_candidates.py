"""What the candidates of a search cost its circuits.

    python benchmarks/search_candidates.py [--pairs gpt2-modadd/topk ...]

1. *graph*: a search among the features of the pooled task graph alone, those that fire on the clean
   prompts of 64 pairs. *all*: among those that fire on any prompt it may look at, clean or corrupt.
2. Either pool kept whole: what no circuit of that pool can pass.
3. Every ranking of a run (`core.pipeline.finding.rankings`) on either pool, at the size that
   reaches the aim or at 347 nodes, and the one that a run takes.

All on the selection split, F and φ the worse of resample and mean ablation. Results:
benchmarks/results/search_candidates.json and .md.
"""

from collections.abc import Mapping
from typing import Any

import torch
from study import Results, arguments, bundled_pairs, chosen, opened, pair_named, results_file

from core.choices import DEFAULT_GUIDE
from core.graph import AttributionGraph
from core.guide import guide_named
from core.interventions import Evaluator
from core.pipeline.finding.candidates import with_active
from core.pipeline.finding.discovery import dense_nodes
from core.pipeline.finding.graphs import task_graph
from core.pipeline.finding.probes import Probe
from core.pipeline.finding.rankings import rankings_of
from core.pipeline.finding.sizes import choose_size
from core.pipeline.finding.tree import cut, node_graph
from core.pipeline.prepare import Prepared
from core.pipeline.progress import ignore
from core.pipeline.settings import RunSettings
from core.search.progress import ignore as unheard
from core.tasks import Split
from core.transcoders import TranscoderSet

OUT = results_file("search_candidates")


def main() -> None:
    """Runs the study and writes it."""
    given = arguments(__doc__, OUT, chooses="--pairs").parse_args()
    results = Results(given.out, page)
    names = chosen([pair.name for pair in bundled_pairs()], given.pairs)
    for name in results.missing(names, again=given.again):
        with opened(pair_named(name)) as (prepared, coders):
            results.put(name, measured(name, prepared, coders))
        print(name, flush=True)


def measured(name: str, prepared: Prepared, coders: TranscoderSet) -> dict[str, Any]:
    """Both pools of one pair."""
    settings = RunSettings()
    labels = prepared.evaluator(coders, Split.LABELS, settings.probe_prompts)
    choose = prepared.evaluator(coders, Split.SELECTION)
    graph = task_graph(prepared, coders, settings.graph_prompts, ignore).graph()
    return {
        "command": f"python benchmarks/search_candidates.py --pairs {name}",
        "graph": pool(graph, labels, choose, coders, settings),
        "all": pool(with_active(graph, labels.active()), labels, choose, coders, settings),
    }


def pool(
    graph: AttributionGraph,
    labels: Evaluator,
    choose: Evaluator,
    coders: TranscoderSet,
    settings: RunSettings,
) -> dict[str, Any]:
    """Every ranking of one pool."""
    nodes = node_graph(graph)
    tree = cut(nodes, settings)
    prior = guide_named(DEFAULT_GUIDE)(graph, tree, nodes.place)
    selection = Probe.on(choose, nodes.nodes)
    dense = dense_nodes(nodes.nodes, coders.prefixes)
    probe = Probe.on(labels, nodes.nodes)
    ranked = rankings_of(probe, tree, prior, dense, settings, unheard)
    choices = {name: choose_size(selection, r.nodes, settings) for name, r in ranked.items()}
    whole = [float(score.min()) for score in selection.scores(torch.ones(1, len(nodes.nodes)))]
    rows = {
        name: next(row for row in choice.scan if row["size"] == choice.size)
        for name, choice in choices.items()
    }
    return {
        "nodes": len(nodes.nodes),
        "whole": [round(value, 4) for value in whole],
        "taken": min(choices, key=lambda name: choices[name].rank),
        "rankings": rows,
    }


def page(found: Mapping[str, Any]) -> str:
    """Markdown."""
    lines = [
        "# Candidates of a search",
        "",
        "`python benchmarks/search_candidates.py`; selection split, the worse of resample and",
        "mean ablation. Rankings: nodes, F; the one that is taken in bold.",
        "",
        "| pair | pool | nodes | F of the whole pool | rankings |",
        "|---|---|---|---|---|",
    ]
    for name, result in found.items():
        for which in ("graph", "all"):
            one = result[which]
            cells = [_cell(method, row, one["taken"]) for method, row in one["rankings"].items()]
            whole = f"{one['whole'][0]:.3f}"
            lines.append(f"| {name} | {which} | {one['nodes']} | {whole} | {'; '.join(cells)} |")
    return "\n".join([*lines, ""])


def _cell(method: str, row: dict[str, Any], taken: str) -> str:
    text = f"{method} {row['size']}, {row['faithfulness']:.3f}"
    return f"**{text}**" if method == taken else text


if __name__ == "__main__":
    main()
