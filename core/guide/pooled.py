"""What is known of a task's graph beside its mean edges: columns that a single graph cannot have.

Ablation here means giving a node its value on the corrupt prompt, so a node matters only as far as
clean and corrupt differ at it: a feature that is always on passes much to the logits and does
nothing when it is resampled. `shift` says how far it moves. Means over prompts cancel where a sign
depends on the prompt, so edges have their mean size as well.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from core.errors import GraphError
from core.graph import AttributionGraph, NodeKind

MOST_SHIFT = 4.0
"""Largest ratio of shift to size that is told apart."""
SMALL = 1e-12
"""Guards divisions."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pooled:
    """Statistics over a task's prompts, node by node and edge by edge of one graph."""

    frequency: Float[Tensor, " node"]
    """Share of prompts on which the node is there, in [0, 1]."""
    size: Float[Tensor, " node"]
    """Mean |activation| on clean prompts."""
    shift: Float[Tensor, " node"]
    """Mean |activation on clean − on corrupt|; features only, 0 elsewhere."""
    edge_size: Float[Tensor, " edge"]
    """Mean |direct effect|."""

    @property
    def ratio(self) -> Float[Tensor, " node"]:
        """Shift over size, in [0, `MOST_SHIFT`]: 0 where ablation changes nothing."""
        return (self.shift / self.size.clamp(min=SMALL)).clamp(max=MOST_SHIFT)


def of_graph(graph: AttributionGraph) -> Pooled:
    """What the graph itself says: every feature always there, all of it lost when ablated."""
    size = graph.activation.abs()
    return Pooled(
        frequency=torch.ones_like(size),
        size=size,
        shift=torch.where(graph.of_kind(NodeKind.FEATURE, NodeKind.HEAD), size, 0.0),
        edge_size=graph.direct_effect.abs(),
    )


def fitting(graph: AttributionGraph, pooled: Pooled | None) -> Pooled:
    """The statistics given, or the graph's own.

    Raises:
        GraphError: If they are of another graph.
    """
    if pooled is None:
        return of_graph(graph)
    nodes, edges = len(pooled.size), len(pooled.edge_size)
    if (nodes, edges) != (graph.n_nodes, graph.n_edges):
        raise GraphError(
            f"The statistics are of another graph: got {nodes} nodes and {edges} edges for a graph "
            f"of {graph.n_nodes} and {graph.n_edges}. Take them from the task graph it was made of."
        )
    return pooled
