"""A graph whose paths run through attention heads, made from one whose edges run around them.

Each edge is split by the last head before its target (`heads`). A head node stands for one head at
one position, where it writes:

1. source → target keeps the direct part;
2. head → target is the sum of all parts that this head brings to the target;
3. source → head is what the source adds to the explained logits through this head as last head:
   its parts, each times what its target passes on to the logits.

So every target's inputs still sum to its value, and a head's inputs sum to its activation, which is
what the head adds to the logits by the targets it reaches directly. Edges from constants are not
split and stay as they are.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.attribution.heads import split_by_head
from core.attribution.targets import SALIENT, TargetChoice
from core.graph import AttributionGraph, NodeKind, total_effect
from core.models import LanguageModel
from core.transcoders import TranscoderSet


def with_head_nodes(
    model: LanguageModel,
    transcoders: TranscoderSet,
    ids: Int[Tensor, " pos"],
    graph: AttributionGraph,
    targets: TargetChoice = SALIENT,
) -> AttributionGraph:
    """The same nodes in the same order, then a node for every head that carries an edge.

    Memory grows with edges x layers x heads: prune large graphs first.

    Args:
        model: The model of the graph.
        transcoders: The transcoders of the graph.
        ids: The prompt of the graph.
        graph: From `build_graph` on this prompt, pruned or not.
        targets: As given to `build_graph`.
    """
    is_constant = graph.kind[graph.edge_index[0]] == int(NodeKind.BIAS)
    split_edges = (~is_constant).nonzero()[:, 0]
    split = split_by_head(model, transcoders, ids, graph, split_edges, targets)
    source, target = graph.edge_index[:, split_edges]
    edge, layer, head = split.heads.nonzero(as_tuple=True)
    part = split.heads[edge, layer, head]
    place = torch.stack([layer, graph.position[target[edge]], head], 1)
    heads, number = place.unique(dim=0, return_inverse=True)
    node = graph.n_nodes + number
    passed = part * _passed_on(graph)[target[edge]]
    pairs = [
        (graph.edge_index[:, is_constant], graph.direct_effect[is_constant]),
        (graph.edge_index[:, split_edges], split.direct),
        _summed(source[edge], node, passed),
        _summed(node, target[edge], part),
    ]
    edge_index, effect = (torch.cat(column, dim=-1) for column in zip(*pairs, strict=True))
    kept = effect != 0
    activation = passed.new_zeros(len(heads)).index_add_(0, number, passed)
    return _joined(graph, heads, activation, edge_index[:, kept], effect[kept])


def _passed_on(graph: AttributionGraph) -> Float[Tensor, " node"]:
    """What one unit of each target's value adds to the weighted logits."""
    is_logit = graph.kind == int(NodeKind.LOGIT)
    per_unit = total_effect(graph).float() / graph.activation
    return torch.where(is_logit, graph.logit_weight, per_unit)


def _summed(
    source: Int[Tensor, " part"], target: Int[Tensor, " part"], effect: Float[Tensor, " part"]
) -> tuple[Int[Tensor, "2 edge"], Float[Tensor, " edge"]]:
    """One edge for each pair of ends."""
    pairs, place = torch.stack([source, target], 1).unique(dim=0, return_inverse=True)
    return pairs.T, effect.new_zeros(len(pairs)).index_add_(0, place, effect)


def _joined(
    graph: AttributionGraph,
    heads: Int[Tensor, "head 3"],
    activation: Float[Tensor, " head"],
    edge_index: Int[Tensor, "2 edge"],
    effect: Float[Tensor, " edge"],
) -> AttributionGraph:
    layer, position, index = heads.T
    return AttributionGraph(
        kind=torch.cat([graph.kind, torch.full_like(layer, int(NodeKind.HEAD))]),
        layer=torch.cat([graph.layer, layer]),
        position=torch.cat([graph.position, position]),
        index=torch.cat([graph.index, index]),
        activation=torch.cat([graph.activation, activation]),
        logit_weight=torch.cat([graph.logit_weight, torch.zeros_like(activation)]),
        edge_index=edge_index,
        direct_effect=effect,
    )
