"""Modularity: by hand, against networkx, beside its controls."""

import networkx as nx
import numpy as np
import pytest

from core.hierarchy import build_hierarchy, modularity, modularity_report


def test_two_pairs_by_hand() -> None:
    # 0 -> 1 and 2 -> 3 weigh 3 in all, 1 -> 2 weighs 1: inside 3/4, expected (2·2 + 2·2) / 16.
    ends = np.array([[0, 2, 1], [1, 3, 2]])
    found = modularity(np.array([0, 0, 1, 1]), ends, np.array([1.0, -2.0, 1.0]))
    assert found.clusters == 2
    assert found.intra_share == pytest.approx(3 / 4)
    # Out of cluster 0: 1 + 1; of 1: 2. Into 0: 1; into 1: 2 + 1.
    assert found.newman == pytest.approx(3 / 4 - (2 * 1 + 2 * 3) / 16)


def test_newman_equals_networkx() -> None:
    rng = np.random.default_rng(0)
    ends, weight = rng.integers(30, size=(2, 150)), rng.standard_normal(150)
    labels = rng.integers(5, size=30)
    graph = nx.DiGraph()
    graph.add_nodes_from(range(30))
    for (source, target), w in zip(ends.T.tolist(), weight, strict=True):
        old = graph.get_edge_data(source, target, {"weight": 0.0})["weight"]
        graph.add_edge(source, target, weight=old + abs(w))
    groups = [set(np.flatnonzero(labels == k).tolist()) for k in range(5)]
    expected = nx.community.modularity(graph, groups, weight="weight")
    assert modularity(labels, ends, weight).newman == pytest.approx(expected)


def test_no_weight_has_no_modularity() -> None:
    found = modularity(np.array([0, 1]), np.zeros((2, 0), dtype=np.int64), np.zeros(0))
    assert (found.newman, found.intra_share) == (0.0, 0.0)


def test_report_sets_a_modular_graph_apart_from_chance_and_near_louvain() -> None:
    rng = np.random.default_rng(0)
    source = rng.integers(64, size=1200)
    inside = rng.random(1200) < 0.9
    target = np.where(inside, source // 16 * 16 + rng.integers(16, size=1200), rng.integers(64))
    tree = build_hierarchy(64, np.stack([source, target]), rng.standard_normal(1200))
    report = modularity_report(tree, 1)
    assert report.louvain is not None
    assert report.hierarchy.clusters == report.random.clusters == report.louvain.clusters == 4
    assert report.hierarchy.newman > 0.95 * report.louvain.newman > 0.5
    assert abs(report.random.newman) < 0.05
    assert report.random.intra_share == pytest.approx(0.25, abs=0.05)
