"""Where each node of a block stands: its row in the top eigenvectors of the normalised affinity.

For a block with affinity S and degrees d = S 1 + tau · mean: the k eigenvectors of
N = d^-1/2 S d^-1/2 with the *largest* eigenvalues (those of the normalised Laplacian with the
smallest), every row then brought to length 1 (Ng, Jordan and Weiss 2001; tau as Qin and Rohe 2013).

* Large blocks: `eigsh(which="LA")`. Shift-invert was rejected: on such expander-like graphs its
  factorisation fills in and takes a thousand times longer.
* Small blocks: many dense ones of one size at a time through one batched `eigh`.
"""

import numpy as np
from jaxtyping import Bool, Float
from scipy import sparse
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

from core.hierarchy.affinity import Affinity


def embed_large(
    block: Affinity, k: int, tau: float, rng: np.random.Generator
) -> tuple[Float[np.ndarray, "node k"], Float[np.ndarray, " node"]]:
    """Rows of the top k eigenvectors of one block, and its degrees.

    Loosely converged: k-means needs the subspace to a few digits, not the eigenvalues.
    """
    degree = block.degree()
    operator = _Normalised(block, degree + tau * degree.mean())
    start = rng.standard_normal(len(degree))
    tol = 1e-2
    try:
        options = {"v0": start, "tol": tol, "ncv": max(4 * k, 16), "rng": rng}
        vectors = eigsh(operator, k=k, which="LA", **options)[1]
    except ArpackNoConvergence:
        vectors = _subspace_iteration(operator, k, rng)
    return _unit_rows(vectors[:, ::-1]), degree


def embed_small(
    s: Float[np.ndarray, "block node node"],
    valid: Bool[np.ndarray, "block node"],
    k: int,
    tau: float,
) -> tuple[Float[np.ndarray, "block node k"], Float[np.ndarray, "block node"]]:
    """The same for many padded blocks at once; rows that are not `valid` are padding."""
    degree = s.sum(axis=2)
    mean = degree.sum(axis=1, keepdims=True) / valid.sum(axis=1, keepdims=True)
    scale = 1 / np.sqrt(np.where(valid, degree + tau * mean, 1.0))
    matrix = s * scale[:, :, None] * scale[:, None, :]
    # Eigenvalues of N lie in [-1, 1]: padding at -2 is never among the top ones.
    diagonal = np.arange(s.shape[1])
    matrix[:, diagonal, diagonal] = np.where(valid, 0.0, -2.0)
    vectors = np.linalg.eigh(matrix)[1][:, :, ::-1][:, :, :k]
    return _unit_rows(vectors), degree


class _Normalised(LinearOperator):
    """N = d^-1/2 S d^-1/2 as products with M, or with S where that is written out."""

    def __init__(self, block: Affinity, degree: np.ndarray) -> None:
        """Scale the rows once, so that each product is two sparse ones."""
        n = len(degree)
        super().__init__(np.dtype(np.float64), (n, n))
        scale = 1 / np.sqrt(degree)
        rows = sparse.diags_array(scale) @ block.rows
        factor = block.kind == "factor"
        self.rows = sparse.csr_array(rows if factor else rows @ sparse.diags_array(scale))
        self.across = sparse.csr_array(rows.T) if factor else None
        self.own = block.diagonal() / degree

    def _matvec(self, x: np.ndarray) -> np.ndarray:
        x = x.ravel()
        return self.rows @ x if self.across is None else self._through(x)

    def _through(self, x: np.ndarray) -> np.ndarray:
        return self.rows @ (self.across @ x) - self.own * x


def _subspace_iteration(operator: _Normalised, k: int, rng: np.random.Generator) -> np.ndarray:
    """A plain fallback that always ends; N + 1 makes the largest eigenvalues the dominant ones."""
    basis = rng.standard_normal((operator.shape[0], k))
    for _ in range(100):
        basis = np.linalg.qr(np.asarray(operator @ basis) + basis)[0]
    values, rotation = np.linalg.eigh(basis.T @ np.asarray(operator @ basis))
    return basis @ rotation[:, np.argsort(values)]


def _unit_rows(vectors: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.maximum(length, 1e-12)
