"""Pooling by hand."""

import pytest
import torch

from core.attribution import pool_graphs
from core.errors import GraphError
from core.graph import AttributionGraph, NodeKind


def graph(token, effect, position=0):
    """A token that feeds one feature, and the feature a logit."""
    return AttributionGraph(
        kind=torch.tensor([int(NodeKind.FEATURE), int(NodeKind.TOKEN), int(NodeKind.LOGIT)]),
        layer=torch.tensor([0, -1, 1]),
        position=torch.tensor([position, position, position]),
        index=torch.tensor([5, token, -1]),
        activation=torch.tensor([effect, 1.0, 2.0]),
        logit_weight=torch.tensor([0.0, 0.0, 1.0]),
        edge_index=torch.tensor([[1, 0], [0, 2]]),
        direct_effect=torch.tensor([effect, 3.0]),
    )


def test_effects_are_pooled_by_hand():
    pooled = pool_graphs([(graph(7, 4.0), 0), (graph(9, -2.0), 0)])
    assert pooled.n_prompts == 2
    assert pooled.graph.n_nodes == 3
    token = pooled.graph.of_kind(NodeKind.TOKEN).nonzero().item()
    edge = (pooled.graph.edge_index[0] == token).nonzero().item()
    assert pooled.graph.direct_effect[edge] == 1.0
    assert pooled.mean_abs[edge] == 3.0
    assert pooled.sign_consistency[edge] == pytest.approx(2 / 6)
    assert pooled.frequency[edge] == 1.0
    assert pooled.graph.index[token] == -1


def test_absent_edges_count_as_nothing():
    pooled = pool_graphs([(graph(7, 4.0), 0), (graph(7, 4.0, position=1), 0)])
    assert pooled.graph.n_nodes == 6
    assert pooled.node_frequency.tolist() == [0.5] * 6
    assert sorted(pooled.graph.direct_effect.tolist()) == pytest.approx([1.5, 1.5, 2.0, 2.0])


def test_shorter_prompts_line_up_at_the_right():
    pooled = pool_graphs([(graph(7, 4.0, position=1), 0), (graph(7, 4.0), 1)])
    assert pooled.graph.n_nodes == 3
    assert pooled.graph.position.tolist() == [1, 1, 1]


def test_merging_early_changes_nothing(monkeypatch):
    many = [(graph(i % 3, float(i), position=i % 2), 0) for i in range(9)]
    whole = pool_graphs(many)
    monkeypatch.setattr("core.attribution.pool.MERGE_ROWS", 1)
    again = pool_graphs(many)
    torch.testing.assert_close(whole.graph.direct_effect, again.graph.direct_effect)
    torch.testing.assert_close(whole.mean_abs, again.mean_abs)


def test_nothing_to_pool():
    with pytest.raises(GraphError, match="No graphs to pool"):
        pool_graphs([])
