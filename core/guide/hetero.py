"""A graph and its hierarchy as one torch_geometric graph, which is what a learned guide reads.

Every feature is scale-free (ranks within the graph, shares, one-hot), so that a network trained on
the graphs of one model can be tried on those of another.

* Node types `node` and `supernode`.
* (node, drives, node) along direct effects and (node, driven_by, node) against them.
* (supernode, drives, supernode) and back, at every level: coarse edges.
* (supernode, holds, supernode), (supernode, holds, node) from parent to child, `held_by` back.

Import this module by its own name: torch_geometric takes seconds to load, and the default guide
does without. `supernode` rows are numbered as in the hierarchy, `node` rows as its leaves.
"""

import warnings

import numpy as np
import torch
from jaxtyping import Float
from scipy.stats import rankdata
from torch import Tensor

from core.guide.influence import check_fit, largest_member, path_influence
from core.guide.view import KINDS, GraphView
from core.hierarchy.tree import Hierarchy

with warnings.catch_warnings():
    # torch_geometric 2.8 scripts functions as it loads, which torch 2.13 deprecates.
    warnings.filterwarnings("ignore", message=".*torch.jit", category=DeprecationWarning)
    from torch_geometric.data import HeteroData

RANKED = (
    "activation",
    "influence",
    "direct_logit_effect",
    "strength_in",
    "strength_out",
    "degree_in",
    "degree_out",
)
"""Given as rank quantiles of the absolute value within the graph."""
NODE_FEATURES = (*RANKED, "layer_share", *(f"kind_{kind}" for kind in range(KINDS)))
"""Columns of `data["node"].x`; all in [0, 1]."""
SUPERNODE_FEATURES = (
    *(f"mean_{name}" for name in RANKED),
    *(f"max_{name}" for name in RANKED),
    "log_size_share",
    "inside_share",
    "level_share",
)
"""Columns of `data["supernode"].x`; all in [0, 1]. `inside_share`: of the weight at its members."""
EDGE_FEATURES = ("signed_quantile", "layers_crossed", "same_position")
"""Columns of the node edges; `signed_quantile` in [-1, 1] is the rank of |w| with the sign of w."""
COARSE_FEATURES = ("signed_quantile", "coherence", "peak_share")
"""Columns of the supernode edges: rank of Σ|w| with the sign of Σw, |Σw| / Σ|w|, max|w| / Σ|w|."""


def to_hetero(view: GraphView, hierarchy: Hierarchy) -> HeteroData:
    """The graph and its hierarchy as a torch_geometric `HeteroData`.

    Raises:
        GraphError: If the hierarchy is over another number of nodes.
    """
    check_fit(view, hierarchy)
    ranked = _ranked(view)
    data = HeteroData()
    data["node"].x = _tensor(np.concatenate([ranked, _fixed(view)], axis=1))
    data["supernode"].x = _tensor(_supernodes(view, hierarchy, ranked))
    _both_ways(data, "node", ("drives", "driven_by"), view.edge_index, _edges(view))
    _both_ways(data, "supernode", ("drives", "driven_by"), *_coarse(hierarchy))
    _tree(data, hierarchy)
    return data


def quantile(x: Float[np.ndarray, " item"]) -> Float[np.ndarray, " item"]:
    """Rank quantile of |x|, in (0, 1); equals share theirs."""
    return (rankdata(np.abs(x), method="average") - 0.5) / max(len(x), 1)


def _ranked(view: GraphView) -> np.ndarray:
    source, target = view.edge_index
    w, size = np.abs(view.weight), view.n
    on_logits = np.bincount(source, view.weight * view.logit_weight[target], minlength=size)
    columns = {
        "activation": view.activation,
        "influence": path_influence(view),
        "direct_logit_effect": on_logits,
        "strength_in": np.bincount(target, w, minlength=size),
        "strength_out": np.bincount(source, w, minlength=size),
        "degree_in": np.bincount(target, minlength=size),
        "degree_out": np.bincount(source, minlength=size),
    }
    # Without any edge bincount returns whole numbers.
    return np.stack([quantile(columns[name].astype(float)) for name in RANKED], axis=1)


def _fixed(view: GraphView) -> np.ndarray:
    layer = np.maximum(view.layer, 0) / max(_depth(view), 1)
    kind = np.eye(KINDS)[view.kind]
    return np.concatenate([layer[:, None], kind], axis=1)


def _depth(view: GraphView) -> int:
    return int(view.layer.max(initial=0))


def _edges(view: GraphView) -> np.ndarray:
    source, target = view.edge_index
    crossed = np.abs(view.layer[target] - view.layer[source]) / max(_depth(view), 1)
    same = view.position[source] == view.position[target]
    signed = quantile(view.weight) * np.sign(view.weight)
    return np.stack([signed, np.minimum(crossed, 1.0), same], axis=1)


def _supernodes(view: GraphView, hierarchy: Hierarchy, ranked: np.ndarray) -> np.ndarray:
    size = hierarchy.stop - hierarchy.start
    summed = ranked[hierarchy.order].cumsum(axis=0)
    before = np.concatenate([np.zeros((1, ranked.shape[1])), summed])
    mean = (before[hierarchy.stop] - before[hierarchy.start]) / size[:, None]
    largest = np.stack([largest_member(hierarchy, column) for column in ranked.T], axis=1)
    log_size = np.log(size) / max(np.log(view.n), 1e-12)
    level = hierarchy.depth_of / max(hierarchy.depth, 1)
    rest = np.stack([log_size, _inside_share(view, hierarchy), level], axis=1)
    return np.concatenate([mean, largest, rest], axis=1)


def _inside_share(view: GraphView, hierarchy: Hierarchy) -> np.ndarray:
    """Weight among the members over weight at any of them."""
    w = np.abs(view.weight)
    at = np.bincount(view.edge_index.ravel(), np.tile(w, 2), minlength=view.n)
    before = np.concatenate([[0.0], at[hierarchy.order].cumsum()])
    touched = before[hierarchy.stop] - before[hierarchy.start]
    inside = np.zeros(hierarchy.n_supernodes)
    own = hierarchy.with_edges(view.edge_index, view.weight)
    for level in range(hierarchy.depth + 1):
        ids = hierarchy.level(level)
        inside[list(ids)] = own.coarse_edges(ids).inside_abs
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


def _tree(data: HeteroData, hierarchy: Hierarchy) -> None:
    below = np.arange(1, hierarchy.n_supernodes)
    supernodes = np.stack([hierarchy.parent[1:], below])
    leaves = np.stack([hierarchy.terminal_of(), np.arange(hierarchy.n_leaves)])
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
