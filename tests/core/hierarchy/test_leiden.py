"""Leiden: planted communities, networkx's Louvain as a bar, connected communities, large graphs."""

import networkx as nx
import numpy as np
import pytest

from core.hierarchy import leiden, leiden_of_size, modularity


def planted(n: int = 64, groups: int = 4, edges: int = 1200, inside: float = 0.9, seed: int = 0):
    rng = np.random.default_rng(seed)
    size, source = n // groups, rng.integers(n, size=edges)
    near = source // size * size + rng.integers(size, size=edges)
    target = np.where(rng.random(edges) < inside, near, rng.integers(n, size=edges))
    return np.stack([source, target]), rng.standard_normal(edges), np.arange(n) // size


def directed(n: int, ends: np.ndarray, weight: np.ndarray) -> nx.DiGraph:
    graph = nx.DiGraph()
    graph.add_nodes_from(range(n))
    for (source, target), w in zip(ends.T.tolist(), np.abs(weight), strict=True):
        old = graph.get_edge_data(source, target, {"weight": 0.0})["weight"]
        graph.add_edge(source, target, weight=old + float(w))
    return graph


def test_planted_communities_are_found() -> None:
    ends, weight, truth = planted()
    labels = leiden(64, ends, weight)
    pairs = {(int(a), int(b)) for a, b in zip(labels, truth, strict=True)}
    assert len(pairs) == 4


@pytest.mark.parametrize("inside", [0.0, 0.5])
def test_no_worse_than_louvain_of_networkx(inside: float) -> None:
    ends, weight, _ = planted(edges=500, inside=inside)
    graph = directed(64, ends, weight)
    mine, theirs = [], []
    for seed in range(5):
        mine.append(modularity(leiden(64, ends, weight, seed=seed), ends, weight).newman)
        found = nx.community.louvain_communities(graph, seed=seed)
        theirs.append(nx.community.modularity(graph, found))
    assert np.mean(mine) > np.mean(theirs) - 0.005


def test_communities_are_connected() -> None:
    ends, weight, _ = planted(edges=300, inside=0.5)
    labels = leiden(64, ends, weight)
    graph = directed(64, ends, weight)
    for label in range(labels.max() + 1):
        members = np.flatnonzero(labels == label).tolist()
        assert nx.is_connected(graph.subgraph(members).to_undirected())


@pytest.mark.parametrize("clusters", [2, 4, 7, 20])
def test_as_many_clusters_as_asked_for(clusters: int) -> None:
    ends, weight, _ = planted()
    labels = leiden_of_size(64, ends, weight, clusters)
    assert np.unique(labels).tolist() == list(range(clusters))


def test_unlinked_nodes_change_no_cluster_and_cost_no_time() -> None:
    ends, weight, _ = planted()
    want = leiden_of_size(64, ends, weight, 4)
    got = leiden_of_size(20_064, ends + 20_000, weight, 4)  # one by one they took minutes
    assert got[20_000:].tolist() == want.tolist()
    assert set(got[:20_000].tolist()) == {0}


def test_unlinked_nodes_stay_alone() -> None:
    labels = leiden(4, np.array([[0, 1], [1, 0]]), np.ones(2))
    assert labels[0] == labels[1]
    assert len(set(labels.tolist())) == 3


def test_a_graph_without_edges_has_single_nodes() -> None:
    assert leiden(3, np.zeros((2, 0), dtype=np.int64), np.zeros(0)).tolist() == [0, 1, 2]


def test_a_hundred_thousand_edges_are_not_too_many() -> None:
    """The bound above which there was no comparison at all was 20,000."""
    ends, weight, truth = planted(n=512, edges=100_000, inside=0.5)
    labels = leiden_of_size(512, ends, weight, 4)
    best = modularity(truth, ends, weight).newman
    assert modularity(labels, ends, weight).newman > best - 1e-9
