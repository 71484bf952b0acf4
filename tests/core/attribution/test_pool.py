"""A task graph is the mean over prompts, by hand and against dense means."""

from dataclasses import replace

import pytest
import torch

from core.attribution import AttributionSettings, Direction, build_graphs, pool_graphs
from core.errors import GraphError
from core.graph import AttributionGraph, NodeKind, influence
from tests.tiny import tiny_model, tiny_transcoders

F, T, B, L = NodeKind.FEATURE, NodeKind.TOKEN, NodeKind.BIAS, NodeKind.LOGIT


def one(effect, *, feature=7, token=3, position=0, length=2):
    """token → feature → direction, and a constant."""
    return AttributionGraph(
        kind=torch.tensor([int(F), int(T), int(B), int(L)]),
        layer=torch.tensor([0, -1, 0, 1]),
        position=torch.tensor([position, position, -1, length - 1]),
        index=torch.tensor([feature, token, -1, -1]),
        activation=torch.tensor([2.0, 1.0, 1.0, 4.0]),
        logit_weight=torch.tensor([0.0, 0.0, 0.0, 1.0]),
        edge_index=torch.tensor([[1, 0, 2], [0, 3, 3]]),
        direct_effect=torch.tensor([1.0, effect, 0.5]),
    )


def edge(task, source, target):
    """Place of the edge between two nodes given as (kind, position, index)."""
    names = torch.stack([task.kind, task.position, task.index], 1).tolist()
    pair = [names.index([int(kind), *rest]) for kind, *rest in (source, target)]
    return task.edge_index.T.tolist().index(pair)


def test_means_by_hand():
    task = pool_graphs([one(3.0), one(-1.0)], [0, 0])
    place = edge(task, (F, 0, 7), (L, 1, -1))
    assert task.mean[place] == 1.0
    assert task.mean_abs[place] == 2.0
    assert task.sign_consistency[place] == 0.5
    assert task.frequency[place] == 1.0
    assert task.n_prompts == 2


def test_an_edge_whose_effects_cancel_is_kept():
    task = pool_graphs([one(3.0), one(-3.0)], [0, 0])
    place = edge(task, (F, 0, 7), (L, 1, -1))
    assert task.mean[place] == 0.0
    assert task.mean_abs[place] == 3.0
    assert task.frequency[place] == 1.0


def test_a_node_that_is_absent_counts_as_zero():
    task = pool_graphs([one(3.0), one(3.0, feature=8)], [0, 0])
    place = edge(task, (F, 0, 7), (L, 1, -1))
    assert task.mean[place] == 1.5
    assert task.frequency[place] == 0.5
    is_feature = task.kind == int(F)
    assert task.activation[is_feature].tolist() == [1.0, 1.0]
    assert task.node_frequency[is_feature].tolist() == [0.5, 0.5]


def test_tokens_match_by_position_and_shorter_prompts_align_at_the_right():
    longer, shorter = one(1.0, position=1, length=3), one(1.0, token=9, length=2)
    task = pool_graphs([longer, shorter], [0, 1])
    assert task.kind.tolist() == [int(F), int(T), int(B), int(L)]
    assert task.position.tolist() == [1, 1, -1, 2]
    assert task.node_frequency.tolist() == [1.0] * 4


@pytest.mark.parametrize("settings", [
    AttributionSettings(), AttributionSettings(heads="nodes"),
    AttributionSettings(max_feature_nodes=6),
])  # fmt: skip
@pytest.mark.parametrize("prompts", [1, 2, 3, 5])
def test_pooling_equals_the_dense_mean(prompts, settings):
    model = tiny_model("gpt2")
    transcoders = tiny_transcoders(model)
    ids = torch.tensor([[1, 4, 5, 9], [1, 6, 5, 3], [1, 4, 8, 9], [1, 2, 2, 3], [1, 6, 8, 7]])
    asked = [Direction(answer=4, wrong=5)] * prompts
    graphs = list(build_graphs(model, transcoders, ids[:prompts], asked, settings))
    task = pool_graphs(iter(graphs), [0] * prompts)
    names = torch.stack([task.kind, task.layer, task.position, task.index], 1).tolist()
    want = torch.zeros(len(names), len(names), dtype=torch.float64)
    for graph in graphs:
        index = torch.where(graph.of_kind(T), -1, graph.index)
        own = torch.stack([graph.kind, graph.layer, graph.position, index], 1).tolist()
        place = torch.tensor([names.index(name) for name in own])
        want[place[:, None], place] += graph.dense().double() / prompts
    torch.testing.assert_close(task.graph().dense().double(), want, rtol=1e-5, atol=1e-6)
    assert float(influence(task.graph()).max()) > 0


def test_an_edge_that_is_there_twice_counts_twice():
    twice = one(2.0)
    twice = replace(
        twice,
        edge_index=twice.edge_index.repeat(1, 2),
        direct_effect=twice.direct_effect.repeat(2),
    )
    want = 2 * pool_graphs([one(2.0)], [0]).mean
    torch.testing.assert_close(pool_graphs([twice], [0]).mean, want)


def test_no_graph_is_refused():
    with pytest.raises(GraphError, match="at least one prompt"):
        pool_graphs([], [])
