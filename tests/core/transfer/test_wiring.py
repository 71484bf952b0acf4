"""Wirings compared: by hand, and against slow obvious sums."""

import numpy as np
import pytest
import torch

from core.graph import AttributionGraph, NodeKind, edge_shares, influence
from core.transfer import (
    Match,
    Wiring,
    edge_jaccard,
    partners,
    role_likeness,
    strongest,
    transport,
    wiring,
)


def little_graph():
    """Token 0 -> feature 0:0:1 -> feature 1:0:2 -> logit, and token -> logit, bias -> feature."""
    kind = [NodeKind.TOKEN, NodeKind.FEATURE, NodeKind.FEATURE, NodeKind.LOGIT, NodeKind.BIAS]
    return AttributionGraph(
        kind=torch.tensor([int(k) for k in kind]),
        layer=torch.tensor([-1, 0, 1, 2, 0]),
        position=torch.tensor([0, 0, 0, 0, -1]),
        index=torch.tensor([7, 1, 2, -1, -1]),
        activation=torch.ones(5),
        logit_weight=torch.tensor([0.0, 0, 0, 1, 0]),
        edge_index=torch.tensor([[0, 1, 0, 2, 0, 4], [1, 2, 2, 3, 3, 1]]),
        direct_effect=torch.tensor([2.0, -3.0, 1.0, 4.0, 4.0, 5.0]),
    )


def test_scores_by_hand():
    graph = little_graph()
    found = wiring(graph, torch.tensor([[0, 1, 0, 2], [0, 0, 0, 1]]))
    # features 1:0:2 and 0:0:1 in that order, then the token and the output
    assert found.shared == ("tok:0", "out:direction")
    expected = torch.zeros(4, 4, dtype=torch.float64)
    expected[0, 3] = 0.5 * 1  # half of the logit's input, weight 1
    expected[1, 0] = 0.75 * 0.5
    expected[2, 0] = 0.25 * 0.5
    expected[2, 1] = 1.0 * 0.375  # the bias does not compete
    assert torch.allclose(found.score, expected)
    assert found.influence.tolist() == pytest.approx([0.5, 0.375])


def test_scores_are_share_times_influence_of_the_target():
    graph = little_graph()
    share, passed = edge_shares(graph), influence(graph) + graph.logit_weight
    found = wiring(graph, torch.tensor([[0, 0, 0, 1], [0, 1, 0, 2]]))
    row = {1: 0, 2: 1, 0: 2, 3: 3}
    for (source, target), value in zip(graph.edge_index.T.tolist(), share, strict=True):
        if source in row and target in row and (source, target) != (0, 3):
            got = float(found.score[row[source], row[target]])
            assert got == pytest.approx(float(value * passed[target]))


def test_the_strongest_edges_are_the_fewest_that_hold_the_share():
    score = torch.tensor([[0.0, 5.0], [3.0, 2.0]])
    assert strongest(score, 0.8).tolist() == [[False, True], [True, False]]
    assert strongest(score, 0.81).tolist() == [[False, True], [True, True]]
    assert not strongest(torch.zeros(2, 2)).any()


def chain(n, shared=("tok:0", "out:direction")):
    """Feature i -> i + 1, token -> first, last -> output, all of one strength."""
    size = n + len(shared)
    score = torch.zeros(size, size, dtype=torch.float64)
    for i in range(n - 1):
        score[i, i + 1] = 1
    score[n, 0] = score[n - 1, n + 1] = 1
    return Wiring(score=score, shared=shared, influence=torch.ones(n, dtype=torch.float64))


def matching(pairs):
    one, two = zip(*pairs, strict=True)
    return Match(torch.tensor(one), torch.tensor(two), torch.ones(len(pairs)))


def test_edge_jaccard_by_hand():
    one, two = chain(3), chain(3)
    edges = one.score > 0, two.score > 0
    whole = partners(one, two, matching([(0, 0), (1, 1), (2, 2)]))
    assert edge_jaccard(*edges, whole) == 1
    # without a partner for the last: 2 of 4 edges carried, 4 + 4 - 2 in the union
    part = partners(one, two, matching([(0, 0), (1, 1)]))
    assert edge_jaccard(*edges, part) == pytest.approx(2 / 6)
    turned = partners(one, two, matching([(0, 2), (1, 1), (2, 0)]))
    assert edge_jaccard(*edges, turned) == 0
    assert edge_jaccard(torch.zeros(5, 5) > 0, torch.zeros(5, 5) > 0, whole) == 0


def test_a_place_that_only_one_circuit_has_is_no_partner():
    one, two = chain(2), chain(2, shared=("out:direction", "tok:4"))
    row = partners(one, two, matching([(0, 0), (1, 1)]))
    assert row.tolist() == [0, 1, -1, 2]


def test_roles_of_a_circuit_and_its_copy_are_one_and_a_turned_one_is_less():
    one = chain(6)
    role = np.array([0, 0, 1, 1, 2, 2])
    same = partners(one, one, matching([(i, i) for i in range(6)]))
    assert role_likeness(one, one, same, role) == pytest.approx(1)
    turned = partners(one, one, matching([(i, 5 - i) for i in range(6)]))
    assert role_likeness(one, one, turned, role) < 0.9
    alone = partners(one, one, matching([(0, 0)]))
    assert role_likeness(one, one, alone, role) == pytest.approx(1), "the token's edge is left"
    nobody = torch.full((8,), -1)
    assert role_likeness(one, one, nobody, role) == 0


def test_transport_of_a_relabelled_copy_is_nothing_and_its_score_one():
    generator = torch.Generator().manual_seed(0)
    n = 8
    score = torch.rand(n + 2, n + 2, generator=generator, dtype=torch.float64).triu(1)
    weight = torch.rand(n, generator=generator, dtype=torch.float64) + 0.1
    order = torch.randperm(n, generator=generator)
    places = torch.cat([order, torch.tensor([n, n + 1])])
    one = Wiring(score=score, shared=("a", "b"), influence=weight)
    two = Wiring(score=score[places][:, places], shared=("a", "b"), influence=weight[order])
    alike = torch.eye(n)[:, order]
    site = torch.zeros(n, dtype=torch.long)
    found = transport(one, two, alike, site, draws=5)
    assert found.distance == pytest.approx(0, abs=1e-6)
    assert found.score == pytest.approx(1, abs=1e-4)
    assert min(found.null) > 0.05
    unlike = transport(one, two, alike[:, torch.randperm(n, generator=generator)], site, draws=5)
    assert unlike.score < 0.8
