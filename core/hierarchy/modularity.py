"""How much structure a partition of the nodes shows. Four numbers that answer different questions.

With w_rs the |W| from cluster r to cluster s, w their sum, out_r and in_r the row and column sums:

* *Newman Q* (directed; Leicht and Newman 2008), Σ_r (w_rr / w - out_r in_r / w²): do nodes of one
  cluster feed each other? Supernodes hold nodes that are *alike*, and in a graph whose edges run
  upwards alike nodes stand side by side: an excellent tree may score 0 here.
* *Intra share* Σ_r w_rr / w: what the HAGD paper calls modularity; it rises with cluster size.
* *Affinity Q*: Newman's Q (2006) of the affinity graph S that the tree is cut from (`affinity`),
  Σ_r (s_rr / s - (d_r / s)²) with d the degrees in S: are nodes of one cluster alike, that is, do
  they have the same sources and the same targets, beyond what their degrees make likely?
* *Block bits* Σ_rs w_rs / w log2(w_rs w / (out_r in_s)): what knowing the cluster of an edge's
  source tells about the cluster of its target, in bits. It is the log-likelihood that the
  degree-corrected stochastic block model (Karrer and Newman 2011) gains on the configuration model,
  per unit of weight: does the small graph of supernodes tell where the edges of the large one go?
  At most log2 of the number of clusters; a finer partition never has less.

All of them come from sums over clusters (`Blocks`), and sums over coarser clusters from finer ones.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse

from core.hierarchy.affinity import Affinity, AffinityKind, affinity


@dataclass(frozen=True, slots=True, kw_only=True)
class Modularity:
    """The four numbers of one partition, see the module; 0 without any weight."""

    clusters: int
    """Clusters in it."""
    newman: float
    """Directed Newman Q of |W|, at most 1."""
    intra_share: float
    """Share of |W| inside clusters, in [0, 1]."""
    affinity_newman: float
    """Newman Q of the affinity graph, at most 1."""
    block_bits: float
    """Mutual information of an edge's source and target cluster, in bits."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Blocks:
    """Sums over the clusters of a partition, from which every measure follows."""

    between: sparse.csr_array
    """Σ |w| from every cluster to every cluster, [source target]."""
    alike: sparse.csr_array
    """Rows of M, or rows and columns of S, added up within clusters (see `Affinity`)."""
    own: Float[np.ndarray, " cluster"]
    """What `alike` holds too much: of M Mᵀ the diagonal, added up within clusters."""
    degree: Float[np.ndarray, " cluster"]
    """Row sums of S, added up within clusters."""
    factor: bool
    """Whether `alike` is of M."""

    @classmethod
    def of(
        cls,
        n: int,
        edge_index: Int[np.ndarray, "2 edge"],
        weight: Float[np.ndarray, " edge"],
        alike: Affinity,
    ) -> "Blocks":
        """Every node a cluster of its own; `alike` is their affinity."""
        ends = (edge_index[0], edge_index[1])
        between = sparse.coo_array((np.abs(weight).astype(np.float64), ends), shape=(n, n))
        return cls(
            between=sparse.csr_array(between),
            alike=alike.rows,
            own=alike.diagonal(),
            degree=alike.degree(),
            factor=alike.kind == "factor",
        )

    def merged(self, labels: Int[np.ndarray, " cluster"]) -> "Blocks":
        """Clusters with one label made one."""
        k, n = int(labels.max()) + 1, len(labels)
        join = sparse.csr_array((np.ones(n), (labels, np.arange(n))), shape=(k, n))
        alike = sparse.csr_array(join @ self.alike)
        return Blocks(
            between=sparse.csr_array(join @ self.between @ join.T),
            alike=alike if self.factor else sparse.csr_array(alike @ join.T),
            own=join @ self.own,
            degree=join @ self.degree,
            factor=self.factor,
        )

    def measures(self) -> Modularity:
        """The four numbers."""
        total, k = float(self.between.data.sum()), len(self.degree)
        out, into = self.between @ np.ones(k), self.between.T @ np.ones(k)
        if total == 0:
            return Modularity(clusters=len(out), **dict.fromkeys(MEASURES, 0.0))
        inside = float(self.between.diagonal().sum()) / total
        return Modularity(
            clusters=len(out),
            newman=float(inside - out @ into / total**2),
            intra_share=float(inside),
            affinity_newman=self._affinity_newman(),
            block_bits=self._block_bits(total, out, into),
        )

    def _affinity_newman(self) -> float:
        whole = float(self.degree.sum())
        if whole <= 0:  # no two nodes share a source or a target
            return 0.0
        squares = float(self.alike.data @ self.alike.data) - float(self.own.sum())
        inside = squares if self.factor else float(self.alike.diagonal().sum())
        return inside / whole - float(((self.degree / whole) ** 2).sum())

    def _block_bits(self, total: float, out: np.ndarray, into: np.ndarray) -> float:
        edges = self.between.tocoo()
        some = edges.data > 0
        w, row, col = edges.data[some], edges.row[some], edges.col[some]
        bits = np.log2(w * total / (out[row] * into[col]))
        return max(float(w @ bits) / total, 0.0)


MEASURES = ("newman", "intra_share", "affinity_newman", "block_bits")
"""Fields of `Modularity` that measure."""


def modularity(
    labels: Int[np.ndarray, " node"],
    edge_index: Int[np.ndarray, "2 edge"],
    weight: Float[np.ndarray, " edge"],
    kind: AffinityKind = "degree_discounted",
) -> Modularity:
    """The four numbers of a partition of a graph, on |weight|.

    Source:
        Newman Q equals networkx's, affinity Q networkx's on S written out
        (tests/core/hierarchy/test_modularity.py::test_both_equal_networkx).
    """
    alike = affinity(len(labels), edge_index, weight, kind)
    return Blocks.of(len(labels), edge_index, weight, alike).merged(labels).measures()
