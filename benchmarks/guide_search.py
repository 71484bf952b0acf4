"""What a guide is worth to the search of a run: `python benchmarks/guide_search.py [PAIR ...]`.

1. Task graph, tree, statistics and candidates as in `hagd run`; labels split for the search.
2. Each guide orders the search down the tree (`core.pipeline.rankings.hierarchical`), and ranks all
   nodes by its score alone, which takes no forward at all. The network is trained here on every
   lesson but those of the pair's own task.
3. F of the first k nodes on the selection split, the worse of resample and mean ablation, and the
   forwards that the ranking took. The test split is not touched.

Lessons come from `python -m core.lessons`. Results: benchmarks/results/guide_search.json, and .md.
"""

import argparse
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from guide_study import SHAPES, TRAINING, TRIM, episode_of

from core.guide import Guide, InfluenceGuide, ShiftedInfluenceGuide
from core.guide.gnn import GnnGuide
from core.guide.learning import fit, trimmed
from core.lessons.__main__ import FOLDER
from core.lessons.pairs import Pair, bundled_pairs
from core.lessons.store import load_lesson
from core.models import load_model, suited_threads
from core.pipeline.candidates import with_active
from core.pipeline.discovery import dense_nodes
from core.pipeline.graphs import task_graph
from core.pipeline.pooled import pooled_statistics
from core.pipeline.prepare import prepare
from core.pipeline.probes import Probe
from core.pipeline.progress import ignore
from core.pipeline.rankings import best_by, hierarchical
from core.pipeline.search import cut, node_graph
from core.pipeline.settings import RunSettings
from core.search.progress import ignore as unheard
from core.store.layout import default_location
from core.tasks import Split, load_task
from core.transcoders import open_transcoders

PAIRS = ("gpt2-modadd.topk", "llama-facts.topk", "neox-sorting.topk", "gpt2-sense.nested")
SIZES = (40, 75, 150, 300)
GRAPHS, PROMPTS = 32, 128
OUT = Path(__file__).parent / "results" / "guide_search.json"


def main() -> None:
    """Runs the pairs that are not in the file yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pairs", nargs="*", default=list(PAIRS))
    parser.add_argument("--lessons", type=Path, default=default_location() / FOLDER)
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    torch.set_num_threads(1)
    known = {pair.name: pair for pair in bundled_pairs()}
    found = json.loads(given.out.read_text()) if given.out.is_file() else {}
    for name in given.pairs:
        if name not in found:
            guides = {
                "influence": InfluenceGuide(),
                "shifted influence": ShiftedInfluenceGuide(),
                "GATv2, this task held out": trained_without(known[name].task, given.lessons),
            }
            found[name] = study(known[name], guides)
            given.out.write_text(json.dumps(found, indent=1) + "\n")
            given.out.with_suffix(".md").write_text(as_markdown(found))


def trained_without(task: str, folder: Path) -> GnnGuide:
    """The network, trained on every lesson of other tasks."""
    lessons = [load_lesson(path) for path in sorted(folder.glob("*.safetensors"))]
    learn = [trimmed(episode_of(x), TRIM) for x in lessons if x.pair.task != task]
    return GnnGuide(fit(learn, SHAPES["GATv2"], TRAINING["GATv2"]))


def study(pair: Pair, guides: Mapping[str, Guide]) -> dict[str, Any]:
    """Every guide on one pair."""
    settings, model = RunSettings(), load_model(pair.model)
    prepared = prepare(model, load_task(pair.task, tokenizer=model.tokenizer))
    opened = open_transcoders(model, pair.kind)
    assert opened is not None  # bundled
    with suited_threads(model):
        coders = opened.transcoders
        labels = prepared.evaluator(coders, Split.LABELS, PROMPTS)
        task = task_graph(prepared, coders, GRAPHS, ignore)
        whole = with_active(task.graph(), labels.active())
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
        "command": f"python benchmarks/guide_search.py {pair.name}",
        "nodes": len(graph.nodes),
        "prompts": {"graphs": GRAPHS, "labels": PROMPTS},
        "guides": rows,
    }


def faithful(selection: Probe, order: torch.Tensor) -> dict[str, float]:
    """F of the first k nodes, the worse of both ablations, by k."""
    masks = torch.zeros(len(SIZES), len(selection.nodes))
    for mask, size in zip(masks, SIZES, strict=True):
        mask[order[:size]] = 1.0
    worst = selection.scores(masks)[0].amin(0).tolist()
    return {str(size): round(f, 4) for size, f in zip(SIZES, worst, strict=True)}


def as_markdown(found: Mapping[str, Any]) -> str:
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
        lines += ["| guide | forwards | searched | by its score alone |", "|---|---|---|---|"]
        lines += [
            f"| {guide} | {row['forwards']} | {_shown(row['search'].values())} | "
            f"{_shown(row['score alone'].values())} |"
            for guide, row in part["guides"].items()
        ]
    return "\n".join(lines) + "\n"


def _shown(values: Iterable[float]) -> str:
    return " / ".join(f"{value:.3f}" for value in values)


if __name__ == "__main__":
    main()
