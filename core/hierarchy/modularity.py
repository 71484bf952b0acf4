"""How modular a partition is, beside its controls.

Two numbers that are easily taken for one another:
*directed Newman Q* = Σ_c (w_cc / w - out_c in_c / w²) over clusters c, w the sum of |W|;
*intra share* = Σ_c w_cc / w, what the HAGD paper calls modularity; it rises with cluster size.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from core.hierarchy.tree import Hierarchy


@dataclass(frozen=True, slots=True, kw_only=True)
class Modularity:
    """Both numbers of one partition."""

    clusters: int
    """Clusters in it."""
    newman: float
    """Directed Newman Q of |W|, at most 1."""
    intra_share: float
    """Share of |W| inside clusters, in [0, 1]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModularityReport:
    """A level of a hierarchy beside two controls with as many clusters."""

    hierarchy: Modularity
    """The level asked for."""
    random: Modularity
    """Mean over random partitions with the same cluster sizes."""
    louvain: Modularity | None
    """Louvain brought to the same number of clusters; None if the graph is too large for it."""


LOUVAIN_EDGES = 20_000
"""Above this networkx takes minutes."""


def modularity(
    labels: Int[np.ndarray, " node"],
    edge_index: Int[np.ndarray, "2 edge"],
    weight: Float[np.ndarray, " edge"],
) -> Modularity:
    """Directed Newman Q and intra share of a partition, on |weight|; both 0 without any weight.

    Source:
        Leicht and Newman 2008, Community structure in directed networks. Equals networkx's
        (tests/core/hierarchy/test_modularity.py::test_newman_equals_networkx).
    """
    between = _between(labels, edge_index, weight)
    total = between.sum()
    if total == 0:
        return Modularity(clusters=len(between), newman=0.0, intra_share=0.0)
    inside = np.trace(between) / total
    expected = (between.sum(axis=1) @ between.sum(axis=0)) / total**2
    return Modularity(
        clusters=len(between), newman=float(inside - expected), intra_share=float(inside)
    )


def modularity_report(
    hierarchy: Hierarchy, level: int, *, draws: int = 20, seed: int = 0
) -> ModularityReport:
    """A level of a hierarchy, random partitions of the same sizes, and Louvain.

    Args:
        hierarchy: Its own edges are used.
        level: Which level, see `Hierarchy.level`.
        draws: Random partitions to average over.
        seed: Of the random partitions and of Louvain.
    """
    labels, ends, w = hierarchy.labels(level), hierarchy.edge_index, hierarchy.weight
    rng = np.random.default_rng(seed)
    random = [modularity(rng.permutation(labels), ends, w) for _ in range(draws)]
    found = _louvain(hierarchy, int(labels.max()) + 1, seed) if w.size <= LOUVAIN_EDGES else None
    return ModularityReport(
        hierarchy=modularity(labels, ends, w),
        random=Modularity(
            clusters=random[0].clusters,
            newman=float(np.mean([m.newman for m in random])),
            intra_share=float(np.mean([m.intra_share for m in random])),
        ),
        louvain=None if found is None else modularity(found, ends, w),
    )


def _between(labels: np.ndarray, edge_index: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Σ |w| from every cluster to every cluster, [source target]."""
    k = int(labels.max()) + 1
    pair = labels[edge_index[0]] * k + labels[edge_index[1]]
    return np.bincount(pair, np.abs(weight), minlength=k * k).reshape(k, k)


def _louvain(hierarchy: Hierarchy, clusters: int, seed: int) -> np.ndarray:
    """Louvain with the least resolution that gives enough clusters, merged down to as many."""
    # Imported here: it takes a quarter of a second that opening the app should not.
    import networkx as nx

    graph = nx.DiGraph()
    graph.add_nodes_from(range(hierarchy.n_leaves))
    for source, target, w in zip(*hierarchy.edge_index, np.abs(hierarchy.weight), strict=True):
        known = graph.get_edge_data(int(source), int(target), {"weight": 0.0})["weight"]
        graph.add_edge(int(source), int(target), weight=known + float(w))
    low, high, best = -3.0, 3.0, np.arange(hierarchy.n_leaves)
    for _ in range(10):
        middle = (low + high) / 2
        found = nx.community.louvain_communities(graph, resolution=10**middle, seed=seed)
        if len(found) >= clusters:
            high, best = middle, _labels(found, hierarchy.n_leaves)
        else:
            low = middle
    return _merged(best, clusters, hierarchy)


def _labels(communities: list[set[int]], n: int) -> np.ndarray:
    labels = np.zeros(n, dtype=np.int64)
    for number, members in enumerate(communities):
        labels[list(members)] = number
    return labels


def _merged(labels: np.ndarray, clusters: int, hierarchy: Hierarchy) -> np.ndarray:
    """Merge the two clusters that gain most Newman Q, until there are few enough."""
    between = _between(labels, hierarchy.edge_index, hierarchy.weight)
    between /= max(between.sum(), 1e-300)
    while len(between) > clusters:
        expected = np.outer(between.sum(axis=1), between.sum(axis=0))
        gain = between + between.T - expected - expected.T
        np.fill_diagonal(gain, -np.inf)
        keep, gone = sorted(np.unravel_index(gain.argmax(), gain.shape))
        between[keep] += between[gone]
        between[:, keep] += between[:, gone]
        between = np.delete(np.delete(between, gone, axis=0), gone, axis=1)
        labels = np.where(labels == gone, keep, labels)
        labels = labels - (labels > gone)
    return labels
