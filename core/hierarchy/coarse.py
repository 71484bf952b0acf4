"""Edges between groups of nodes, kept as three aggregates.

A signed sum alone cancels: a supernode that excites through one member and inhibits through
another would show no edge. So Σ w, Σ |w| and the signed weight of the single largest edge are kept.

1. Give every node the number of its group, or none.
2. Drop edges with an end in no group; key the others by (source group, target group).
3. Aggregate by key; pairs with equal ends are reported per group as `inside_*`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CoarseEdges:
    """Directed edges between groups, sorted by source then target, no group with itself."""

    source: Int[np.ndarray, " coarse"]
    """Place of the source group in the list of groups asked for."""
    target: Int[np.ndarray, " coarse"]
    """Place of the target group in the list of groups asked for."""
    total: Float[np.ndarray, " coarse"]
    """Σ w, signed."""
    total_abs: Float[np.ndarray, " coarse"]
    """Σ |w|."""
    peak: Float[np.ndarray, " coarse"]
    """Signed weight of the edge with the largest |w|."""
    count: Int[np.ndarray, " coarse"]
    """Fine edges in the coarse one."""
    inside_total: Float[np.ndarray, " group"]
    """Σ w of the edges within each group."""
    inside_abs: Float[np.ndarray, " group"]
    """Σ |w| of the edges within each group."""


def aggregate(
    n: int,
    edge_index: Int[np.ndarray, "2 edge"],
    weight: Float[np.ndarray, " edge"],
    groups: Sequence[Int[np.ndarray, " _"]],
) -> CoarseEdges:
    """Aggregate the edges among disjoint groups of the nodes 0 ... n - 1.

    Args:
        n: Number of nodes.
        edge_index: Row 0 source, row 1 target.
        weight: Signed direct effect of each edge.
        groups: Node indices of each group; nodes in none are left out with their edges.
    """
    of = np.full(n, -1, dtype=np.int64)
    for number, members in enumerate(groups):
        of[members] = number
    source, target = of[edge_index[0]], of[edge_index[1]]
    known = (source >= 0) & (target >= 0)
    source, target, w = source[known], target[known], weight[known].astype(np.float64)
    inside = source == target
    size = len(groups)
    return CoarseEdges(
        **_by_pair(source[~inside], target[~inside], w[~inside], size),
        inside_total=_sums(source[inside], w[inside], size),
        inside_abs=_sums(source[inside], np.abs(w[inside]), size),
    )


def _by_pair(
    source: np.ndarray, target: np.ndarray, w: np.ndarray, size: int
) -> dict[str, np.ndarray]:
    key, inverse = np.unique(source * size + target, return_inverse=True)
    largest_last = np.lexsort((np.abs(w), inverse))
    count = np.bincount(inverse, minlength=len(key))
    return {
        "source": key // max(size, 1),
        "target": key % max(size, 1),
        "total": _sums(inverse, w, len(key)),
        "total_abs": _sums(inverse, np.abs(w), len(key)),
        "peak": w[largest_last[np.cumsum(count) - 1]],
        "count": count,
    }


def _sums(index: np.ndarray, w: np.ndarray, size: int) -> np.ndarray:
    # Without any entry bincount forgets that w is a float.
    return np.bincount(index, w, minlength=size).astype(np.float64)
