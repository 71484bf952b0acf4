"""A graph and its hierarchy as one torch_geometric graph, which is what a learned guide reads.

Every feature is scale-free (ranks within the graph, shares, one-hot), so that a network trained on
the graphs of one model can be tried on those of another.

* Node types `node` and `supernode`.
* (node, drives, node) along direct effects and (node, driven_by, node) against them.
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
from scipy.stats import rankdata
from torch import Tensor

from core.graph import AttributionGraph, NodeKind, influence
from core.guide.guide import largest_member, leaf_places
from core.hierarchy.restrict import restrict_edges
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
NODE_FEATURES = (*RANKED, "layer_share", *(f"kind_{int(kind)}" for kind in NodeKind))
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


def to_hetero(
    graph: AttributionGraph, hierarchy: Hierarchy, leaves: Int[Tensor, " leaf"] | None = None
) -> HeteroData:
    """The graph and its hierarchy as a torch_geometric `HeteroData`.

    Args:
        graph: Of a prompt, or a task's means.
        hierarchy: Over some or all of its nodes; edges are taken from the graph.
        leaves: The node of each leaf; None if leaf i is node i.

    Raises:
        GraphError: As `influence`; or if `leaves` does not fit the hierarchy.
    """
    places = leaf_places(graph, hierarchy, leaves)
    ends, kept = restrict_edges(graph.n_nodes, places, graph.edge_index.numpy())
    own = hierarchy.with_edges(ends, _weight(graph)[kept])
    ranked = _ranked(graph)
    data = HeteroData()
    data["node"].x = _tensor(np.concatenate([ranked, _fixed(graph)], axis=1))
    data["supernode"].x = _tensor(_supernodes(own, ranked[places]))
    edges = graph.edge_index.numpy()
    _both_ways(data, "node", ("drives", "driven_by"), edges, _edges(graph))
    _both_ways(data, "supernode", ("drives", "driven_by"), *_coarse(own))
    _tree(data, own, places)
    return data


def quantile(x: Float[np.ndarray, " item"]) -> Float[np.ndarray, " item"]:
    """Rank quantile of |x|, in (0, 1); equals share theirs."""
    return (rankdata(np.abs(x), method="average") - 0.5) / max(len(x), 1)


def _weight(graph: AttributionGraph) -> np.ndarray:
    return graph.direct_effect.double().numpy()


def _ranked(graph: AttributionGraph) -> np.ndarray:
    source, target = graph.edge_index.numpy()
    weight, size = _weight(graph), graph.n_nodes
    w, on_logits = np.abs(weight), weight * graph.logit_weight.double().numpy()[target]
    columns = {
        "activation": graph.activation.double().numpy(),
        "influence": influence(graph).numpy(),
        "direct_logit_effect": np.bincount(source, on_logits, minlength=size),
        "strength_in": np.bincount(target, w, minlength=size),
        "strength_out": np.bincount(source, w, minlength=size),
        "degree_in": np.bincount(target, minlength=size),
        "degree_out": np.bincount(source, minlength=size),
    }
    # Without any edge bincount returns whole numbers.
    return np.stack([quantile(columns[name].astype(float)) for name in RANKED], axis=1)


def _fixed(graph: AttributionGraph) -> np.ndarray:
    layer = graph.layer.numpy().clip(0) / _depth(graph)
    kind = np.eye(len(NodeKind))[graph.kind.numpy()]
    return np.concatenate([layer[:, None], kind], axis=1)


def _depth(graph: AttributionGraph) -> int:
    return max(int(graph.layer.max()), 1)


def _edges(graph: AttributionGraph) -> np.ndarray:
    source, target = graph.edge_index.numpy()
    layer, position, weight = graph.layer.numpy(), graph.position.numpy(), _weight(graph)
    crossed = np.abs(layer[target] - layer[source]) / _depth(graph)
    same = position[source] == position[target]
    signed = quantile(weight) * np.sign(weight)
    return np.stack([signed, np.minimum(crossed, 1.0), same], axis=1)


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
