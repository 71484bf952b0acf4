"""How much of what a graph explains is explained by features rather than by errors.

The definitions are circuit-tracer's (`compute_graph_scores`) and hold for unpruned graphs:

    replacement  = Σ influence[inputs] / (Σ influence[inputs] + Σ influence[errors])
    completeness = Σ_t (1 - Σ_{s error} N[t, s]) (influence[t] + w[t]) / Σ_t (influence[t] + w[t])

Inputs are tokens and position embeddings. Constants take no part (see `influence`). On a graph
without position nodes both equal circuit-tracer's values, constants or not.

Completeness as defined credits leaves: nothing flows into an error node, so its "share not from
errors" counts as 1 and more error raises the score. `completeness_score_without_leaves` averages
only over nodes that have inputs (features, heads, logits).
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from core.graph.attribution_graph import INPUTS, LEAVES, AttributionGraph, NodeKind
from core.graph.influence import competes, edge_shares, influence


def replacement_score(graph: AttributionGraph) -> float:
    """Share of the influence that reaches the prompt rather than ending in errors; in [0, 1].

    Args:
        graph: Unpruned. Pruning drops error nodes and so overstates the score.

    Raises:
        GraphError: As `influence`.
    """
    scores = influence(graph)
    inputs = float(scores[graph.of_kind(*INPUTS)].sum())
    errors = float(scores[graph.of_kind(NodeKind.ERROR)].sum())
    return inputs / (inputs + errors) if inputs + errors else 0.0


def completeness_score(graph: AttributionGraph) -> float:
    """Influence-weighted share of inputs that are not errors, leaves included; in [0, 1].

    Args:
        graph: Unpruned. Pruning drops error nodes and so overstates the score.

    Raises:
        GraphError: As `influence`.
    """
    return _completeness(graph, competes(graph))


def completeness_score_without_leaves(graph: AttributionGraph) -> float:
    """As `completeness_score`, averaged only over nodes that have inputs: the stricter figure."""
    return _completeness(graph, ~graph.of_kind(*LEAVES))


def _completeness(graph: AttributionGraph, counted: Bool[Tensor, " node"]) -> float:
    shares = edge_shares(graph)
    weight = influence(graph, shares) + graph.logit_weight
    weight = torch.where(counted, weight, 0.0)
    clean = 1.0 - _error_share(graph, shares)
    return float((clean * weight).sum() / weight.sum())


def _error_share(graph: AttributionGraph, shares: Float[Tensor, " edge"]) -> Float[Tensor, " node"]:
    source, target = graph.edge_index
    from_errors = shares * (graph.kind[source] == NodeKind.ERROR)
    return shares.new_zeros(graph.n_nodes).index_add_(0, target, from_errors)
