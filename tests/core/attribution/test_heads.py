"""An edge's parts by last head: they sum to the edge, and each is what that head carries."""

import pytest
import torch

from core.attribution import (
    AttributionSettings,
    Direction,
    build_graph,
    split_by_head,
)
from core.errors import GraphError
from core.graph import NodeKind
from tests.tiny import KINDS, tiny_model, tiny_transcoders

IDS = torch.tensor([1, 4, 5, 9, 7])
DIRECTION = Direction(answer=4, wrong=8)


def setup(kind, *, skip=False):
    model = tiny_model(kind, layers=3)
    transcoders = tiny_transcoders(model, skip=skip)
    return model, transcoders, build_graph(model, transcoders, IDS, DIRECTION)


def explained(graph):
    return (graph.kind[graph.edge_index[0]] != int(NodeKind.BIAS)).nonzero()[:, 0]


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_parts_sum_to_the_edge(kind, skip):
    model, transcoders, graph = setup(kind, skip=skip)
    edges = explained(graph)
    split = split_by_head(model, transcoders, IDS, graph, edges, DIRECTION)
    want = graph.direct_effect[edges]
    scale = want.abs().max()
    assert float((split.total - want).abs().max() / scale) < 1e-5


def test_a_head_part_is_its_own_path_written_out():
    """Two layers, logit target: the last layer's head 1, by its weights and pattern alone."""
    model = tiny_model("gpt2", layers=2)
    transcoders = tiny_transcoders(model)
    graph = build_graph(model, transcoders, IDS, DIRECTION)
    source, target = graph.edge_index
    chosen = (graph.kind[source] == int(NodeKind.FEATURE)) & (graph.layer[source] == 0)
    edges = (chosen & (graph.kind[target] == int(NodeKind.LOGIT))).nonzero()[:, 0]
    split = split_by_head(model, transcoders, IDS, graph, edges, DIRECTION)
    trace, weights = model.trace(IDS[None]), model.weights(1)
    scale = weights.norm1.scale(trace.resid_pre[1, 0])
    final = model.final_norm.scale(trace.resid_post[-1, 0])[-1]
    read = model.final_norm.transpose(model.W_U[4] - model.W_U[8], final)
    for place, edge in enumerate(edges.tolist()):
        node = int(source[edge])
        position = int(graph.position[node])
        write = graph.activation[node] * transcoders[0].W_dec[graph.index[node]]
        value = weights.norm1.linear(write, scale[position]) @ weights.W_V[1]
        carried = trace.pattern[1, 0, 1, -1, position] * value @ weights.W_O[1]
        torch.testing.assert_close(split.heads[place, 1, 1], carried @ read, rtol=1e-3, atol=1e-5)


def test_direct_parts_need_one_position():
    model, transcoders, graph = setup("llama")
    edges = explained(graph)
    split = split_by_head(model, transcoders, IDS, graph, edges, DIRECTION)
    source, target = graph.edge_index[:, edges]
    apart = graph.position[source] != graph.position[target]
    assert bool((split.direct[apart] == 0).all())
    assert bool((split.direct[~apart] != 0).any())


def test_heads_above_the_target_carry_nothing():
    model, transcoders, graph = setup("neox-parallel")
    edges = explained(graph)
    split = split_by_head(model, transcoders, IDS, graph, edges, DIRECTION)
    layer = graph.layer[graph.edge_index[1, edges]]
    for number in range(3):
        blind = layer <= number  # a parallel block's MLP does not see its own attention
        assert bool((split.heads[blind, number] == 0).all())


def test_splitting_works_on_a_graph_cut_to_few_features():
    model, transcoders, _ = setup("gpt2")
    settings = AttributionSettings(max_feature_nodes=6)
    graph = build_graph(model, transcoders, IDS, DIRECTION, settings)
    edges = explained(graph)[::3]
    split = split_by_head(model, transcoders, IDS, graph, edges, DIRECTION)
    torch.testing.assert_close(split.total, graph.direct_effect[edges], rtol=1e-4, atol=1e-5)


def test_edges_from_constants_are_refused():
    model, transcoders, graph = setup("gpt2")
    constant = (graph.kind[graph.edge_index[0]] == int(NodeKind.BIAS)).nonzero()[:1, 0]
    with pytest.raises(GraphError, match="start at a constant"):
        split_by_head(model, transcoders, IDS, graph, constant, DIRECTION)


@pytest.mark.parametrize(("end", "where"), [(0, "start"), (1, "end")])
def test_edges_at_heads_are_refused(end, where):
    # before, a head's own write was silently taken for a token embedding
    model, transcoders, _ = setup("gpt2")
    settings = AttributionSettings(heads="nodes")
    split = build_graph(model, transcoders, IDS, DIRECTION, settings)
    at_head = (split.kind[split.edge_index[end]] == int(NodeKind.HEAD)).nonzero()[:1, 0]
    assert len(at_head) == 1
    with pytest.raises(GraphError, match=f"{where}s at node .* a HEAD; they must {where}"):
        split_by_head(model, transcoders, IDS, split, at_head, DIRECTION)
