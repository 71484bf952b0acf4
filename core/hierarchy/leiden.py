"""Leiden's communities of a directed graph: the best Newman Q that a partition is likely to have.

Traag, Waltman and van Eck 2019, on the directed Q of Leicht and Newman 2008 with a resolution g:

1. Move: take nodes from a queue; each goes to the neighbouring community that gains most,

       w_ic + w_ci - g (out_i in_c + in_i out_c) / w,

   and its neighbours elsewhere are queued again. Until the queue is empty.
2. Refine: inside each community start again from single nodes, which may only join what they are
   linked to; so communities stay connected. (The best gain is taken where Leiden draws one.)
3. Aggregate the refined communities to nodes, which start in the communities of 1, and repeat
   until no community holds more than one node.
4. For a given number of clusters: raise the resolution until there are enough, then merge the two
   clusters that lose least Q until there are not more.

Every visit is a few array operations on the node's neighbours: much faster than dictionaries on
attribution graphs, whose nodes have hundreds of neighbours.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse

SMALLEST_GAIN = 1e-12
"""Moves that gain less, as a share of all weight, are rounding."""
RAISES = 12
"""Times the resolution is doubled at most to find enough communities."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Graph:
    """Weights both ways added up; and what leaves and enters each node, its own loop included."""

    links: sparse.csr_array
    out: np.ndarray
    into: np.ndarray
    pull: float
    """Resolution over the sum of all weights."""

    def aggregate(self, labels: np.ndarray) -> "_Graph":
        k, n = int(labels.max()) + 1, len(labels)
        join = sparse.csr_array((np.ones(n), (labels, np.arange(n))), shape=(k, n))
        links = _without_loops(sparse.csr_array(join @ self.links @ join.T))
        return _Graph(links=links, out=join @ self.out, into=join @ self.into, pull=self.pull)


def leiden(
    n: int,
    edge_index: Int[np.ndarray, "2 edge"],
    weight: Float[np.ndarray, " edge"],
    *,
    resolution: float = 1.0,
    seed: int = 0,
) -> Int[np.ndarray, " node"]:
    """The community of each node, on |weight|; numbered 0, 1, ... without gaps."""
    w = sparse.coo_array((np.abs(weight).astype(np.float64), tuple(edge_index)), shape=(n, n))
    total = max(float(w.sum()), 1e-300)
    w = sparse.csr_array(w) / total
    links = _without_loops(sparse.csr_array(w + w.T))
    graph = _Graph(links=links, out=w.sum(axis=1), into=w.sum(axis=0), pull=resolution)
    rng = np.random.default_rng(seed)
    of, labels = np.arange(n), np.arange(n)
    while True:
        labels = _compact(_move(graph, labels, rng))
        if labels.max() + 1 == len(labels):
            return labels[of]
        refined = _compact(_refine(graph, labels, rng))
        if refined.max() + 1 == len(refined):  # nothing may be joined: stop where moving stopped
            return labels[of]
        above = np.zeros(refined.max() + 1, dtype=np.int64)
        above[refined] = labels
        graph, of, labels = graph.aggregate(refined), refined[of], above


def leiden_of_size(
    n: int,
    edge_index: Int[np.ndarray, "2 edge"],
    weight: Float[np.ndarray, " edge"],
    clusters: int,
    *,
    seed: int = 0,
) -> Int[np.ndarray, " node"]:
    """Leiden brought to a number of clusters (to fewer if the graph does not give as many).

    Nodes without edges count in no measure; they are put into the first cluster.
    """
    some = weight != 0
    linked, ends = np.unique(edge_index[:, some], return_inverse=True)
    labels = np.zeros(n, dtype=np.int64)
    if len(linked):
        ends = ends.reshape(2, -1)
        labels[linked] = _of_size(len(linked), ends, np.abs(weight[some]), clusters, seed)
    return labels


def _of_size(
    n: int, edge_index: np.ndarray, weight: np.ndarray, clusters: int, seed: int
) -> np.ndarray:
    """Finer and finer communities until there are enough, then the closest ones joined."""
    labels = np.zeros(n, dtype=np.int64)
    for step in range(RAISES):
        labels = leiden(n, edge_index, weight, resolution=2.0**step, seed=seed)
        if labels.max() + 1 >= clusters:
            break
    return _merged(labels, edge_index, weight, clusters)


def _move(graph: _Graph, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    labels, n = labels.copy(), len(labels)
    out, into = np.bincount(labels, graph.out, n), np.bincount(labels, graph.into, n)
    queue, queued = deque(rng.permutation(n).tolist()), np.ones(n, dtype=bool)
    while queue:
        node = queue.popleft()
        queued[node] = False
        near, link = _neighbours(graph, node)
        old = int(labels[node])
        out[old] -= graph.out[node]
        into[old] -= graph.into[node]
        choices, gain = _gains(graph, node, labels[near], link, out, into)
        stay = gain[choices == old].max(initial=_lone(graph, node, old, out, into))
        best = int(gain.argmax()) if len(gain) else 0
        new = int(choices[best]) if len(gain) and gain[best] > stay + SMALLEST_GAIN else old
        labels[node] = new
        out[new] += graph.out[node]
        into[new] += graph.into[node]
        if new != old:
            again = near[(labels[near] != new) & ~queued[near]]
            queued[again] = True
            queue.extend(again.tolist())
    return labels


def _refine(graph: _Graph, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    n = len(labels)
    refined, size = np.arange(n), [1] * n
    out, into = graph.out.copy(), graph.into.copy()
    for node in rng.permutation(n).tolist():
        if size[refined[node]] > 1:
            continue
        near, link = _neighbours(graph, node)
        same = labels[near] == labels[node]
        choices, gain = _gains(graph, node, refined[near[same]], link[same], out, into)
        if not len(gain) or gain.max() <= SMALLEST_GAIN:
            continue
        new = int(choices[gain.argmax()])  # its old group, the node alone, is gone for good
        refined[node] = new
        size[new] += 1
        out[new] += graph.out[node]
        into[new] += graph.into[node]
    return refined


def _gains(
    graph: _Graph,
    node: int,
    groups: np.ndarray,
    link: np.ndarray,
    out: np.ndarray,
    into: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """The groups around a node, and what it gains by joining each; `node` is in none of them."""
    linked = np.bincount(groups, link)
    choices = np.flatnonzero(linked > 0)
    expected = graph.out[node] * into[choices] + graph.into[node] * out[choices]
    return choices, linked[choices] - graph.pull * expected


def _lone(graph: _Graph, node: int, old: int, out: np.ndarray, into: np.ndarray) -> float:
    """What staying gains where a node has no link into its own group."""
    return -graph.pull * float(graph.out[node] * into[old] + graph.into[node] * out[old])


def _neighbours(graph: _Graph, node: int) -> tuple[np.ndarray, np.ndarray]:
    first, last = graph.links.indptr[node], graph.links.indptr[node + 1]
    return graph.links.indices[first:last], graph.links.data[first:last]


def _merged(
    labels: np.ndarray, edge_index: np.ndarray, weight: np.ndarray, clusters: int
) -> np.ndarray:
    k = int(labels.max()) + 1
    pair = labels[edge_index[0]] * k + labels[edge_index[1]]
    between = np.bincount(pair, weight, minlength=k * k).reshape(k, k)
    between = between / max(between.sum(), 1e-300)
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


def _without_loops(links: sparse.csr_array) -> sparse.csr_array:
    links.setdiag(0.0)
    links.eliminate_zeros()
    return links


def _compact(labels: np.ndarray) -> np.ndarray:
    return np.unique(labels, return_inverse=True)[1]
