"""Measures of a partition: by hand, against networkx and plain sums, and their invariants."""

import networkx as nx
import numpy as np
import pytest

from core.hierarchy import Modularity, modularity
from core.hierarchy.affinity import affinity
from core.hierarchy.modularity import MEASURES, Blocks


def random_graph(n: int = 30, edges: int = 150, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.integers(n, size=(2, edges)), rng.standard_normal(edges)


def two_by_two() -> tuple[np.ndarray, np.ndarray]:
    """0, 1 write to 4, 5 and 2, 3 write to 6, 7: alike in pairs, and no pair feeds itself."""
    ends = np.array([[0, 0, 1, 1, 2, 2, 3, 3], [4, 5, 4, 5, 6, 7, 6, 7]])
    return ends, np.array([1.0, -1.0, 1.0, 1.0, 1.0, 1.0, -1.0, 1.0])


def by_plain_sums(labels: np.ndarray, ends: np.ndarray, weight: np.ndarray) -> Modularity:
    """The definitions, one pair of nodes at a time."""
    n, k = len(labels), int(labels.max()) + 1
    s = affinity(n, ends, weight, "degree_discounted").dense()
    total, degree = s.sum(), s.sum(axis=1)
    q = sum(
        s[i, j] / total - degree[i] * degree[j] / total**2
        for i in range(n)
        for j in range(n)
        if labels[i] == labels[j]
    )
    between = np.zeros((k, k))
    for a, b, w in zip(*ends, np.abs(weight), strict=True):
        between[labels[a], labels[b]] += w
    w, out, into = between.sum(), between.sum(axis=1), between.sum(axis=0)
    bits = sum(
        between[r, c] / w * np.log2(between[r, c] * w / (out[r] * into[c]))
        for r in range(k)
        for c in range(k)
        if between[r, c] > 0
    )
    inside = np.trace(between) / w
    return Modularity(
        clusters=k,
        newman=inside - out @ into / w**2,
        intra_share=inside,
        affinity_newman=q,
        block_bits=bits,
    )


def test_two_pairs_by_hand() -> None:
    # 0 -> 1 and 2 -> 3 weigh 3 in all, 1 -> 2 weighs 1: inside 3/4, expected (2·2 + 2·2) / 16.
    ends = np.array([[0, 2, 1], [1, 3, 2]])
    found = modularity(np.array([0, 0, 1, 1]), ends, np.array([1.0, -2.0, 1.0]))
    assert found.clusters == 2
    assert found.intra_share == pytest.approx(3 / 4)
    # Out of cluster 0: 1 + 1; of 1: 2. Into 0: 1; into 1: 2 + 1.
    assert found.newman == pytest.approx(3 / 4 - (2 * 1 + 2 * 3) / 16)
    # p = 1/4 and 1/4 from 0, 2/4 from 1; into 0 1/4, into 1 3/4.
    bits = np.log2(1 / 4 / (1 / 2 * 1 / 4)) / 4
    bits += np.log2(1 / 4 / (1 / 2 * 3 / 4)) / 4 + np.log2(1 / 2 / (1 / 2 * 3 / 4)) / 2
    assert found.block_bits == pytest.approx(bits)
    # No two nodes share a source or a target: nothing is alike.
    assert found.affinity_newman == 0.0


def test_alike_pairs_by_hand() -> None:
    """All eight nodes have one equal partner: S is four equal edges, each inside its cluster."""
    ends, weight = two_by_two()
    found = modularity(np.array([0, 0, 1, 1, 2, 2, 3, 3]), ends, weight)
    assert found.newman == pytest.approx(-0.0)
    assert found.intra_share == 0.0
    assert found.affinity_newman == pytest.approx(1 - 4 * (1 / 4) ** 2)
    # Half of the weight goes from cluster 0 to 2 and half from 1 to 3: the source tells one bit.
    assert found.block_bits == pytest.approx(1.0)


def test_both_equal_networkx() -> None:
    ends, weight = random_graph()
    labels = np.random.default_rng(1).integers(5, size=30)
    graph = nx.DiGraph()
    graph.add_nodes_from(range(30))
    for (source, target), w in zip(ends.T.tolist(), weight, strict=True):
        old = graph.get_edge_data(source, target, {"weight": 0.0})["weight"]
        graph.add_edge(source, target, weight=old + abs(w))
    groups = [set(np.flatnonzero(labels == k).tolist()) for k in range(5)]
    found = modularity(labels, ends, weight)
    expected = nx.community.modularity(graph, groups, weight="weight")
    assert found.newman == pytest.approx(expected)
    alike = nx.from_numpy_array(affinity(30, ends, weight, "degree_discounted").dense())
    expected = nx.community.modularity(alike, groups, weight="weight")
    assert found.affinity_newman == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(3))
def test_all_equal_plain_sums(seed: int) -> None:
    ends, weight = random_graph(n=20, seed=seed)
    labels = np.random.default_rng(seed).integers(4, size=20)
    found, expected = modularity(labels, ends, weight), by_plain_sums(labels, ends, weight)
    for name in MEASURES:
        assert getattr(found, name) == pytest.approx(getattr(expected, name), abs=1e-12)


def test_plain_affinity_written_out() -> None:
    """Of |W| + |W|ᵀ without loops, affinity Q is networkx's on that graph."""
    ends, weight = random_graph()
    labels = np.random.default_rng(1).integers(5, size=30)
    graph = nx.from_numpy_array(affinity(30, ends, weight, "plain").dense())
    groups = [set(np.flatnonzero(labels == k).tolist()) for k in range(5)]
    expected = nx.community.modularity(graph, groups, weight="weight")
    assert modularity(labels, ends, weight, "plain").affinity_newman == pytest.approx(expected)


def test_numbering_and_scale_do_not_matter() -> None:
    ends, weight = random_graph()
    rng = np.random.default_rng(2)
    labels, place, names = rng.integers(5, size=30), rng.permutation(30), rng.permutation(5)
    moved = np.empty(30, dtype=np.int64)
    moved[place] = names[labels]
    before, after = modularity(labels, ends, weight), modularity(moved, place[ends], -3 * weight)
    for name in MEASURES:
        assert getattr(after, name) == pytest.approx(getattr(before, name), abs=1e-12)


def test_finer_clusters_never_tell_less_and_merging_twice_is_merging_once() -> None:
    ends, weight = random_graph()
    nodes = Blocks.of(30, ends, weight, affinity(30, ends, weight, "degree_discounted"))
    fine = np.arange(30) % 10
    coarse = np.arange(10) % 3
    once, twice = (
        nodes.merged(coarse[fine]).measures(),
        nodes.merged(fine).merged(coarse).measures(),
    )
    for name in MEASURES:
        assert getattr(twice, name) == pytest.approx(getattr(once, name), abs=1e-12)
    assert once.block_bits < nodes.merged(fine).measures().block_bits < nodes.measures().block_bits


def test_no_weight_has_no_modularity() -> None:
    found = modularity(np.array([0, 1]), np.zeros((2, 0), dtype=np.int64), np.zeros(0))
    assert {getattr(found, name) for name in MEASURES} == {0.0}
