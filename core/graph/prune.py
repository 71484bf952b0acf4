"""Keep the part of a graph that carries most of the influence (as circuit-tracer prunes).

1. Rank nodes by influence; keep those down to the value at which the running sum reaches
   `node_threshold` of the total. Tokens, position embeddings, constants and logits are kept always.
2. Without the dropped nodes, normalise again; an edge scores its share of its target times the
   target's influence and weight. Keep edges down to `edge_threshold` in the same way.
3. Drop features and errors without an outgoing edge, and features without an incoming one, until
   nothing changes.

Constants never count towards a total; an edge from one stays if it scores like a kept edge.
Both cuts take the largest scores by partial selection: nothing is sorted that is not kept.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from core.errors import SettingsError
from core.graph.attribution_graph import LEAVES, AttributionGraph, NodeKind, subgraph
from core.graph.influence import SMALLEST_SUM, competes, influence

EDGE_THRESHOLD = 0.98
"""Share of the edges' scores that is kept where nobody chooses."""
ALWAYS_KEPT = (NodeKind.TOKEN, NodeKind.POSITION, NodeKind.BIAS, NodeKind.LOGIT)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pruned:
    """What is left of a graph, and how it was chosen."""

    graph: AttributionGraph
    """The kept nodes and edges."""
    nodes: Bool[Tensor, " node"]
    """Of the unpruned graph: whether each node is kept."""
    edges: Bool[Tensor, " edge"]
    """Of the unpruned graph: whether each edge is kept."""
    cumulative: Float[Tensor, " node"]
    """Of the unpruned graph: share of influence at or above each node's rank; low is important."""


def prune(
    graph: AttributionGraph, node_threshold: float = 0.8, edge_threshold: float = EDGE_THRESHOLD
) -> Pruned:
    """Smallest set of nodes and edges holding these shares of influence, cleaned of loose ends.

    Raises:
        SettingsError: If a threshold is outside [0, 1].
        GraphError: As `influence`.

    Source:
        Equals circuit-tracer's `prune_graph` on a graph without constants and position nodes
        (tests/core/graph/test_prune.py::test_prune_equals_the_dense_definition).
    """
    _check_share(node_threshold, "node")
    _check_share(edge_threshold, "edge")
    scores, ranked = influence(graph), competes(graph)
    nodes = scores >= _cut(scores[ranked], node_threshold)
    nodes |= graph.of_kind(*ALWAYS_KEPT)
    edge_scores, counted = _edge_scores(graph, nodes)
    edges = (edge_scores >= _cut(edge_scores[counted], edge_threshold)) & (edge_scores > 0)
    nodes, edges = _without_loose_ends(graph, nodes, edges)
    return Pruned(
        graph=subgraph(graph, nodes, edges),
        nodes=nodes,
        edges=edges,
        cumulative=cumulative_influence(scores),
    )


def cumulative_influence(scores: Float[Tensor, " node"]) -> Float[Tensor, " node"]:
    """Share of all influence held by nodes ranked at or above each node; in (0, 1]."""
    ordered, order = scores.sort(descending=True)
    result = torch.empty_like(scores)
    result[order] = ordered.cumsum(0) / ordered.sum().clamp(min=SMALLEST_SUM)
    return result


def _edge_scores(
    graph: AttributionGraph, nodes: Bool[Tensor, " node"]
) -> tuple[Float[Tensor, " edge"], Bool[Tensor, " edge"]]:
    """Scores after dropping nodes, and which edges count towards the total."""
    source, target = graph.edge_index
    inside = nodes[source] & nodes[target]
    size = graph.direct_effect.double().abs() * inside
    explained = size * competes(graph)[source]
    total = size.new_zeros(graph.n_nodes).index_add_(0, target, explained)
    total = total.clamp(min=SMALLEST_SUM)[target]
    passed = influence(graph, explained / total) + graph.logit_weight
    return size / total * passed[target], explained > 0


def _cut(scores: Float[Tensor, " item"], share: float) -> float:
    """The score at which the sum of the largest scores reaches `share` of the whole."""
    if not len(scores):
        return 0.0
    wanted, size = share * float(scores.sum()), 1024
    while True:
        largest = scores.topk(min(size, len(scores))).values
        running = largest.cumsum(0)
        if running[-1] >= wanted or size >= len(scores):
            place = int(torch.searchsorted(running, wanted))
            return float(largest[min(place, len(largest) - 1)])
        size *= 4


def _without_loose_ends(
    graph: AttributionGraph, nodes: Bool[Tensor, " node"], edges: Bool[Tensor, " edge"]
) -> tuple[Bool[Tensor, " node"], Bool[Tensor, " edge"]]:
    source, target = graph.edge_index
    needs_output = ~graph.of_kind(*ALWAYS_KEPT)
    needs_input = needs_output & ~graph.of_kind(*LEAVES)
    while True:
        edges = edges & nodes[source] & nodes[target]
        has_output, has_input = torch.zeros_like(nodes), torch.zeros_like(nodes)
        has_output[source[edges]] = True
        has_input[target[edges]] = True
        kept = nodes & (has_output | ~needs_output) & (has_input | ~needs_input)
        if bool((kept == nodes).all()):
            return nodes, edges
        nodes = kept


def _check_share(value: float, what: str) -> None:
    if not 0.0 <= value <= 1.0:
        raise SettingsError(
            f"The {what} threshold is {value}; it is a share of influence and must be in [0, 1]. "
            "0.8 for nodes and 0.98 for edges are usual."
        )
