"""Guides: influence by hand, scale-free features, and a graph torch_geometric can really run."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from core.errors import GraphError
from core.guide import GraphView, InfluenceGuide, graph_view, path_influence
from core.guide.hetero import EDGE_FEATURES, NODE_FEATURES, SUPERNODE_FEATURES, to_hetero
from core.hierarchy import Hierarchy, HierarchySettings, build_hierarchy

FEATURE, LOGIT = 0, 6


def by_hand() -> GraphView:
    """0 -> 2 (3), 1 -> 2 (-1), 2 -> 3 (2), 0 -> 3 (2); 3 is the only logit."""
    return GraphView(
        kind=np.array([FEATURE, FEATURE, FEATURE, LOGIT]),
        layer=np.array([0, 0, 1, 2]),
        position=np.array([0, 1, 1, 1]),
        activation=np.array([1.0, 2.0, 0.5, 0.0]),
        logit_weight=np.array([0.0, 0.0, 0.0, 1.0]),
        edge_index=np.array([[0, 1, 2, 0], [2, 2, 3, 3]]),
        weight=np.array([3.0, -1.0, 2.0, 2.0]),
    )


def larger(n: int = 90, seed: int = 0) -> GraphView:
    rng = np.random.default_rng(seed)
    ends = np.sort(rng.choice(n, size=(2, 600)), axis=0)
    ends = ends[:, ends[0] < ends[1]]
    logit = np.arange(n) >= n - 3
    return GraphView(
        kind=np.where(logit, LOGIT, rng.integers(0, 6, n)),
        layer=np.arange(n) * 4 // n,
        position=rng.integers(0, 5, n),
        activation=rng.random(n),
        logit_weight=np.where(logit, 1 / 3, 0.0),
        edge_index=ends,
        weight=rng.standard_normal(ends.shape[1]),
    )


def tree(view: GraphView, leaf_size: int = 4) -> Hierarchy:
    settings = HierarchySettings(leaf_size=leaf_size)
    return build_hierarchy(view.n, view.edge_index, view.weight, settings)


def test_influence_by_hand() -> None:
    # 3 hears 0 and 2 by half each; 2 hears 0 by 3/4 and 1 by 1/4.
    expected = [1 / 2 + 1 / 2 * 3 / 4, 1 / 2 * 1 / 4, 1 / 2, 0]
    assert path_influence(by_hand()).tolist() == pytest.approx(expected)


def test_influence_equals_the_dense_series() -> None:
    view = larger()
    dense = np.zeros((view.n, view.n))
    np.add.at(dense, (view.edge_index[1], view.edge_index[0]), np.abs(view.weight))
    dense /= np.maximum(dense.sum(axis=1, keepdims=True), 1e-300)
    series = view.logit_weight @ (np.linalg.inv(np.eye(view.n) - dense) - np.eye(view.n))
    np.testing.assert_allclose(path_influence(view), series, atol=1e-12)


def test_no_group_looks_worse_than_its_best_node() -> None:
    view = larger()
    hierarchy = tree(view)
    scores = InfluenceGuide()(view, hierarchy)
    for supernode in range(hierarchy.n_supernodes):
        assert scores.supernode[supernode] == scores.node[hierarchy.members(supernode)].max()


def test_influence_of_a_graph_without_edges_is_zero() -> None:
    view = larger()
    bare = GraphView(
        kind=view.kind,
        layer=view.layer,
        position=view.position,
        activation=view.activation,
        logit_weight=view.logit_weight,
        edge_index=view.edge_index[:, :0],
        weight=view.weight[:0],
    )
    assert not InfluenceGuide()(bare, tree(bare)).node.any()
    assert to_hetero(bare, tree(bare))["node", "drives", "node"].edge_index.shape == (2, 0)


def test_hetero_by_hand() -> None:
    view = by_hand()
    data = to_hetero(view, tree(view, leaf_size=1))
    node = dict(zip(NODE_FEATURES, data["node"].x.T.tolist(), strict=True))
    assert node["activation"] == pytest.approx([5 / 8, 7 / 8, 3 / 8, 1 / 8])
    assert node["direct_logit_effect"] == pytest.approx([6 / 8, 2 / 8, 6 / 8, 2 / 8])
    assert node["layer_share"] == pytest.approx([0, 0, 0.5, 1])
    assert node["kind_6"] == [0, 0, 0, 1]
    edge = dict(
        zip(EDGE_FEATURES, data["node", "drives", "node"].edge_attr.T.tolist(), strict=True)
    )
    assert edge["signed_quantile"] == pytest.approx([7 / 8, -1 / 8, 0.5, 0.5])
    assert edge["layers_crossed"] == pytest.approx([0.5, 0.5, 0.5, 1])
    assert edge["same_position"] == [0, 1, 1, 0]


def test_features_do_not_change_with_scale() -> None:
    view = larger()
    hierarchy = tree(view)
    scaled = GraphView(
        kind=view.kind,
        layer=view.layer,
        position=view.position,
        activation=view.activation * 1000,
        logit_weight=view.logit_weight,
        edge_index=view.edge_index,
        weight=view.weight * 0.01,
    )
    own = hierarchy.with_edges(scaled.edge_index, scaled.weight)
    before, after = to_hetero(view, hierarchy), to_hetero(scaled, own)
    for kind in ("node", "supernode"):
        torch.testing.assert_close(before[kind].x, after[kind].x)
        assert before[kind].x.min() >= 0
        assert before[kind].x.max() <= 1
        edges = (kind, "drives", kind)
        torch.testing.assert_close(before[edges].edge_attr, after[edges].edge_attr)


def test_hetero_holds_the_whole_tree_and_every_level_once() -> None:
    view = larger()
    hierarchy = tree(view)
    data = to_hetero(view, hierarchy)
    assert data.validate()
    assert data["supernode"].x.shape == (hierarchy.n_supernodes, len(SUPERNODE_FEATURES))
    below = data["supernode", "holds", "supernode"].edge_index
    assert below[0].tolist() == hierarchy.parent[1:].tolist()
    leaves = data["supernode", "holds", "node"].edge_index
    assert leaves[1].tolist() == list(range(view.n))
    coarse = data["supernode", "drives", "supernode"].edge_index
    assert len(torch.unique(coarse, dim=1).T) == coarse.shape[1]


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_a_gatv2_runs_on_it_and_its_gradients_reach_the_features() -> None:
    from torch_geometric.nn import GATv2Conv, HeteroConv

    view = larger()
    data = to_hetero(view, tree(view))
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
    assert out["node"].shape == (view.n, 16)
    out["node"].sum().backward()
    assert x["supernode"].grad is not None
    assert x["supernode"].grad.abs().sum() > 0


def test_views_read_prompt_graphs_and_pooled_ones() -> None:
    view = by_hand()
    columns = {
        name: torch.from_numpy(getattr(view, name))
        for name in ("kind", "layer", "position", "activation", "logit_weight", "edge_index")
    }
    weight = torch.from_numpy(view.weight).float()
    for graph in (
        SimpleNamespace(**columns, direct_effect=weight),
        SimpleNamespace(**columns, mean=weight),
    ):
        np.testing.assert_array_equal(graph_view(graph).weight, view.weight)


def test_what_does_not_fit_is_refused() -> None:
    view = by_hand()
    with pytest.raises(GraphError, match="of another graph"):
        InfluenceGuide()(view, tree(larger()))
    with pytest.raises(GraphError, match="of another graph"):
        to_hetero(view, tree(larger()))
    columns = {name: getattr(view, name) for name in GraphView.__dataclass_fields__}
    with pytest.raises(GraphError, match="kind is unknown"):
        GraphView(**(columns | {"kind": np.array([0, 0, 0, 7])}))
    with pytest.raises(GraphError, match="names no node"):
        GraphView(**(columns | {"edge_index": np.array([[0], [4]]), "weight": np.ones(1)}))
