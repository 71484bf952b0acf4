"""Which nodes and supernodes to look at first.

A guide reads arrays of one graph and its hierarchy and returns scores; it runs no model.
`InfluenceGuide` is the default. `to_hetero` is what a learned guide reads: a torch_geometric graph
of both nodes and supernodes, whose features do not change when activations or effects are scaled, so
that one network can be carried from model to model.

Node features (`NODE_FEATURES`): quantile of the rank within the graph of activation, influence,
|direct logit effect|, strength in and out, degree in and out; layer as a share of the depth; one-hot
kind. Supernode features (`SUPERNODE_FEATURES`): the members' mean and max of those, log size,
inside density, level as a share of the depth. Edge features (`EDGE_FEATURES`): rank quantile of |w|
with the sign of w, layers crossed as a share of the depth, same position.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from jaxtyping import Float, Int

from core.hierarchy.tree import Hierarchy

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GraphView:
    """The arrays of an attribution graph that a guide may read."""

    kind: Int[np.ndarray, " node"]
    """NodeKind of each node, 0 (feature) to 6 (logit)."""
    layer: Int[np.ndarray, " node"]
    """Layer; -1 or anything where there is none."""
    position: Int[np.ndarray, " node"]
    """Position."""
    activation: Float[np.ndarray, " node"]
    """Activation, in the units of its kind."""
    logit_weight: Float[np.ndarray, " node"]
    """Probability or metric weight on logit nodes, 0 elsewhere."""
    edge_index: Int[np.ndarray, "2 edge"]
    """Row 0 source, row 1 target."""
    weight: Float[np.ndarray, " edge"]
    """Signed direct effect."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GuideScores:
    """Scores, larger first; only their order and ratios within one graph mean something."""

    node: Float[np.ndarray, " node"]
    """Not negative."""
    supernode: Float[np.ndarray, " supernode"]
    """Not negative, and at least that of every member: no group looks worse than its best node."""


class Guide(Protocol):
    """Anything that scores the nodes and supernodes of a graph."""

    def __call__(self, view: GraphView, hierarchy: Hierarchy) -> GuideScores:
        """Score a graph; `hierarchy` is over the nodes of `view`."""
        ...


class InfluenceGuide:
    """Scores by influence on the logits, summed over all paths."""

    def __call__(self, view: GraphView, hierarchy: Hierarchy) -> GuideScores:
        """Influence of each node, the largest of its members for each supernode."""
        raise NotImplementedError


def graph_view(graph: object) -> GraphView:
    """The view of an `AttributionGraph` or `TaskGraph`."""
    raise NotImplementedError


def path_influence(view: GraphView) -> Float[np.ndarray, " node"]:
    """Σ_k pᵀ Âᵏ, k >= 1: how much of the logits' input passes through each node, in absolute value."""
    raise NotImplementedError


def to_hetero(view: GraphView, hierarchy: Hierarchy) -> "HeteroData":
    """The graph and its hierarchy as a torch_geometric `HeteroData`."""
    raise NotImplementedError
