"""Circuits by noising, by denoising, and by both.

    python benchmarks/search_gates.py [--pairs gpt2-modadd/topk ...]

1. Down the tree and joint elimination rank the nodes twice on the labels split: by what the model
   does without, and by what brings the behaviour back (`core.search.rivals.twoway`).
2. At each size three circuits: the first nodes of either ranking, and as many of both in turn.
3. On the selection split, resample and mean ablation, the worse of both: F of the circuit (1 is the
   model), and F of everything else (0 where nothing outside the circuit could stand in for it).

A circuit by noising may leave out inputs of OR gates, so that what it leaves out still works; one
by denoising leaves out inputs of AND gates, so that it does not work alone. Results:
benchmarks/results/search_gates.json and .md.
"""

from collections.abc import Mapping
from typing import Any

import torch
from study import Results, arguments, bundled_pairs, chosen, opened, pair_named, results_file
from torch import Tensor

from core.hierarchy import Hierarchy
from core.pipeline.finding.discovery import candidates_of
from core.pipeline.finding.probes import Probe
from core.pipeline.finding.tree import cut, node_graph
from core.pipeline.prepare import Prepared
from core.pipeline.progress import ignore
from core.pipeline.settings import RunSettings
from core.search import DescendSettings, descend, eliminate_jointly
from core.search.descend import Measure
from core.search.joint import Respond
from core.search.rivals import TwoWay, both_ways
from core.tasks import Split
from core.transcoders import TranscoderSet

SIZES = (57, 100, 200, 347)
OUT = results_file("search_gates")


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
    """Both directions on one pair."""
    settings = RunSettings()
    _, whole, labels = candidates_of(prepared, coders, settings, ignore)
    graph = node_graph(whole)
    probe = Probe.on(labels, graph.nodes)
    selection = Probe.on(prepared.evaluator(coders, Split.SELECTION), graph.nodes)
    ranked = rankings(probe, cut(graph, settings))
    rows = [row for size in SIZES for row in at_size(selection, ranked, size)]
    return {
        "command": f"python benchmarks/search_gates.py --pairs {name}",
        "nodes": len(graph.nodes),
        "rows": rows,
    }


def rankings(probe: Probe, tree: Hierarchy) -> TwoWay:
    """Every node left by either descent, strongest first."""

    def search(respond: Respond, measure: Measure) -> Tensor:
        kept = descend(tree, respond, measure, DescendSettings(keep=SIZES[-1]))
        return eliminate_jointly(tree.n_leaves, respond, candidates=kept.live).order

    return both_ways(tree.n_leaves, search, probe.respond, probe.residuals)


def at_size(selection: Probe, ranked: TwoWay, size: int) -> list[dict[str, Any]]:
    """The three circuits of one size."""
    found = []
    for name, order in (("noising", ranked.noising), ("denoising", ranked.denoising),
                        ("both", in_turn(ranked))):  # fmt: skip
        mask = torch.zeros(1, len(selection.nodes))
        mask[0, order[:size]] = 1.0
        inside, outside = selection.scores(mask)[0], selection.scores(1 - mask)[0]
        found.append({
            "circuit": name,
            "size": size,
            "faithfulness": round(float(inside.min()), 4),
            "rest": round(float(outside.max()), 4),
        })  # fmt: skip
    shared = torch.isin(ranked.noising[:size], ranked.denoising[:size]).float().mean()
    return [{**row, "shared": round(float(shared), 3)} for row in found]


def in_turn(ranked: TwoWay) -> Tensor:
    """Nodes of both rankings in turn, each once."""
    n = min(len(ranked.noising), len(ranked.denoising))
    dealt = torch.stack([ranked.noising[:n], ranked.denoising[:n]], 1).flatten().tolist()
    return torch.tensor(list(dict.fromkeys(dealt)))


def page(found: Mapping[str, Any]) -> str:
    """Markdown: F of the circuit (F of the rest)."""
    lines = [
        "# Circuits by noising, by denoising and by both",
        "",
        "`python benchmarks/search_gates.py`; selection split, the worse of resample and mean",
        "ablation: F of the circuit (F of everything else). Shared: nodes both directions have.",
        "",
        "| pair | nodes | noising | denoising | both in turn | shared |",
        "|---|---|---|---|---|---|",
    ]
    for name, result in found.items():
        for size in SIZES:
            rows = [row for row in result["rows"] if row["size"] == size]
            cells = " | ".join(f"{row['faithfulness']:.3f} ({row['rest']:.3f})" for row in rows)
            lines.append(f"| {name} | {size} | {cells} | {rows[0]['shared']:.2f} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
