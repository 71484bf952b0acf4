"""Pruning against its dense definition, by hand, and on graphs with constants."""

import pytest
import torch

from core.errors import SettingsError
from core.graph import NodeKind, cumulative_influence, influence, prune, subgraph
from tests.core.graph.test_attribution_graph import B, E, F, L, T, make_graph
from tests.core.graph.test_influence import dense_shares, random_graph


def first_reaching(scores, share):
    ordered = scores.sort(descending=True).values
    reached = ordered.cumsum(0) / ordered.sum() >= share
    return ordered[int(reached.nonzero()[0])] if reached.any() else ordered[-1]


def dense_prune(graph, node_threshold, edge_threshold):
    """The definition with full matrices and full sorts."""
    scores = influence(graph)
    kept = scores >= first_reaching(scores, node_threshold)
    always = graph.of_kind(T, L)
    kept |= always
    shares = dense_shares(subgraph(graph, kept))
    total, flow = torch.zeros(len(shares)).double(), graph.logit_weight[kept].double()
    weight = flow
    for _ in range(len(shares)):
        flow = flow @ shares
        total += flow
    edge_scores = shares * (total + weight)[:, None]
    edges = edge_scores >= first_reaching(edge_scores.flatten(), edge_threshold)
    number = kept.nonzero()[:, 0]
    pairs = {(int(number[s]), int(number[t])) for t, s in (edges & (shares > 0)).nonzero()}
    nodes = set(number.tolist())
    while True:
        pairs = {(s, t) for s, t in pairs if s in nodes and t in nodes}
        sources, targets = {s for s, _ in pairs}, {t for _, t in pairs}
        loose = {n for n in nodes if not always[n] and n not in sources}
        loose |= {n for n in nodes if graph.kind[n] == F and n not in targets}
        if not loose:
            return nodes, pairs
        nodes -= loose


@pytest.mark.parametrize("thresholds", [(0.8, 0.98), (0.5, 0.6), (1.0, 1.0), (0.3, 0.9)])
@pytest.mark.parametrize("seed", range(3))
def test_prune_equals_the_dense_definition(seed, thresholds):
    graph = random_graph(seed=seed)
    result = prune(graph, *thresholds)
    nodes, pairs = dense_prune(graph, *thresholds)
    assert set(result.nodes.nonzero()[:, 0].tolist()) == nodes
    kept = graph.edge_index[:, result.edges].T.tolist()
    assert {tuple(pair) for pair in kept} == pairs
    assert result.graph.n_nodes == len(nodes)
    assert result.graph.n_edges == len(pairs)


def test_constants_leave_the_rest_of_the_pruned_graph_as_it_is():
    plain = random_graph()
    edges = [
        (*pair, effect)
        for pair, effect in zip(
            plain.edge_index.T.tolist(), plain.direct_effect.tolist(), strict=True
        )
    ]
    n = plain.n_nodes
    kinds = [NodeKind(int(kind)) for kind in plain.kind]
    more = [(n, target, 3.0) for target in range(9, n)]
    with_bias = make_graph([*kinds, B], edges + more, weights=[*plain.logit_weight.tolist(), 0.0])
    left, right = prune(plain), prune(with_bias)
    assert torch.equal(left.nodes, right.nodes[:-1])
    assert torch.equal(left.edges, right.edges[: len(edges)])
    assert bool(right.nodes[-1])
    assert bool(right.edges[len(edges) :].any())


def test_a_feature_left_without_output_goes_with_all_that_only_feeds_it():
    """0 → 1 → 2 is a side branch whose last edge is too weak to stay."""
    graph = make_graph(
        [T, F, F, F, L],
        [(0, 1, 1.0), (1, 2, 1.0), (2, 4, 0.001), (0, 3, 1.0), (3, 4, 1.0)],
    )
    result = prune(graph, node_threshold=1.0, edge_threshold=0.98)
    assert result.nodes.tolist() == [True, False, False, True, True]


def test_tokens_and_logits_always_stay():
    graph = make_graph([T, T, F, L], [(0, 2, 1.0), (2, 3, 1.0)])
    assert prune(graph, 0.1, 0.1).nodes[[0, 1, 3]].all()


def test_a_lone_error_goes():
    graph = make_graph([T, E, L], [(0, 2, 1.0)])
    assert prune(graph, 1.0, 1.0).nodes.tolist() == [True, False, True]


def test_cumulative_influence_is_low_for_important_nodes():
    scores = torch.tensor([1.0, 6.0, 3.0])
    torch.testing.assert_close(cumulative_influence(scores), torch.tensor([1.0, 0.6, 0.9]))


@pytest.mark.parametrize("thresholds", [(1.5, 0.9), (0.8, -0.1)])
def test_thresholds_outside_their_range_are_refused(thresholds):
    with pytest.raises(SettingsError, match="must be in"):
        prune(random_graph(), *thresholds)
