"""Cut a graph into a tree of supernodes, from the top down.

1. The strongest edges; a dense graph has more than its tree needs.
2. Affinity of every two nodes (`affinity`), from |W|. Nodes that are no leaves may take part as
   *context*: features that read the same tokens are alike, though tokens are in no supernode.
3. Level by level, every supernode with more than `leaf_size` nodes is split into b children, none
   larger than `max_child` of it (`split`): normalised cuts (Shi and Malik 2000) on the block alone.
   The first level may be given instead, by site.
4. Children are put in the order of their members' mean number (graphs are numbered by layer and
   position, so names then run with the model), and supernodes numbered breadth first.

Depth is at most log(n / leaf_size) / log(1 / max_child), and near log_b(n / leaf_size) in practice.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from core.errors import GraphError, SettingsError
from core.hierarchy.affinity import affinity
from core.hierarchy.settings import HierarchySettings
from core.hierarchy.split import Block, child_count, split_level
from core.hierarchy.tree import Hierarchy


def build_hierarchy(
    n: int,
    edge_index: Int[np.ndarray, "2 edge"],
    weight: Float[np.ndarray, " edge"],
    settings: HierarchySettings | None = None,
    *,
    site: Int[np.ndarray, " node"] | None = None,
    context: int = 0,
) -> Hierarchy:
    """Cut a signed directed graph into a b-ary tree of supernodes.

    Args:
        n: Number of nodes, 1 or more; they are the leaves 0 ... n - 1.
        edge_index: Row 0 source, row 1 target.
        weight: Signed direct effect of each edge.
        settings: Defaults if None.
        site: A label per node, e.g. of its (layer, position); needed for `site_weight` and for
            `group_first="site"`, which puts one supernode per label on the first level.
        context: Nodes n ... n + context - 1 may be ends of edges too. They are no leaves, but what
            the leaves read from them and write to them makes leaves alike.

    Raises:
        GraphError: If an edge names no node or a weight is not finite.
        SettingsError: If a setting asks for sites and there is no label for every node.
    """
    settings = settings or HierarchySettings()
    _check_graph(n + context, edge_index, weight)
    _check_sites(n, settings, site)
    sites = _first_level(settings, site)
    edge_index, weight = _strongest(edge_index, weight, settings.edges)
    rng = np.random.default_rng(settings.seed)
    whole = affinity(n + context, edge_index, weight, settings.affinity)
    if context:
        whole = whole.within(np.arange(n))
    if site is not None and settings.site_weight > 0:
        whole = whole.with_sites(site, settings.site_weight)
    root = Block(members=np.arange(n), affinity=whole).take(np.arange(n))
    inside = (edge_index < n).all(axis=0)

    def cut(blocks: list[Block]) -> list[np.ndarray]:
        if sites is not None and len(blocks[0].members) == n:
            return [sites]
        return split_level(blocks, settings, rng)

    return _grow(root, cut, settings, edge_index[:, inside], weight[inside])


def random_tree(
    n: int,
    edge_index: Int[np.ndarray, "2 edge"],
    weight: Float[np.ndarray, " edge"],
    settings: HierarchySettings | None = None,
) -> Hierarchy:
    """A balanced b-ary tree that knows nothing of the graph: the control of every claim."""
    settings = settings or HierarchySettings()
    _check_graph(n, edge_index, weight)
    rng = np.random.default_rng(settings.seed)
    nothing = affinity(n, edge_index[:, :0], weight[:0], "plain")
    root = Block(members=np.arange(n), affinity=nothing).take(np.arange(n))

    def deal(blocks: list[Block]) -> list[np.ndarray]:
        sizes = [len(block.members) for block in blocks]
        return [rng.permutation(m) * child_count(m, settings) // m for m in sizes]

    return _grow(root, deal, settings, edge_index, weight)


def _strongest(
    edge_index: Int[np.ndarray, "2 edge"], weight: Float[np.ndarray, " edge"], most: int
) -> tuple[np.ndarray, np.ndarray]:
    """The edges with the largest |weight|, in their order."""
    if len(weight) <= most:
        return edge_index, weight
    kept = np.sort(np.argpartition(-np.abs(weight), most - 1)[:most])
    return edge_index[:, kept], weight[kept]


def _grow(
    root: Block,
    cut: Callable[[list[Block]], list[np.ndarray]],
    settings: HierarchySettings,
    edge_index: np.ndarray,
    weight: np.ndarray,
) -> Hierarchy:
    """Split level by level; parents, slices and the order of the leaves."""
    parent, start, size, current, first = [-1], [0], [len(root.members)], [root], 0
    order = np.arange(len(root.members))
    while current:
        open_ = [i for i, block in enumerate(current) if len(block.members) > settings.leaf_size]
        labels = cut([current[i] for i in open_]) if open_ else []
        below: list[Block] = []
        for i, label in zip(open_, labels, strict=True):
            supernode, place = first + i, start[first + i]
            for child in _children(current[i], label):
                parent.append(supernode)
                start.append(place)
                size.append(len(child.members))
                order[place : place + size[-1]] = child.members
                place += size[-1]
                below.append(child)
        first, current = first + len(current), below
    return Hierarchy(
        parent=np.array(parent),
        start=np.array(start),
        stop=np.array(start) + np.array(size),
        order=order,
        edge_index=edge_index,
        weight=weight,
    )


def _children(block: Block, label: np.ndarray) -> list[Block]:
    """Blocks of the labels that occur, by the mean number of their members."""
    parts = [np.flatnonzero(label == child) for child in range(label.max() + 1)]
    parts = [places for places in parts if len(places)]
    parts.sort(key=lambda places: block.members[places].mean())
    return [block.take(places) for places in parts]


def _first_level(settings: HierarchySettings, site: np.ndarray | None) -> np.ndarray | None:
    if settings.group_first == "none" or site is None:
        return None
    labels = np.unique(site, return_inverse=True)[1]
    return labels if labels.max() > 0 else None


def _check_sites(n: int, settings: HierarchySettings, site: np.ndarray | None) -> None:
    asked = settings.group_first == "site" or settings.site_weight > 0
    if asked and (site is None or len(site) != n):
        raise SettingsError(
            f"Sites are missing: got {0 if site is None else len(site)} labels for {n} nodes; "
            'group_first="site" and site_weight need one each. Pass site= or ask for neither.'
        )


def _check_graph(n: int, edge_index: np.ndarray, weight: np.ndarray) -> None:
    if n < 1:
        raise GraphError(
            f"A graph without nodes has no hierarchy: got {n}; it needs one or more. Give it nodes."
        )
    if edge_index.size and (edge_index.min() < 0 or edge_index.max() >= n):
        raise GraphError(
            f"An edge names no node: got ends {edge_index.min()} ... {edge_index.max()}; nodes run "
            f"from 0 to {n - 1}. Check edge_index (row 0 source, row 1 target)."
        )
    if not np.isfinite(weight).all():
        raise GraphError(
            f"{int((~np.isfinite(weight)).sum())} edge weights are not finite; all must be. Check "
            "the attribution that made them for overflow."
        )
