"""Cut a graph into a tree of supernodes, from the top down."""

import numpy as np
from jaxtyping import Float, Int

from core.hierarchy.settings import HierarchySettings
from core.hierarchy.tree import Hierarchy


def build_hierarchy(
    n: int,
    edge_index: Int[np.ndarray, "2 edge"],
    weight: Float[np.ndarray, " edge"],
    settings: HierarchySettings | None = None,
    *,
    site: Int[np.ndarray, " node"] | None = None,
) -> Hierarchy:
    """Cut a signed directed graph into a b-ary tree of supernodes.

    Args:
        n: Number of nodes, 1 or more; they are the leaves 0 ... n - 1.
        edge_index: Row 0 source, row 1 target.
        weight: Signed direct effect of each edge.
        settings: Defaults if None.
        site: A label per node, e.g. of its (layer, position); needed for `group_first="site"`.

    Raises:
        GraphError: If an edge names no node or a weight is not finite.
        SettingsError: If `group_first="site"` and there is no `site`.
    """
    raise NotImplementedError


def random_tree(
    n: int,
    edge_index: Int[np.ndarray, "2 edge"],
    weight: Float[np.ndarray, " edge"],
    settings: HierarchySettings | None = None,
) -> Hierarchy:
    """A balanced tree of the same shape that knows nothing of the graph: the control."""
    raise NotImplementedError
