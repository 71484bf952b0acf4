"""What a learned guide reads: by hand, free of scale, and run through torch_geometric."""

from dataclasses import replace

import pytest
import torch

from core.errors import GraphError
from core.guide.hetero import EDGE_FEATURES, NODE_FEATURES, SUPERNODE_FEATURES, to_hetero
from tests.core.guide.graphs import by_hand, larger, part_of_tree, tree


def test_features_by_hand() -> None:
    graph = by_hand()
    data = to_hetero(graph, tree(graph, leaf_size=1))
    node = dict(zip(NODE_FEATURES, data["node"].x.T.tolist(), strict=True))
    assert node["activation"] == pytest.approx([5 / 8, 7 / 8, 3 / 8, 1 / 8])
    assert node["influence"] == pytest.approx([7 / 8, 3 / 8, 5 / 8, 1 / 8])
    assert node["direct_logit_effect"] == pytest.approx([6 / 8, 2 / 8, 6 / 8, 2 / 8])
    assert node["layer_share"] == pytest.approx([0, 0, 0.5, 1])
    assert node["kind_6"] == [0, 0, 0, 1]
    attributes = data["node", "drives", "node"].edge_attr.T.tolist()
    edge = dict(zip(EDGE_FEATURES, attributes, strict=True))
    assert edge["signed_quantile"] == pytest.approx([7 / 8, -1 / 8, 0.5, 0.5])
    assert edge["layers_crossed"] == pytest.approx([0.5, 0.5, 0.5, 1])
    assert edge["same_position"] == [0, 1, 1, 0]


def test_features_do_not_change_with_scale() -> None:
    graph = larger()
    hierarchy = tree(graph)
    scaled = replace(
        graph, activation=graph.activation * 1024, direct_effect=graph.direct_effect * 1024
    )
    before, after = to_hetero(graph, hierarchy), to_hetero(scaled, hierarchy)
    for kind in ("node", "supernode"):
        torch.testing.assert_close(before[kind].x, after[kind].x)
        assert before[kind].x.min() >= 0
        assert before[kind].x.max() <= 1
        edges = (kind, "drives", kind)
        torch.testing.assert_close(before[edges].edge_attr, after[edges].edge_attr)


def test_the_whole_tree_and_every_level_once() -> None:
    graph = larger()
    hierarchy = tree(graph)
    data = to_hetero(graph, hierarchy)
    assert data.validate()
    assert data["supernode"].x.shape == (hierarchy.n_supernodes, len(SUPERNODE_FEATURES))
    below = data["supernode", "holds", "supernode"].edge_index
    assert below[0].tolist() == hierarchy.parent[1:].tolist()
    leaves = data["supernode", "holds", "node"].edge_index
    assert leaves[1].tolist() == list(range(graph.n_nodes))
    coarse = data["supernode", "drives", "supernode"].edge_index
    assert len(torch.unique(coarse, dim=1).T) == coarse.shape[1]


def test_a_tree_over_a_part_holds_the_nodes_it_names() -> None:
    graph = larger()
    hierarchy, leaves = part_of_tree(graph)
    data = to_hetero(graph, hierarchy, leaves)
    assert data.validate()
    assert data["node"].x.shape[0] == graph.n_nodes
    assert data["supernode"].x.shape[0] == hierarchy.n_supernodes
    held = data["supernode", "holds", "node"].edge_index[1]
    assert sorted(held.tolist()) == leaves.tolist()


def test_edges_are_the_graphs_whatever_the_tree_was_cut_from() -> None:
    graph, other = larger(), larger(seed=1)
    bare = tree(other).with_edges(other.edge_index.numpy()[:, :0], other.direct_effect.numpy()[:0])
    data, same = to_hetero(graph, bare), to_hetero(graph, tree(other))
    torch.testing.assert_close(data["supernode"].x, same["supernode"].x)
    drives = ("supernode", "drives", "supernode")
    assert data[drives].edge_index.shape[1] > 0
    torch.testing.assert_close(data[drives].edge_attr, same[drives].edge_attr)


def test_a_graph_without_edges_has_none() -> None:
    graph = larger()
    bare = replace(graph, edge_index=graph.edge_index[:, :0], direct_effect=graph.direct_effect[:0])
    assert to_hetero(bare, tree(bare))["node", "drives", "node"].edge_index.shape == (2, 0)


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_a_gatv2_runs_on_it_and_its_gradients_reach_the_features() -> None:
    from torch_geometric.nn import GATv2Conv, HeteroConv

    graph = larger()
    data = to_hetero(graph, tree(graph))
    flat = ("holds", "held_by")
    layer = HeteroConv(
        {
            kind: GATv2Conv(
                (-1, -1),
                8,
                heads=2,
                edge_dim=None if kind[1] in flat else data[kind].edge_attr.shape[1],
                add_self_loops=False,
            )
            for kind in data.edge_types
        }
    )
    x = {kind: data[kind].x.clone().requires_grad_(True) for kind in ("node", "supernode")}
    features = {kind: data[kind].edge_attr for kind in data.edge_types if kind[1] not in flat}
    out = layer(x, data.edge_index_dict, edge_attr_dict=features)
    assert out["node"].shape == (graph.n_nodes, 16)
    out["node"].sum().backward()
    assert x["supernode"].grad is not None
    assert x["supernode"].grad.abs().sum() > 0


def test_a_tree_of_another_graph_is_refused() -> None:
    with pytest.raises(GraphError, match="of another graph"):
        to_hetero(by_hand(), tree(larger()))
