"""Guides: the graph's own influence, on trees over all of a graph or a part; what they refuse."""

import numpy as np
import pytest
import torch

from core.errors import GraphError
from core.graph import NodeKind, influence
from core.guide import Guide, InfluenceGuide
from tests.core.guide.graphs import by_hand, larger, part_of_tree, tree


def test_scores_by_hand() -> None:
    # 3 hears 0 and 2 by half each; 2 hears 0 by 3/4 and 1 by 1/4.
    graph = by_hand()
    scores = InfluenceGuide()(graph, tree(graph, leaf_size=1))
    assert scores.leaf.tolist() == pytest.approx([1 / 2 + 1 / 2 * 3 / 4, 1 / 2 * 1 / 4, 1 / 2, 0])


def test_no_group_looks_worse_than_its_best_leaf() -> None:
    graph = larger()
    hierarchy, leaves = part_of_tree(graph)
    scores = InfluenceGuide()(graph, hierarchy, leaves)
    for supernode in range(hierarchy.n_supernodes):
        assert scores.supernode[supernode] == scores.leaf[hierarchy.members(supernode)].max()


def test_a_tree_over_a_part_is_scored_by_paths_through_the_whole() -> None:
    graph = larger()
    hierarchy, leaves = part_of_tree(graph)
    scores = InfluenceGuide()(graph, hierarchy, leaves)
    assert len(scores.leaf) < graph.n_nodes
    np.testing.assert_array_equal(scores.leaf, influence(graph)[leaves].numpy())


def test_constants_take_nothing_from_what_they_stand_beside() -> None:
    """The one place where an influence that lets constants compete gives other numbers."""
    graph = by_hand()
    with_constant = type(graph)(
        kind=torch.cat([graph.kind, torch.tensor([int(NodeKind.BIAS)])]),
        layer=torch.cat([graph.layer, torch.tensor([0])]),
        position=torch.cat([graph.position, torch.tensor([-1])]),
        index=torch.cat([graph.index, torch.tensor([-1])]),
        activation=torch.cat([graph.activation, torch.ones(1)]),
        logit_weight=torch.cat([graph.logit_weight, torch.zeros(1)]),
        edge_index=torch.cat([graph.edge_index, torch.tensor([[4], [3]])], 1),
        direct_effect=torch.cat([graph.direct_effect, torch.tensor([50.0])]),
    )
    hierarchy = tree(graph, leaf_size=1)
    got = InfluenceGuide()(with_constant, hierarchy, torch.arange(4))
    np.testing.assert_array_equal(got.leaf, InfluenceGuide()(graph, hierarchy).leaf)


def test_a_graph_without_edges_scores_nothing() -> None:
    graph = larger()
    bare = type(graph)(
        **{
            name: getattr(graph, name)
            for name in ("kind", "layer", "position", "index", "activation", "logit_weight")
        },
        edge_index=graph.edge_index[:, :0],
        direct_effect=graph.direct_effect[:0],
    )
    assert not InfluenceGuide()(bare, tree(bare)).leaf.any()


def test_the_influence_guide_is_a_guide() -> None:
    assert isinstance(InfluenceGuide(), Guide)


@pytest.mark.parametrize(
    ("leaves", "message"),
    [
        (None, "of another graph: got 90 nodes for its 4 leaves"),
        (torch.tensor([0, 1, 2]), "of another graph: got 3 nodes for its 4 leaves"),
        (torch.tensor([0, 1, 2, 90]), "names no node or one twice"),
        (torch.tensor([0, 1, 2, 2]), "names no node or one twice"),
    ],
)
def test_leaves_that_do_not_fit_are_refused(leaves, message) -> None:
    with pytest.raises(GraphError, match=message):
        InfluenceGuide()(larger(), tree(by_hand()), leaves)
