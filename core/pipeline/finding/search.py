"""From a task graph to a circuit.

1. The tree: supernodes cut from the task graph's edges among features, and heads where they count.
2. `hierarchical`: from the full circuit down, first the sparse part of a nested dictionary, site
   by site (its dense features reconstruct alone), then down the tree, supernodes are dropped while
   real ablations on the labels split say that the task does without them (`core.search.descend`);
   what is left is ranked by joint elimination (`core.search.joint`), so that circuits of all sizes
   are nested. The guide says which supernodes are tried closed first and which last, and orders
   what was dropped, behind it, and so which of those an exchange may bring back.
3. Beside it, for comparison: joint elimination without the tree (`flat`, where there are not too
   many candidates) and, in a nested dictionary, of its dense features alone, which reconstruct by
   themselves (`dense`); the most active nodes of the same sites (`active`); and the guide's score
   alone (`guide`). `core.pipeline.finding.rankings` makes all of them.
4. The size: the one asked for, or the smallest that reaches the aim on the selection split under
   resample and mean ablation both. The ranking that needs the fewest nodes is taken (or, where
   none gets there, the one that comes closest); among equals the hierarchical one.
5. Exchange at that size; then at smaller sizes, as long as the aim is still reached.
6. Hard-concrete gates, started from there. Exchanges and gates look at the labels split, and are
   taken only if the circuit does better on the selection split; otherwise it stands.

`python benchmarks/search_study.py` compares these with group testing and with elimination by
squared gradients.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from core.circuit import GatedNode, gated_nodes
from core.graph import AttributionGraph
from core.guide import GuideScores
from core.hierarchy import Hierarchy, HierarchySettings, build_hierarchy
from core.pipeline.finding.graphs import CHOSEN
from core.pipeline.finding.probes import Probe
from core.pipeline.finding.rankings import MEASURE_COST, RESPONSE_COST, OnSearch, rankings_of
from core.pipeline.progress import Clock, RunProgress
from core.pipeline.settings import RunSettings
from core.search import (
    RefineSettings,
    SearchProgress,
    exchange,
    refine,
)
from core.validation.curve import LADDER

SIZES = tuple(sorted({*LADDER[1:], 35, 65, 85, 90, 110, 175, 225, 275, 325}))
"""Sizes tried, in nodes."""
GATED = 3
"""Nodes whose gates are trained, in circuits."""
BEYOND = 10**9
"""Stands for a size when no size reaches the aim."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """What a search found."""

    order: tuple[GatedNode, ...]
    """Every candidate, strongest first; each prefix is a circuit."""
    size: int
    """Nodes of the circuit."""
    forwards: int
    """Circuits run by the ranking that was taken; a backward pass counts as two."""
    record: Mapping[str, Any]
    """What was tried and how it did on the selection split, as JSON values."""

    @property
    def circuit(self) -> tuple[GatedNode, ...]:
        """The nodes of the circuit."""
        return self.order[: self.size]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NodeGraph:
    """The features of a task graph, its heads where they are nodes, and the edges among them."""

    nodes: Int[Tensor, "node 4"]
    """(kind, layer, aligned position, feature or head)."""
    place: Int[Tensor, " node"]
    """Where each stands in the task graph."""
    edge_index: Int[np.ndarray, "2 edge"]
    weight: Float[np.ndarray, " edge"]


def node_graph(graph: AttributionGraph) -> NodeGraph:
    """The part of a task graph that a search may choose from."""
    kept = graph.of_kind(*CHOSEN)
    number = kept.long().cumsum(0) - 1
    source, target = graph.edge_index[0], graph.edge_index[1]
    inside = kept[source] & kept[target]
    return NodeGraph(
        nodes=torch.stack([graph.kind, graph.layer, graph.position, graph.index], 1)[kept],
        place=kept.nonzero().squeeze(1),
        edge_index=number[graph.edge_index[:, inside]].numpy(),
        weight=graph.direct_effect[inside].double().numpy(),
    )


def tree_settings(settings: RunSettings) -> HierarchySettings:
    """How the tree of a task graph is cut."""
    return HierarchySettings(branching=settings.branching, seed=settings.seed)


def cut(graph: NodeGraph, settings: RunSettings) -> Hierarchy:
    """The tree of supernodes over a task graph's features and heads."""
    options = tree_settings(settings)
    return build_hierarchy(len(graph.nodes), graph.edge_index, graph.weight, options)


def search(
    probe: Probe,
    selection: Probe,
    tree: Hierarchy,
    prior: GuideScores,
    dense: Bool[Tensor, " node"],
    settings: RunSettings,
    clock: Clock,
) -> Found:
    """Finds a circuit.

    Args:
        probe: On the labels split: what the search may look at.
        selection: On the selection split, over the same nodes: chooses size and refinement.
        tree: Over the nodes of the probes.
        prior: The guide's scores over the tree; see 2.
        dense: Nodes in the dense prefix of a nested dictionary; all false for others.
        settings: Of the run.
        clock: Told of every step, and where ranking ends and refinement begins.
    """

    def tell(step: SearchProgress) -> None:
        stage = "refine" if step.stage in ("exchange", "refine") else "search"
        clock.progress(RunProgress(stage=stage, done=step.done, total=step.total, note=step.stage))

    rankings = rankings_of(probe, tree, prior, dense, settings, tell)
    choices = {name: choose_size(selection, r.nodes, settings) for name, r in rankings.items()}
    best = min(choices, key=lambda name: choices[name].rank)
    clock.finish("search", f"{choices[best].size} nodes, {rankings[best].forwards} forwards")
    ranking, size, steps = _exchanged(
        probe, selection, rankings[best].nodes, choices[best], settings, tell
    )
    ranking, note = _refined(probe, selection, ranking, size, settings, tell)
    return Found(
        order=gated_nodes(probe.nodes[ranking]),
        size=size,
        forwards=rankings[best].forwards,
        record={
            "taken": best,
            "forwards": {name: r.forwards for name, r in rankings.items()},
            "selection": {name: choice.scan for name, choice in choices.items()},
            "tree": rankings["hierarchical"].rounds,
            "exchange": steps,
            "refinement": note,
            "candidates": len(ranking),
        },
    )


class Choice(NamedTuple):
    """How many nodes one ranking needs."""

    size: int
    scan: list[dict[str, int | float]]
    """Size, F and φ on the selection split, each the worse of resample and mean ablation."""
    rank: tuple[int, float]
    """Smaller is better: the size if the aim is reached, else out of reach and by how much."""


def choose_size(
    selection: Probe, ranking: Int[Tensor, " candidate"], settings: RunSettings
) -> Choice:
    """The size asked for, or the smallest on the ladder that reaches the aim; and the scan."""
    largest = min(settings.max_size, len(ranking))
    sizes = sorted({*(s for s in SIZES if s < largest), largest})
    if settings.size is not None:
        sizes = [min(settings.size, len(ranking))]
    f, phi = (score.amin(0) for score in selection.scores(_masks(selection, ranking, sizes)))
    scan = [
        {"size": s, "faithfulness": round(float(f[i]), 4), "phi": round(float(phi[i]), 4)}
        for i, s in enumerate(sizes)
    ]
    worst = torch.minimum(f, phi)
    good = (worst >= settings.aim).nonzero().flatten().tolist()
    place = good[0] if good else len(sizes) - 1
    reached = (sizes[place], 0.0) if good else (BEYOND, -float(worst[place]))
    return Choice(sizes[place], scan, reached)


def _masks(probe: Probe, ranking: Tensor, sizes: list[int]) -> Float[Tensor, "size node"]:
    masks = torch.zeros(len(sizes), len(probe.nodes))
    for kept, size in zip(masks, sizes, strict=True):
        kept[ranking[:size]] = 1.0
    return masks


def _exchanged(
    probe: Probe,
    selection: Probe,
    ranking: Tensor,
    choice: Choice,
    settings: RunSettings,
    tell: OnSearch,
) -> tuple[Tensor, int, list[dict[str, Any]]]:
    """Exchanges at the chosen size, then at smaller ones while they reach the aim."""
    size, steps = choice.size, []
    best = _worst(selection, ranking, size)
    smaller = [s for s in reversed(SIZES) if s < size]
    if settings.size is not None or best < settings.aim:
        smaller = []
    for asked in (size, *smaller):
        found = exchange(
            len(probe.nodes), ranking[:asked], ranking, probe.respond, probe.measure, progress=tell
        )
        changed = in_front(ranking, found.chosen)
        after = _worst(selection, changed, asked)
        taken = after > best if asked == choice.size else after >= settings.aim
        steps.append(
            {
                "size": asked,
                "worst_after": round(after, 4),
                "forwards": RESPONSE_COST * found.responses + MEASURE_COST * found.forwards,
                "taken": taken,
            }
        )
        if taken:
            ranking, size = changed, asked
        elif asked < choice.size:
            break
    return ranking, size, steps


def _worst(selection: Probe, ranking: Tensor, size: int) -> float:
    """The least of F and φ under both ablations."""
    f, phi = selection.scores(_masks(selection, ranking, [size]))
    return float(torch.minimum(f, phi).min())


def in_front(ranking: Tensor, chosen: Tensor) -> Tensor:
    """The ranking with these nodes first; either part keeps its order."""
    inside = torch.isin(ranking, chosen)
    return torch.cat([ranking[inside], ranking[~inside]])


def _refined(
    probe: Probe,
    selection: Probe,
    ranking: Tensor,
    size: int,
    settings: RunSettings,
    tell: OnSearch,
) -> tuple[Tensor, dict[str, float | bool]]:
    """The ranking with the gates' circuit in front, if that is better on the selection split."""
    start = torch.zeros(len(probe.nodes))
    start[ranking] = torch.linspace(1, 0, len(ranking))
    # With the default spread most gates start half open, and what they let through by chance
    # drowns what the loss says of each: a good circuit comes out worse (benchmarks/search_study).
    options = RefineSettings(steps=settings.refine_steps, seed=settings.seed, spread=4.0, lr=0.03)
    # Nodes far down the ranking only add noise: every gate that is open by chance is.
    near = ranking[: GATED * size]
    gates = refine(probe.loss, size, start, options, candidates=near, progress=tell)
    changed = in_front(ranking, gates.chosen)
    before, after = (_worst(selection, order, size) for order in (ranking, changed))
    note = {"worst_before": before, "worst_after": after, "taken": after > before}
    return (changed if after > before else ranking), note
