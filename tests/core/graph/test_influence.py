"""Influence and scores against hand fractions, the series they sum, and the dense definitions."""

import pytest
import torch

from core.errors import GraphError
from core.graph import (
    NodeKind,
    completeness_score,
    completeness_score_without_leaves,
    edge_shares,
    influence,
    replacement_score,
    subgraph,
    total_effect,
)
from tests.core.graph.test_attribution_graph import B, E, F, L, T, make_graph


def worked_example(*, bias: float = 0.0):
    """token 0 and error 1 feed feature 2; it, the token and the error feed the logit 3."""
    edges = [(0, 2, 3.0), (1, 2, -1.0), (2, 3, -2.0), (0, 3, 1.0), (1, 3, 1.0)]
    kinds = [T, E, F, L]
    if bias:
        kinds, edges = [*kinds, B], [*edges, (4, 2, bias), (4, 3, -bias)]
    return make_graph(kinds, edges)


def random_graph(*, n=40, seed=0, bias=False):
    """Leaves first, then features, then two logits; edges only forwards."""
    torch.manual_seed(seed)
    kinds = [T] * 4 + [E] * 5 + [B] * (3 if bias else 0)
    n_leaves = len(kinds)
    kinds += [F] * (n - n_leaves - 2) + [L] * 2
    matrix = torch.randn(n, n).tril(-1) * (torch.rand(n, n) < 0.4)
    matrix[:n_leaves] = 0
    matrix[-2:, -2:] = 0
    edges = [(s, t, float(matrix[t, s])) for t, s in matrix.nonzero().tolist()]
    return make_graph(kinds, edges, weights=[0.0] * (n - 2) + [0.7, 0.2])


def dense_shares(graph):
    size = graph.dense().double().abs()
    return size / size.sum(1, keepdim=True).clamp(min=1e-10)


def test_influence_of_the_worked_example_is_exact():
    assert influence(worked_example()).tolist() == [1 / 4 + 3 / 8, 1 / 4 + 1 / 8, 1 / 2, 0]


def test_scores_of_the_worked_example_are_exact():
    """Error shares: feature 1/4, logit 1/4; weights: token 5/8, error 3/8, feature 1/2, logit 1."""
    graph = worked_example()
    assert replacement_score(graph) == pytest.approx((5 / 8) / (5 / 8 + 3 / 8))
    assert completeness_score(graph) == pytest.approx((5 / 8 + 3 / 8 + 3 / 8 + 3 / 4) / 2.5)
    assert completeness_score_without_leaves(graph) == pytest.approx((3 / 8 + 3 / 4) / 1.5)


def test_total_effect_of_the_worked_example_is_exact():
    """Feature: -2. Token: 1 directly and 3 · -2 through it; error: 1 and -1 · -2."""
    assert total_effect(worked_example()).tolist() == [1 - 6, 1 + 2, -2, 0]


def test_constants_change_no_influence_and_no_score():
    plain, with_bias = worked_example(), worked_example(bias=5.0)
    assert influence(with_bias)[:4].tolist() == influence(plain).tolist()
    for score in (replacement_score, completeness_score, completeness_score_without_leaves):
        assert score(with_bias) == score(plain)


@pytest.mark.parametrize("seed", range(3))
def test_influence_is_the_neumann_series(seed):
    graph = random_graph(seed=seed)
    shares, flow = dense_shares(graph), graph.logit_weight.double()
    total = torch.zeros_like(flow)
    for _ in range(graph.n_nodes):
        flow = flow @ shares
        total += flow
    torch.testing.assert_close(influence(graph), total, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_scores_are_the_dense_definitions(seed):
    graph = random_graph(seed=seed)
    shares, scores = dense_shares(graph), influence(graph)
    inputs, error = scores[graph.of_kind(T)].sum(), scores[graph.of_kind(E)].sum()
    weight = scores + graph.logit_weight
    clean = 1 - shares[:, graph.of_kind(E)].sum(1)
    assert replacement_score(graph) == pytest.approx(float(inputs / (inputs + error)))
    want = float((clean * weight).sum() / weight.sum())
    assert completeness_score(graph) == pytest.approx(want)


def test_relabelling_nodes_changes_nothing():
    graph, order = random_graph(), torch.randperm(40, generator=torch.Generator().manual_seed(1))
    place = order.argsort()
    moved = type(graph)(
        **{name: getattr(graph, name)[order] for name in ("kind", "layer", "position", "index")},
        activation=graph.activation[order],
        logit_weight=graph.logit_weight[order],
        edge_index=place[graph.edge_index],
        direct_effect=graph.direct_effect,
    )
    torch.testing.assert_close(influence(moved), influence(graph)[order])
    assert completeness_score(moved) == pytest.approx(completeness_score(graph))


def test_shares_of_every_explained_target_sum_to_one():
    graph = random_graph(bias=True)
    total = torch.zeros(40, dtype=torch.float64)
    total.index_add_(0, graph.edge_index[1], edge_shares(graph))
    assert all(abs(v) < 1e-9 or abs(v - 1) < 1e-9 for v in total.tolist())


def test_a_cycle_is_refused():
    graph = make_graph([F, F, L], [(0, 1, 1.0), (1, 0, 1.0), (1, 2, 1.0)])
    with pytest.raises(GraphError, match="cycle"):
        influence(graph)


def test_a_graph_without_a_target_is_refused():
    graph = random_graph()
    headless = subgraph(graph, ~graph.of_kind(NodeKind.LOGIT))
    with pytest.raises(GraphError, match="no logit node"):
        influence(headless)
