"""Columns of nodes: by hand, free of scale, and what a shift does to a ranking."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.errors import GraphError
from core.guide import InfluenceGuide, Pooled, ShiftedInfluenceGuide
from core.guide.columns import FIXED, RANKED, columns_of, magnitudes
from core.guide.pooled import of_graph
from tests.core.guide.graphs import by_hand, larger, tree


def column(graph, pooled, name):
    return columns_of(graph, pooled).x[:, (*RANKED, *FIXED).index(name)]


def shifted(graph, shift):
    return replace(of_graph(graph), shift=torch.tensor(shift))


def test_what_does_not_move_has_no_shifted_influence():
    """Node 0 passes most to the logit, but is the same on the corrupt prompts."""
    graph = by_hand()
    pooled = shifted(graph, [0.0, 2.0, 0.25, 0.0])
    found = magnitudes(graph, pooled)
    assert found["influence"].argmax() == 0
    assert found["shifted_influence"].tolist() == pytest.approx([0, 1 / 8, 1 / 4, 0])
    assert found["varying_influence"][0] == 0
    assert column(graph, pooled, "shift_ratio").tolist() == pytest.approx([0, 0.5, 0.25, 0])


def test_shares_by_hand():
    graph, pooled = by_hand(), of_graph(by_hand())
    # Decades below the largest, 7/8, of 1/8 and 1/2; the logit itself has none.
    decades = column(graph, pooled, "decades_shifted_influence")
    assert decades.tolist() == pytest.approx(
        [1, 1 + np.log10(1 / 7) / 5, 1 + np.log10(4 / 7) / 5, 0]
    )
    assert column(graph, pooled, "in_site_shifted_influence").tolist() == [0.5, 0.5, 0.5, 0.5]
    assert column(graph, pooled, "position_share").tolist() == [0, 1, 1, 1]
    assert column(graph, pooled, "site_share").tolist() == pytest.approx([7 / 12, 1 / 12, 1 / 3, 0])


def test_columns_are_shares_and_do_not_change_with_scale():
    graph = larger()
    scaled = replace(
        graph, activation=graph.activation * 512, direct_effect=graph.direct_effect * 512
    )
    before, after = columns_of(graph, of_graph(graph)).x, columns_of(scaled, of_graph(scaled)).x
    np.testing.assert_allclose(before, after, atol=1e-5)
    assert before.min() >= 0
    assert before.max() <= 1


def test_columns_follow_their_nodes():
    """Invariant: numbering the nodes another way moves rows, and changes nothing in them."""
    graph = larger()
    order = torch.randperm(graph.n_nodes, generator=torch.Generator().manual_seed(3))
    place = order.argsort()
    names = ("kind", "layer", "position", "index", "activation", "logit_weight")
    moved = replace(
        graph,
        **{name: getattr(graph, name)[order] for name in names},
        edge_index=place[graph.edge_index],
    )
    before, after = columns_of(graph, of_graph(graph)).x, columns_of(moved, of_graph(moved)).x
    tied = ["in_site" in name for name in (*RANKED, *FIXED)]
    np.testing.assert_allclose(
        before[order.numpy()][:, ~np.array(tied)], after[:, ~np.array(tied)], atol=1e-9
    )


def test_the_shifted_guide_scores_by_the_shift_and_without_one_by_sizes():
    graph = by_hand()
    hierarchy = tree(graph, leaf_size=1)
    pooled = shifted(graph, [0.0, 2.0, 0.25, 0.0])
    scores = ShiftedInfluenceGuide()(graph, hierarchy, None, pooled)
    assert scores.leaf.tolist() == pytest.approx([0, 1 / 8, 1 / 4, 0])
    assert scores.supernode.max() == pytest.approx(1 / 4)
    plain = InfluenceGuide()(graph, hierarchy).leaf
    np.testing.assert_allclose(ShiftedInfluenceGuide()(graph, hierarchy).leaf[:3], plain[:3])


def test_statistics_of_another_graph_are_refused():
    with pytest.raises(GraphError, match="of another graph: got 90 nodes"):
        ShiftedInfluenceGuide()(by_hand(), tree(by_hand()), None, of_graph(larger()))


def test_the_ratio_is_bounded():
    pooled = Pooled(
        frequency=torch.ones(2), size=torch.tensor([0.0, 1.0]), shift=torch.tensor([1.0, 0.0]),
        edge_size=torch.zeros(0),
    )  # fmt: skip
    assert pooled.ratio.tolist() == [4.0, 0.0]
