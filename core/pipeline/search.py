"""From a task graph to a circuit.

1. The tree: supernodes cut from the feature-to-feature edges of the task graph.
2. The guide: influence on answer − wrong, pooled over prompts.
3. Group testing from the top of the tree, with real ablations on the labels split, leaves the
   candidates; backward elimination ranks them, so that circuits of all sizes are nested. In a
   nested dictionary the dense features, which reconstruct alone, are ranked by themselves too.
4. The size: the one asked for, or the smallest that reaches the aim on the selection split under
   resample and mean ablation both; of two rankings the one that needs fewer nodes (or, where
   neither gets there, comes closer).
5. Hard-concrete gates, started from the ranking, may exchange nodes at that size. Their circuit is
   taken only if it does better on the selection split; otherwise the ranking stands.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from core.circuit import FeatureNode
from core.graph import AttributionGraph, NodeKind
from core.hierarchy import Hierarchy, HierarchySettings, build_hierarchy
from core.pipeline.probes import Probe
from core.pipeline.progress import OnProgress, RunProgress
from core.pipeline.settings import RunSettings
from core.search import (
    GroupSettings,
    Order,
    RefineSettings,
    SearchProgress,
    SearchSettings,
    eliminate,
    find,
    refine,
)
from core.validation.curve import LADDER

EPSILON = 0.0001
"""Group effects below this share of the model's margin are taken for none."""
SIZES = tuple(sorted({*LADDER[1:], 35, 65, 85, 90, 110, 175, 225, 275, 325}))
"""Sizes tried, in nodes."""
BEYOND = 10**9
"""Stands for a size when no size reaches the aim."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """What a search found."""

    order: tuple[FeatureNode, ...]
    """Every candidate, strongest first; each prefix is a circuit."""
    size: int
    """Nodes of the circuit."""
    forwards: int
    """Circuits run by group testing."""
    record: dict[str, Any]
    """What was tried and how it did on the selection split, as JSON values."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FeatureGraph:
    """The features of a task graph, and the edges among them."""

    nodes: Int[Tensor, "node 3"]
    """(layer, aligned position, feature)."""
    place: Int[Tensor, " node"]
    """Where each stands in the task graph."""
    edge_index: Int[np.ndarray, "2 edge"]
    weight: Float[np.ndarray, " edge"]


def feature_graph(graph: AttributionGraph) -> FeatureGraph:
    """The part of a task graph that a search may choose from."""
    kept = graph.of_kind(NodeKind.FEATURE)
    number = kept.long().cumsum(0) - 1
    source, target = graph.edge_index
    inside = kept[source] & kept[target]
    return FeatureGraph(
        nodes=torch.stack([graph.layer, graph.position, graph.index], 1)[kept],
        place=kept.nonzero().squeeze(1),
        edge_index=number[graph.edge_index[:, inside]].numpy(),
        weight=graph.direct_effect[inside].double().numpy(),
    )


def tree_settings(settings: RunSettings) -> HierarchySettings:
    """How the tree of a task graph is cut."""
    return HierarchySettings(branching=settings.branching, seed=settings.seed)


def cut(features: FeatureGraph, settings: RunSettings) -> Hierarchy:
    """The tree of supernodes over a task graph's features."""
    options = tree_settings(settings)
    return build_hierarchy(len(features.nodes), features.edge_index, features.weight, options)


def search(
    probe: Probe,
    selection: Probe,
    tree: Hierarchy,
    prior: Float[Tensor, " node"],
    dense: Bool[Tensor, " node"],
    settings: RunSettings,
    progress: OnProgress,
) -> Found:
    """Finds a circuit.

    Args:
        probe: On the labels split: what the search may look at.
        selection: On the selection split, over the same nodes: chooses size and refinement.
        tree: Over the nodes of the probes.
        prior: The guide's score of each node.
        dense: Nodes in the dense prefix of a nested dictionary; all false for others.
        settings: Of the run.
        progress: Told of every step.
    """

    def tell(step: SearchProgress) -> None:
        stage = "refine" if step.stage == "refine" else "search"
        progress(RunProgress(stage=stage, done=step.done, total=step.total, note=step.stage))

    steps = SearchSettings(
        size=settings.max_size,
        candidates=4 * settings.max_size,
        groups=GroupSettings(epsilon=EPSILON, budget=settings.forwards),
        refine=None,
    )
    ordered = find(tree, prior.double().numpy(), probe.probes(), steps, progress=tell)
    rankings = {"group_tested": torch.as_tensor(ordered.ranking.copy())}
    if dense.any():
        alone = dense.nonzero().squeeze(1)
        kept = eliminate(len(dense), probe.importance, candidates=alone, progress=tell).order
        rankings["dense"] = torch.cat([kept, _without(rankings["group_tested"], kept)])
    choices = {name: choose_size(selection, r, settings) for name, r in rankings.items()}
    best = min(choices, key=lambda name: choices[name].rank)
    size, ranking = choices[best].size, rankings[best]
    ranking, note = _refined(probe, selection, ranking, size, settings, tell)
    scans = {name: choice.scan for name, choice in choices.items()}
    return Found(
        order=tuple(FeatureNode(*node) for node in probe.nodes[ranking].tolist()),
        size=size,
        forwards=ordered.forwards,
        record={"taken": best, "selection": scans, "refinement": note, **_counts(ordered)},
    )


def _without(ranking: Tensor, taken: Tensor) -> Tensor:
    return ranking[~torch.isin(ranking, taken)]


class Choice(NamedTuple):
    """How many nodes one ranking needs."""

    size: int
    scan: list[dict[str, int | float]]
    """Size, F and φ on the selection split, each the worse of resample and mean ablation."""
    rank: tuple[int, float]
    """Smaller is better: size if the aim is reached, else out of reach and by how much."""


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
    reached = (sizes[place] if good else BEYOND, -float(worst[place]))
    return Choice(sizes[place], scan, reached)


def _masks(probe: Probe, ranking: Tensor, sizes: list[int]) -> Float[Tensor, "size node"]:
    masks = torch.zeros(len(sizes), len(probe.nodes))
    for kept, size in zip(masks, sizes, strict=True):
        kept[ranking[:size]] = 1.0
    return masks


def _refined(
    probe: Probe, selection: Probe, ranking: Tensor, size: int, settings: RunSettings, tell: Any
) -> tuple[Tensor, dict[str, float | bool]]:
    """The ranking with the gates' circuit in front, if that is better on the selection split."""
    start = torch.zeros(len(probe.nodes))
    start[ranking] = torch.linspace(1, 0, len(ranking))
    options = RefineSettings(steps=settings.refine_steps, seed=settings.seed)
    gates = refine(probe.loss, size, start, options, candidates=ranking, progress=tell)
    chosen = torch.zeros(len(probe.nodes), dtype=torch.bool)
    chosen[gates.chosen] = True
    changed = torch.cat([ranking[chosen[ranking]], ranking[~chosen[ranking]]])
    before, after = (
        float(selection.scores(_masks(selection, order, [size]))[0].min())
        for order in (ranking, changed)
    )
    note = {"faithfulness_before": before, "faithfulness_after": after, "taken": after > before}
    return (changed if after > before else ranking), note


def _counts(ordered: Order) -> dict[str, int]:
    found = {"candidates": len(ordered.ranking), "gradients": ordered.gradients}
    if ordered.trace is not None:
        found["exhaustive_forwards"] = ordered.trace.exhaustive_forwards
    return found
