"""The edges at one node by the head they run through: parts sum, and are those of all at once."""

import pytest
import torch

from core.attribution import (
    AttributionSettings,
    Direction,
    build_graph,
    paths_at,
    split_by_head,
    split_every_edge,
    splittable,
)
from core.graph import NodeKind, prune
from tests.tiny import KINDS, tiny_model, tiny_transcoders

IDS = torch.tensor([1, 4, 5, 9, 7])
DIRECTION = Direction(answer=4, wrong=8)


def setup(kind):
    model = tiny_model(kind, layers=3)
    transcoders = tiny_transcoders(model)
    return model, transcoders, build_graph(model, transcoders, IDS, DIRECTION)


def busy(graph) -> int:
    """A feature with edges on both sides."""
    source, target = graph.edge_index[:, splittable(graph)]
    features = (graph.kind == int(NodeKind.FEATURE)).nonzero()[:, 0].tolist()
    return next(i for i in features if (source == i).any() and (target == i).any())


@pytest.mark.parametrize("kind", KINDS)
def test_the_parts_of_each_edge_sum_to_it(kind):
    model, transcoders, graph = setup(kind)
    node = busy(graph)
    found = paths_at(model, transcoders, IDS, graph, node, DIRECTION)
    scale = float(graph.direct_effect.abs().max())
    assert found
    for edge, paths in found.items():
        assert node in graph.edge_index[:, edge].tolist()
        assert paths.total == pytest.approx(float(graph.direct_effect[edge]), abs=1e-5 * scale)
        sizes = [abs(effect) for _, effect in paths.heads]
        assert sizes == sorted(sizes, reverse=True)


def test_they_are_those_of_all_edges_at_once():
    model, transcoders, graph = setup("gpt2")
    node, edges = busy(graph), splittable(graph)
    every = split_by_head(model, transcoders, IDS, graph, edges, DIRECTION)
    place = {edge: i for i, edge in enumerate(edges.tolist())}
    for edge, paths in paths_at(model, transcoders, IDS, graph, node, DIRECTION).items():
        assert paths.direct == pytest.approx(float(every.direct[place[edge]]), abs=1e-6)
        for name, effect in paths.heads:
            layer, head = int(name[1]), int(name[3])
            assert effect == pytest.approx(float(every.heads[place[edge], layer, head]), abs=1e-6)


def test_all_edges_of_a_graph_some_at_a_time(monkeypatch):
    model, transcoders, graph = setup("llama")
    monkeypatch.setattr("core.attribution.paths.AT_ONCE", 50)
    found = split_every_edge(model, transcoders, IDS, graph, DIRECTION)
    known = torch.zeros(graph.n_edges, dtype=torch.bool)
    known[splittable(graph)] = True
    assert bool(found.direct[~known].isnan().all())
    torch.testing.assert_close(found.total[known], graph.direct_effect[known], rtol=1e-3, atol=1e-5)


def test_only_the_largest_of_each_side_are_split():
    model, transcoders, graph = setup("gpt2")
    node, edges = busy(graph), splittable(graph)
    found = paths_at(model, transcoders, IDS, graph, node, DIRECTION, most=2)
    for end in (0, 1):
        mine = edges[graph.edge_index[end, edges] == node]
        size = graph.direct_effect[mine].abs()
        largest = set(mine[size.argsort(descending=True)[:2]].tolist())
        assert largest == {e for e in found if int(graph.edge_index[end, e]) == node}


def test_constants_heads_and_pruned_graphs_are_no_trouble():
    model, transcoders, graph = setup("gpt2")
    constant = int((graph.kind == int(NodeKind.BIAS)).nonzero()[0, 0])
    assert paths_at(model, transcoders, IDS, graph, constant, DIRECTION) == {}
    split = build_graph(model, transcoders, IDS, DIRECTION, AttributionSettings(heads="nodes"))
    head = int((split.kind == int(NodeKind.HEAD)).nonzero()[0, 0])
    assert paths_at(model, transcoders, IDS, split, head, DIRECTION) == {}
    few = prune(graph, 0.5).graph
    for node in range(few.n_nodes):
        for edge, paths in paths_at(model, transcoders, IDS, few, node, DIRECTION).items():
            assert paths.total == pytest.approx(float(few.direct_effect[edge]), rel=1e-3, abs=1e-5)
