"""How alike two nodes are, for cutting only; everything else keeps the signed directed W.

*Degree discounted* (Satuluri and Parthasarathy, EDBT 2011, alpha = beta = 1/2): two nodes are
alike if they write to the same targets and read from the same sources, where a target everybody
writes to counts little and a node that writes to everybody counts little:

    S = Do^-1/2 |W| Di^-1/2 |W|ᵀ Do^-1/2  +  Di^-1/2 |W|ᵀ Do^-1/2 |W| Di^-1/2

(W [source target]; Do and Di the sums of |W| out and in.) Both terms are squares, so S = M Mᵀ with
M = [Do^-1/2 |W| Di^-1/4, Di^-1/2 |W|ᵀ Do^-1/4], [node 2·node]. M has two entries per edge where S
would have one per two-step path (15 million on 16,384 nodes of 30 edges each), so S is written out
only inside small blocks. *Plain*: S = |W| + |W|ᵀ, which joins a node with its reader.

The diagonal of S is left out: a node being like itself says nothing about where to cut.

*Sites* (`with_sites`): nodes of one site (say, one layer and position) are alike too, all sites'
members by the same sum, as if each site were one more source that only its members read.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse
from scipy.sparse.csgraph import connected_components

AffinityKind = Literal["degree_discounted", "plain"]
"""Which of the two, see the module."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Affinity:
    """A symmetric, non-negative matrix S with an empty diagonal."""

    rows: sparse.csr_array
    """M, or S itself, see `kind`."""
    kind: Literal["factor", "matrix"]
    """`factor`: S = M Mᵀ without its diagonal; `matrix`: S is written out."""

    def within(self, members: Int[np.ndarray, " member"]) -> "Affinity":
        """S among some nodes, numbered as listed."""
        rows = self.rows[members]
        if self.kind == "factor":
            # A column that one row uses adds to the diagonal alone.
            uses = np.bincount(rows.indices, minlength=_width(rows))
            return Affinity(rows=_take_columns(rows, uses > 1), kind="factor")
        return Affinity(rows=sparse.csr_array(rows[:, members]), kind="matrix")

    def with_sites(self, site: Int[np.ndarray, " node"], weight: float) -> "Affinity":
        """S with likeness of sites added, `weight` times as much in all as S has."""
        n, of = len(site), np.unique(site, return_inverse=True)[1]
        size = np.bincount(of)
        at = sparse.csr_array((1 / np.sqrt(size[of]), (np.arange(n), of)), shape=(n, len(size)))
        pairs = n - len(size)  # Σ over sites of size (size - 1) / size
        if pairs == 0:
            return self
        whole = float(self.degree().sum()) or 1.0  # where nothing is alike, sites alone decide
        at = at * np.sqrt(weight * whole / pairs)
        if self.kind == "factor":
            return Affinity(rows=sparse.csr_array(sparse.hstack([self.rows, at])), kind="factor")
        added = sparse.csr_array(at @ at.T)
        added.setdiag(0.0)
        return Affinity(rows=sparse.csr_array(self.rows + added), kind="matrix")

    def dense(self) -> Float[np.ndarray, "node node"]:
        """S written out; for small blocks."""
        rows = self.rows.toarray()
        s = rows @ rows.T if self.kind == "factor" else rows
        np.fill_diagonal(s, 0.0)
        return s

    def degree(self) -> Float[np.ndarray, " node"]:
        """Row sums of S."""
        if self.kind == "matrix":
            return np.asarray(self.rows.sum(axis=1)).ravel()
        whole = self.rows @ np.asarray(self.rows.sum(axis=0)).ravel()
        return np.maximum(whole - self.diagonal(), 0.0)

    def diagonal(self) -> Float[np.ndarray, " node"]:
        """What M Mᵀ has on the diagonal and S has not; zero if S is written out."""
        if self.kind == "matrix":
            return np.zeros(len(self.rows.indptr) - 1)
        return np.asarray(self.rows.multiply(self.rows).sum(axis=1)).ravel()

    def components(self) -> Int[np.ndarray, " node"]:
        """Number of the connected component of each node."""
        graph, width = self.rows, _width(self.rows)
        n = len(graph.indptr) - 1
        if self.kind == "factor":  # rows and columns of M as the two sides of one graph
            indptr = np.concatenate([graph.indptr, np.full(width, graph.indptr[-1])])
            graph = sparse.csr_array((graph.data, graph.indices, indptr), shape=(n + width,) * 2)
        found = connected_components(graph, directed=True, connection="weak")[1][:n]
        return np.unique(found, return_inverse=True)[1]


def affinity(
    n: int,
    edge_index: Int[np.ndarray, "2 edge"],
    weight: Float[np.ndarray, " edge"],
    kind: AffinityKind,
) -> Affinity:
    """The affinity of a signed directed graph; parallel edges add up, loops do not count."""
    w = _absolute(n, edge_index, weight)
    if kind == "plain":
        return Affinity(rows=sparse.csr_array(w + w.T), kind="matrix")
    out = np.asarray(w.sum(axis=1)).ravel()
    into = np.asarray(w.sum(axis=0)).ravel()
    writes = _scaled(w, _power(out, -0.5), _power(into, -0.25))
    reads = _scaled(sparse.csr_array(w.T), _power(into, -0.5), _power(out, -0.25))
    return Affinity(rows=sparse.csr_array(sparse.hstack([writes, reads])), kind="factor")


def _width(rows: sparse.csr_array) -> int:
    assert rows.shape is not None  # scipy's stubs allow it
    return rows.shape[1]


def _absolute(n: int, edge_index: np.ndarray, weight: np.ndarray) -> sparse.csr_array:
    keep = (edge_index[0] != edge_index[1]) & (weight != 0)
    ends, w = edge_index[:, keep], np.abs(weight[keep]).astype(np.float64)
    matrix = sparse.coo_array((w, (ends[0], ends[1])), shape=(n, n))
    return sparse.csr_array(matrix)  # sums parallel edges


def _power(x: np.ndarray, exponent: float) -> np.ndarray:
    """x ** exponent, with 0 where x is 0."""
    return np.where(x > 0, np.power(x, exponent, where=x > 0, out=np.zeros_like(x)), 0.0)


def _scaled(w: sparse.csr_array, left: np.ndarray, right: np.ndarray) -> sparse.csr_array:
    data = w.data * np.repeat(left, np.diff(w.indptr)) * right[w.indices]
    return sparse.csr_array((data, w.indices, w.indptr), shape=(len(left), len(right)))


def _take_columns(rows: sparse.csr_array, keep: np.ndarray) -> sparse.csr_array:
    place = np.cumsum(keep) - 1
    entry = keep[rows.indices]
    before = np.concatenate([[0], np.cumsum(entry)])
    data, indices = rows.data[entry], place[rows.indices[entry]]
    shape = (len(rows.indptr) - 1, int(keep.sum()))
    return sparse.csr_array((data, indices, before[rows.indptr]), shape=shape)
