"""A graph and its hierarchy as one torch_geometric graph, which is what a learned guide reads.

Every feature is scale-free (ranks within the graph, shares, logarithms of ratios, one-hot), so that
a network trained on the graphs of one model can be tried on those of another.

* Node types `node` and `supernode`.
* (node, drives, node) along direct effects and (node, driven_by, node) against them. Of each node
  only the strongest few edges in and out are kept (`NEIGHBOURS`): the features of the nodes are
  sums over all edges, messages go along the strongest.
* (supernode, drives, supernode) and back, at every level: coarse edges.
* (supernode, holds, supernode), (supernode, holds, node) from parent to child, `held_by` back.

Import this module by its own name: torch_geometric takes seconds to load, and the default guide
does without. `supernode` rows are numbered as in the hierarchy, `node` rows as in the graph, of
which the tree may hold a part only (`leaves`).
"""

import warnings

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.graph import AttributionGraph
from core.guide.columns import FIXED, RANKED, Columns, columns_of, quantile
from core.guide.guide import largest_member, leaf_places
from core.guide.pooled import Pooled, fitting
from core.hierarchy.tree import Hierarchy

with warnings.catch_warnings():
    # torch_geometric 2.8 scripts functions as it loads, which torch 2.13 deprecates.
    warnings.filterwarnings("ignore", message=".*torch.jit", category=DeprecationWarning)
    from torch_geometric.data import HeteroData

NODE_FEATURES = (*RANKED, *FIXED)
"""Columns of `data["node"].x`; all in [0, 1]."""
SUPERNODE_FEATURES = (
    *(f"mean_{name}" for name in RANKED),
    *(f"max_{name}" for name in RANKED),
    "log_size_share",
    "inside_share",
    "level_share",
)
"""Columns of `data["supernode"].x`; all in [0, 1]. `inside_share`: of the weight at its members."""
EDGE_FEATURES = (
    "signed_quantile",
    "consistency",
    "share_in",
    "share_out",
    "layers_crossed",
    "same_position",
)
"""Columns of the node edges. `signed_quantile` in [-1, 1] is the rank of the mean |w| with the sign
of the mean w; `consistency` |mean w| / mean |w|; the shares are of the target's and the source's
total over all their edges."""
COARSE_FEATURES = ("signed_quantile", "coherence", "peak_share")
"""Columns of the supernode edges: rank of Σ|w| with the sign of Σw, |Σw| / Σ|w|, max|w| / Σ|w|."""
NEIGHBOURS = 6
"""Edges kept of each node, in and out; an edge stays if either end keeps it."""


def to_hetero(
    graph: AttributionGraph,
    hierarchy: Hierarchy,
    leaves: Int[Tensor, " leaf"] | None = None,
    pooled: Pooled | None = None,
    *,
    neighbours: int = NEIGHBOURS,
) -> HeteroData:
    """The graph and its hierarchy as a torch_geometric `HeteroData`.

    Args:
        graph: Of a prompt, or a task's means.
        hierarchy: Over some or all of its nodes; edges are taken from the graph.
        leaves: The node of each leaf; None if leaf i is node i.
        pooled: What is known of a task's graph besides; None takes the graph's own.
        neighbours: Edges kept of each node, in and out.

    Raises:
        GraphError: As `influence`; or if `leaves` or `pooled` does not fit.
    """
    places = leaf_places(graph, hierarchy, leaves)
    columns = columns_of(graph, fitting(graph, pooled))
    kept = strongest(graph.n_nodes, graph.edge_index.numpy(), columns.edge_size, neighbours)
    edges, weight = graph.edge_index.numpy()[:, kept], columns.weight[kept]
    ends, inside = _between_leaves(graph.n_nodes, places, edges)
    own = hierarchy.with_edges(ends, weight[inside])
    data = HeteroData()
    data["node"].x = _tensor(columns.x)
    data["supernode"].x = _tensor(_supernodes(own, columns.x[places, : len(RANKED)]))
    _both_ways(data, "node", ("drives", "driven_by"), edges, _edges(graph, columns, kept))
    _both_ways(data, "supernode", ("drives", "driven_by"), *_coarse(own))
    _tree(data, own, places)
    return data


def _between_leaves(
    n: int, leaves: Int[np.ndarray, " leaf"], ends: Int[np.ndarray, "2 edge"]
) -> tuple[Int[np.ndarray, "2 kept"], Int[np.ndarray, " kept"]]:
    """Edges with both ends among the leaves, by their numbers, and which of the edges they were."""
    number = np.full(n, -1, dtype=np.int64)
    number[leaves] = np.arange(len(leaves))
    inside = np.flatnonzero((number[ends] >= 0).all(axis=0))
    return number[ends[:, inside]], inside


def strongest(
    n: int, ends: Int[np.ndarray, "2 edge"], size: Float[np.ndarray, " edge"], most: int
) -> Int[np.ndarray, " kept"]:
    """Edges that are among the `most` largest of their source or of their target, ascending."""
    by_size = np.argsort(-size, kind="stable")
    keep = np.zeros(len(size), dtype=bool)
    for end in ends:
        order = by_size[np.argsort(end[by_size], kind="stable")]
        first = np.searchsorted(end[order], np.arange(n))
        keep[order[np.arange(len(order)) - first[end[order]] < most]] = True
    return np.flatnonzero(keep)


def _edges(graph: AttributionGraph, columns: Columns, kept: np.ndarray) -> np.ndarray:
    source, target = graph.edge_index.numpy()[:, kept]
    layer, position = graph.layer.numpy(), graph.position.numpy()
    size, weight = columns.edge_size[kept], columns.weight[kept]
    crossed = np.abs(layer[target] - layer[source]) / max(int(layer.max()), 1)
    return np.stack(
        [
            quantile(size) * np.sign(weight),
            np.abs(weight) / np.maximum(size, 1e-300),
            size / np.maximum(columns.total_in[target], 1e-300),
            size / np.maximum(columns.total_out[source], 1e-300),
            np.minimum(crossed, 1.0),
            position[source] == position[target],
        ],
        axis=1,
    )


def _supernodes(hierarchy: Hierarchy, ranked: np.ndarray) -> np.ndarray:
    size = hierarchy.stop - hierarchy.start
    summed = ranked[hierarchy.order].cumsum(axis=0)
    before = np.concatenate([np.zeros((1, ranked.shape[1])), summed])
    mean = (before[hierarchy.stop] - before[hierarchy.start]) / size[:, None]
    largest = np.stack([largest_member(hierarchy, column) for column in ranked.T], axis=1)
    log_size = np.log(size) / max(np.log(hierarchy.n_leaves), 1e-12)
    level = hierarchy.depth_of / max(hierarchy.depth, 1)
    rest = np.stack([log_size, _inside_share(hierarchy), level], axis=1)
    return np.concatenate([mean, largest, rest], axis=1)


def _inside_share(hierarchy: Hierarchy) -> np.ndarray:
    """Weight among the members over weight at any of them, of the edges among leaves."""
    w = np.abs(hierarchy.weight)
    at = np.bincount(hierarchy.edge_index.ravel(), np.tile(w, 2), minlength=hierarchy.n_leaves)
    before = np.concatenate([[0.0], at[hierarchy.order].cumsum()])
    touched = before[hierarchy.stop] - before[hierarchy.start]
    inside = np.zeros(hierarchy.n_supernodes)
    for level in range(hierarchy.depth + 1):
        ids = hierarchy.level(level)
        inside[list(ids)] = hierarchy.coarse_edges(ids).inside_abs
    # An inside edge was counted at both of its ends.
    return np.divide(inside, touched - inside, out=np.zeros_like(inside), where=inside > 0)


def _coarse(hierarchy: Hierarchy) -> tuple[np.ndarray, np.ndarray]:
    """Coarse edges of every level below the root, once each."""
    ends, features = [np.zeros((2, 0), dtype=np.int64)], [np.zeros((0, len(COARSE_FEATURES)))]
    for level in range(1, hierarchy.depth + 1):
        ids = np.asarray(hierarchy.level(level))
        edges = hierarchy.coarse_edges(ids.tolist())
        pair = np.stack([ids[edges.source], ids[edges.target]])
        new = (hierarchy.depth_of[pair] == level).any(axis=0)
        signed = quantile(edges.total_abs) * np.sign(edges.total)
        whole = np.maximum(edges.total_abs, 1e-300)
        columns = [signed, np.abs(edges.total) / whole, np.abs(edges.peak) / whole]
        ends.append(pair[:, new])
        features.append(np.stack(columns, axis=1)[new])
    return np.concatenate(ends, axis=1), np.concatenate(features)


def _tree(data: HeteroData, hierarchy: Hierarchy, places: np.ndarray) -> None:
    below = np.arange(1, hierarchy.n_supernodes)
    supernodes = np.stack([hierarchy.parent[1:], below])
    leaves = np.stack([hierarchy.terminal_of(), places])
    for kind, pair in (("supernode", supernodes), ("node", leaves)):
        data["supernode", "holds", kind].edge_index = torch.from_numpy(pair)
        data[kind, "held_by", "supernode"].edge_index = torch.from_numpy(pair[::-1].copy())


def _both_ways(
    data: HeteroData, kind: str, names: tuple[str, str], ends: np.ndarray, features: np.ndarray
) -> None:
    for name, pair in zip(names, (ends, ends[::-1].copy()), strict=True):
        data[kind, name, kind].edge_index = torch.from_numpy(pair)
        data[kind, name, kind].edge_attr = _tensor(features)


def _tensor(x: np.ndarray) -> Tensor:
    return torch.from_numpy(x).float()
