"""The part of a task graph that a search may choose from, and the tree of supernodes over it."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.graph import AttributionGraph
from core.hierarchy import Hierarchy, HierarchySettings, build_hierarchy
from core.pipeline.finding.graphs import CHOSEN
from core.pipeline.settings import RunSettings


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
