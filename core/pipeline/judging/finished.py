"""A finished circuit: what everything that is measured of it starts from.

A run makes one of what its search found, and `revalidate` one of a stored bundle, so that both
measure the same thing. Its browsing tree is cut here, once.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from core.bundle import Bundle
from core.circuit import Attention, FeatureNode, GatedNode, gated_nodes, leaf_numbers, node_table
from core.graph import AttributionGraph
from core.hierarchy import Hierarchy, HierarchySettings, build_hierarchy
from core.pipeline.finding.discovery import Discovery
from core.pipeline.settings import RunSettings
from core.validation import Candidate

SITE_WEIGHT = 0.5
"""Of the browsing tree. On the bundled circuits 0.25 and 1 give much the same supernodes, but for
Llama with the nested dictionary, whose first level 1 would hurt (benchmarks/hierarchy_quality.py).
"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Finished:
    """A circuit with its ranking, its part of the task graph and its browsing tree."""

    order: tuple[GatedNode, ...]
    """Every candidate that was ranked, strongest first."""
    size: int
    """The circuit is the first `size` of them."""
    graph: AttributionGraph
    """The task graph restricted to the circuit, leaves and logits."""
    tree: Hierarchy
    """Supernodes of the circuit's nodes: leaf i is node i."""
    attention: Attention
    """What heads do while it runs."""

    @property
    def nodes(self) -> tuple[GatedNode, ...]:
        """The nodes of the circuit."""
        return self.order[: self.size]

    @property
    def candidate(self) -> Candidate:
        """The circuit as validation takes it."""
        return Candidate(
            order=self.order,
            size=self.size,
            n_edges=self.graph.n_edges,
            attention=self.attention,
        )


def found_circuit(found: Discovery, settings: RunSettings) -> Finished:
    """What a search found, with its browsing tree."""
    return Finished(
        order=found.order,
        size=found.size,
        graph=found.graph,
        tree=circuit_tree(found.circuit, found.graph, settings),
        attention=settings.attention,
    )


def stored_circuit(bundle: Bundle) -> Finished:
    """What a bundle holds; a bundle without its ranking has the circuit alone."""
    nodes = bundle.circuit.nodes
    return Finished(
        order=_ranked(bundle.tensors) or nodes,
        size=len(nodes),
        graph=bundle.graph,
        tree=bundle.hierarchy,
        attention=bundle.circuit.attention,
    )


def _ranked(tensors: Mapping[str, Tensor]) -> tuple[GatedNode, ...]:
    """A bundle's ranking: rows (kind, layer, position, index), or the last three of features."""
    order = tensors.get("order")
    if order is None:
        return ()
    if order.shape[1] == 3:
        return tuple(FeatureNode(*row) for row in order.tolist())
    return gated_nodes(order)


def circuit_tree(
    nodes: tuple[GatedNode, ...], graph: AttributionGraph, settings: RunSettings
) -> Hierarchy:
    """The tree of supernodes over a circuit's own nodes, for browsing: leaf i is node i.

    Features are put together that read and write alike, inputs, errors and logits counted, and that
    stand at one layer and position: such groups can be named (`benchmarks/hierarchy_quality.py`).
    """
    number, n = leaf_numbers(graph, nodes), len(nodes)
    others = number < 0
    number[others] = n + torch.arange(int(others.sum()))
    options = HierarchySettings(
        branching=settings.branching, leaf_size=6, site_weight=SITE_WEIGHT, seed=settings.seed
    )
    sites = node_table(nodes)[:, :3]  # heads apart from the features that stand beside them
    return build_hierarchy(
        n,
        number[graph.edge_index].numpy(),
        graph.direct_effect.double().numpy(),
        settings=options,
        site=sites.unique(dim=0, return_inverse=True)[1].numpy(),
        context=int(others.sum()),
    )
