"""The part of a tree that is left when only some leaves are kept.

1. Count the kept leaves of every supernode; those with none go.
2. Walk from the root; a supernode with a single child left is replaced by it, one with at most
   `leaf_size` kept leaves is terminal.
3. Number what is left breadth first and list its leaves in the old order, by their new numbers.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from core.errors import NodeError


class TreeArrays(NamedTuple):
    """The arrays of a `Hierarchy` without its edges."""

    parent: Int[np.ndarray, " supernode"]
    start: Int[np.ndarray, " supernode"]
    stop: Int[np.ndarray, " supernode"]
    order: Int[np.ndarray, " node"]


def restricted(tree: TreeArrays, leaves: Int[np.ndarray, " kept"], leaf_size: int) -> TreeArrays:
    """The tree over `leaves`, renumbered so that leaf i is `leaves[i]`.

    Raises:
        NodeError: If `leaves` is empty, repeats one or names one that does not exist.
    """
    _check_leaves(leaves, len(tree.order))
    renumber = np.full(len(tree.order), -1, dtype=np.int64)
    renumber[leaves] = np.arange(len(leaves))
    order = renumber[tree.order]
    before = np.concatenate([[0], np.cumsum(order >= 0)])
    start, stop = before[tree.start], before[tree.stop]
    parent, kept = _walk(tree.parent, stop - start, leaf_size)
    return TreeArrays(parent, start[kept], stop[kept], order[order >= 0])


def restrict_edges(
    n: int, leaves: Int[np.ndarray, " kept"], edge_index: Int[np.ndarray, "2 edge"]
) -> tuple[Int[np.ndarray, "2 kept_edge"], Int[np.ndarray, " kept_edge"]]:
    """Edges with both ends in `leaves`, renumbered, and which of the edges they were."""
    renumber = np.full(n, -1, dtype=np.int64)
    renumber[leaves] = np.arange(len(leaves))
    ends = renumber[edge_index]
    kept = np.flatnonzero((ends >= 0).all(axis=0))
    return ends[:, kept], kept


def _walk(parent: np.ndarray, size: np.ndarray, leaf_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Breadth first over what is left: new parent of each, and its old id."""
    children: list[list[int]] = [[] for _ in parent]
    for child, above in enumerate(parent[1:].tolist(), start=1):
        if size[child]:
            children[above].append(child)

    def descend(supernode: int) -> int:
        while len(children[supernode]) == 1:
            supernode = children[supernode][0]
        return supernode

    kept, new_parent = [descend(0)], [-1]
    for place, supernode in enumerate(kept):  # grows while walked
        if size[supernode] > leaf_size:
            below = [descend(child) for child in children[supernode]]
            kept += below
            new_parent += [place] * len(below)
    return np.asarray(new_parent, dtype=np.int64), np.asarray(kept, dtype=np.int64)


def _check_leaves(leaves: np.ndarray, n: int) -> None:
    if len(leaves) == 0:
        raise NodeError(
            "A hierarchy cannot be restricted to no leaves: got 0; it needs one or more. "
            "Name the nodes to keep."
        )
    if leaves.min() < 0 or leaves.max() >= n:
        raise NodeError(
            f"A leaf to keep does not exist: got {leaves.min()} ... {leaves.max()}; leaves run "
            f"from 0 to {n - 1}. Choose among them."
        )
    if len(np.unique(leaves)) < len(leaves):
        raise NodeError(
            f"A leaf to keep is named twice: got {len(leaves)} names of {len(np.unique(leaves))} "
            "leaves; each may be named once. Remove the repeats."
        )
