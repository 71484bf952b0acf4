"""What the candidates of a search cost its circuits.

    python benchmarks/search_candidates.py [--pairs gpt2-modadd/topk ...]

1. *graph*: a search among the features of the pooled task graph alone, those that fire on the clean
   prompts of 64 pairs. *all*: among those that fire on any prompt it may look at, clean or corrupt.
2. Either pool kept whole: what no circuit of that pool can pass.
3. Every ranking of a run (`core.pipeline.rankings`) on either pool, at the size that reaches the
   aim or at 347 nodes, and the one that a run takes.

All on the selection split, F and φ the worse of resample and mean ablation. Results:
benchmarks/results/search_candidates.json and .md.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from recall_effects import Pair, bundled_pairs

from core.graph import AttributionGraph
from core.guide import DEFAULT_GUIDE, guide_named
from core.interventions import Evaluator
from core.models import load_model, suited_threads
from core.pipeline.candidates import with_active
from core.pipeline.discovery import dense_nodes
from core.pipeline.graphs import task_graph
from core.pipeline.prepare import Prepared, prepare
from core.pipeline.probes import Probe
from core.pipeline.progress import ignore
from core.pipeline.rankings import rankings_of
from core.pipeline.search import choose_size, cut, node_graph
from core.pipeline.settings import RunSettings
from core.search.progress import ignore as unheard
from core.tasks import Split, load_task
from core.transcoders import TranscoderSet, open_transcoders

OUT = Path(__file__).parent / "results" / "search_candidates.json"


def main() -> None:
    """Runs the study and writes it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", nargs="*", help="such as gpt2-modadd/topk; all if none")
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    found = json.loads(given.out.read_text()) if given.out.is_file() else {}
    for pair in bundled_pairs():
        if pair.name in (given.pairs or [pair.name]) and (given.pairs or pair.name not in found):
            found[pair.name] = study(pair)
            given.out.write_text(json.dumps(found, indent=1) + "\n")
            given.out.with_suffix(".md").write_text(table(found))
            print(pair.name, flush=True)


def study(pair: Pair) -> dict[str, Any]:
    """Both pools of one pair."""
    model = load_model(pair.model)
    with suited_threads(model):
        prepared = prepare(model, load_task(pair.task, tokenizer=model.tokenizer))
        opened = open_transcoders(model, pair.kind)
        assert opened is not None  # bundled
        return _study(prepared, opened.transcoders, pair)


def _study(prepared: Prepared, coders: TranscoderSet, pair: Pair) -> dict[str, Any]:
    settings = RunSettings()
    labels = prepared.evaluator(coders, Split.LABELS, settings.probe_prompts)
    choose = prepared.evaluator(coders, Split.SELECTION)
    graph = task_graph(prepared, coders, settings.graph_prompts, ignore).graph()
    return {
        "command": f"python benchmarks/search_candidates.py --pairs {pair.name}",
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


def table(found: dict[str, Any]) -> str:
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
