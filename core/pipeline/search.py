"""From a task graph to a circuit.

1. The tree: supernodes cut from the feature-to-feature edges of the task graph.
2. The guide: influence on answer − wrong, pooled over prompts.
3. Group testing from the top of the tree, with real ablations on the labels split, leaves the
   candidates; backward elimination ranks them, so that circuits of all sizes are nested.
4. The size: the one asked for, or the smallest that reaches the aim on the selection split under
   resample and mean ablation both.
5. Hard-concrete gates, started from the ranking, may exchange nodes at that size. Their circuit is
   taken only if it does better on the selection split; otherwise the ranking stands.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.circuit import FeatureNode
from core.graph import AttributionGraph, NodeKind
from core.guide import GraphView, Guide
from core.hierarchy import Hierarchy, HierarchySettings, build_hierarchy
from core.pipeline.probes import Probe
from core.pipeline.progress import OnProgress, RunProgress
from core.pipeline.settings import RunSettings
from core.search import (
    EliminateSettings,
    GroupSettings,
    Order,
    RefineSettings,
    SearchProgress,
    SearchSettings,
    find,
    refine,
)
from core.validation.curve import LADDER

EPSILON = 0.0001
"""Group effects below this share of the model's margin are taken for none."""


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


def cut(features: FeatureGraph, settings: RunSettings) -> Hierarchy:
    """The tree of supernodes over a task graph's features."""
    options = HierarchySettings(branching=settings.branching, seed=settings.seed)
    return build_hierarchy(
        len(features.nodes), features.edge_index, features.weight, settings=options
    )


def guide_scores(guide: Guide, view: GraphView, features: FeatureGraph, tree: Hierarchy) -> Tensor:
    """The guide's score of every feature of the task graph."""
    n = len(view.kind)
    whole = tree if tree.n_leaves == n else _whole_tree(view, n)
    return torch.as_tensor(guide(view, whole).node)[features.place]


def _whole_tree(view: GraphView, n: int) -> Hierarchy:
    """A guide reads the whole graph, leaves and logits too: one supernode over all of it."""
    return Hierarchy(
        parent=np.array([-1]),
        start=np.array([0]),
        stop=np.array([n]),
        order=np.arange(n),
        edge_index=view.edge_index,
        weight=view.weight,
    )


def search(
    probe: Probe,
    selection: Probe,
    tree: Hierarchy,
    prior: Float[Tensor, " node"],
    settings: RunSettings,
    progress: OnProgress,
) -> Found:
    """Finds a circuit.

    Args:
        probe: On the labels split: what the search may look at.
        selection: On the selection split, over the same nodes: chooses size and refinement.
        tree: Over the nodes of the probes.
        prior: The guide's score of each node.
        settings: Of the run.
        progress: Told of every step.
    """

    def tell(step: SearchProgress) -> None:
        stage = "refine" if step.stage == "refine" else "search"
        progress(RunProgress(stage=stage, done=step.done, total=step.total, note=step.stage))

    steps = SearchSettings(
        size=settings.max_size,
        groups=GroupSettings(epsilon=EPSILON),
        eliminate=EliminateSettings(),
        refine=None,
    )
    ordered = find(tree, prior.double().numpy(), probe.probes(), steps, progress=tell)
    ranking = torch.as_tensor(ordered.ranking.copy())
    size, scan = choose_size(selection, ranking, settings)
    ranking, note = _refined(probe, selection, ranking, size, settings, tell)
    return Found(
        order=tuple(FeatureNode(*node) for node in probe.nodes[ranking].tolist()),
        size=size,
        forwards=ordered.forwards,
        record={"selection": scan, "refinement": note, **_counts(ordered)},
    )


def choose_size(
    selection: Probe, ranking: Int[Tensor, " candidate"], settings: RunSettings
) -> tuple[int, list[dict[str, int | float]]]:
    """The size asked for, or the smallest on the ladder that reaches the aim; and the scan."""
    sizes = [s for s in LADDER if 0 < s <= min(settings.max_size, len(ranking))]
    sizes = sorted({*sizes, min(settings.max_size, len(ranking))})
    if settings.size is not None:
        sizes = [min(settings.size, len(ranking))]
    f, phi = selection.scores(_masks(selection, ranking, sizes))
    worst = torch.minimum(f.amin(0), phi.amin(0))
    scan = [
        {"size": s, "faithfulness": round(float(f[:, i].min()), 4), "phi": float(phi[:, i].min())}
        for i, s in enumerate(sizes)
    ]
    good = (worst >= settings.aim).nonzero().flatten().tolist()
    return sizes[good[0] if good else -1], scan


def _masks(probe: Probe, ranking: Tensor, sizes: list[int]) -> Tensor:
    masks = []
    for size in sizes:
        kept = torch.zeros(len(probe.nodes))
        kept[ranking[:size]] = 1.0
        masks.append(probe.scatter(kept))
    return torch.stack(masks)


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


def with_size(found: Found, size: int) -> Found:
    """The same ranking cut at another size."""
    return replace(found, size=min(size, len(found.order)))
