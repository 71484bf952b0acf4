"""How much each node matters for the logits, summed over all paths (Ameisen et al. 2025).

1. Normalise: N[t, s] = |A[t, s]| / Σ_s |A[t, s]|, the share of t's input that comes from s.
2. Put the weights w (probabilities) on the logits.
3. influence = wN + wN² + wN³ + …, the weighted share of all paths that pass a node.

The graph has no cycle, so the series is one pass: start at nodes without outgoing edges, and hand
a node's influence to its sources once all its own targets are done. Exact, with no iteration cap.

Constants (BIAS nodes) do not compete with what they cannot explain: step 1 leaves them out of the
sum, and their own influence is not handed to anything. So a graph with constants has the same
influences as circuit-tracer's graph, which has none. Position embeddings are inputs like tokens.
"""

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from torch import Tensor

from core.errors import GraphError
from core.graph.attribution_graph import AttributionGraph, NodeKind

SMALLEST_SUM = 1e-10
"""A target whose inputs sum to less keeps them as they are, near zero (circuit-tracer's bound)."""


def edge_shares(graph: AttributionGraph) -> Float[Tensor, " edge"]:
    """Each edge's share of its target's absolute input, in [0, 1]; 0 for edges from constants."""
    source, target = graph.edge_index
    size = graph.direct_effect.double().abs()
    size = torch.where(graph.kind[source] == NodeKind.BIAS, 0.0, size)
    total = size.new_zeros(graph.n_nodes).index_add_(0, target, size)
    return size / total.clamp(min=SMALLEST_SUM)[target]


def influence(
    graph: AttributionGraph, shares: Float[Tensor, " edge"] | None = None
) -> Float[Tensor, " node"]:
    """Share of the logits' explained input that passes each node; unitless, >= 0, float64.

    Args:
        graph: Without cycles. A logit's own weight is not part of its influence.
        shares: What `edge_shares` gives, where the caller has it already or has cut edges.

    Raises:
        GraphError: If the graph has a cycle (merged supernodes can make one) or no weighted logit.
    """
    if not (graph.logit_weight > 0).any():
        raise GraphError(
            "The graph has no logit node with a weight, so influence on the output is undefined. "
            f"Its {graph.n_nodes} nodes must include one. Build the graph with a target."
        )
    shares = edge_shares(graph) if shares is None else shares
    return torch.from_numpy(_one_pass(graph, shares.double().numpy()))


def total_effect(graph: AttributionGraph) -> Float[Tensor, " node"]:
    """What each node adds to the weighted logits over all paths, with its sign; in logits, float64.

    A target passes on an input's share of its activation, so the effects of all leaves together are
    the weighted sum of the logits (of features whose activation is their pre-activation).

    Raises:
        GraphError: If the graph has a cycle.
    """
    target = graph.edge_index[1]
    value = torch.where(graph.kind == int(NodeKind.LOGIT), 1.0, graph.activation).double()
    shares = graph.direct_effect.double() / value[target]
    return torch.from_numpy(_one_pass(graph, shares.numpy()))


def _one_pass(graph: AttributionGraph, shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Σ_k w Nᵏ by peeling nodes whose targets are all done."""
    weight = graph.logit_weight.double().numpy()
    source, target = graph.edge_index.numpy()
    live = shares != 0
    source, target, shares = source[live], target[live], shares[live]
    order = np.argsort(target, kind="stable")
    source, target, shares = source[order], target[order], shares[order]
    first = np.searchsorted(target, np.arange(graph.n_nodes + 1))
    waiting = np.bincount(source, minlength=graph.n_nodes)
    result = np.zeros(graph.n_nodes)
    ready, done = np.flatnonzero(waiting == 0), 0
    while ready.size:
        done += ready.size
        edges = _ranges(first[ready], first[ready + 1])
        passed = shares[edges] * (result + weight)[target[edges]]
        result += np.bincount(source[edges], passed, graph.n_nodes)
        waiting -= np.bincount(source[edges], minlength=graph.n_nodes)
        sources = np.unique(source[edges])
        ready = sources[waiting[sources] == 0]
    if done < graph.n_nodes:
        raise GraphError(
            f"The graph has a cycle through some of {graph.n_nodes - done} nodes; influence needs "
            "edges that all run upwards. Split merged groups, or remove one edge of the cycle."
        )
    return result


def _ranges(start: NDArray[np.intp], stop: NDArray[np.intp]) -> NDArray[np.intp]:
    """start[0]..stop[0]-1, start[1]..stop[1]-1, … as one array."""
    length = stop - start
    before = np.repeat(length.cumsum() - length, length)
    return np.arange(length.sum()) - before + np.repeat(start, length)


def competes(graph: AttributionGraph) -> Bool[Tensor, " node"]:
    """Nodes that take part in rankings and totals: all but constants."""
    return ~graph.of_kind(NodeKind.BIAS)
