"""The seam of all guides, and those that need no learning: influence on the logits.

A guide reads an attribution graph, of a prompt or pooled over a task, and a tree over some of its
nodes. The tree's leaves need not be all of them: a search chooses among features, while influence
runs through errors, inputs and logits too. So a guide is told which node each leaf is.

Influence is circuit-tracer's measure (`core.graph.influence`): what passes through a node, whether
or not ablation would change it. `ShiftedInfluenceGuide` weighs it by how far clean and corrupt
differ at the node. A learned guide (`core.guide.gnn`) has to beat both to be used;
`benchmarks/results/guide_study.md` has the comparison.
"""

from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from core.errors import GraphError
from core.graph import AttributionGraph, influence
from core.guide.pooled import Pooled, fitting
from core.hierarchy.tree import Hierarchy


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GuideScores:
    """Scores, larger first; only their order and ratios within one graph mean something."""

    leaf: Float[np.ndarray, " leaf"]
    """Not negative."""
    supernode: Float[np.ndarray, " supernode"]
    """Not negative, and at least that of every member: no group looks worse than its best node."""


@runtime_checkable
class Guide(Protocol):
    """Anything that scores the leaves and supernodes of a tree over a graph."""

    def __call__(
        self,
        graph: AttributionGraph,
        hierarchy: Hierarchy,
        leaves: Int[Tensor, " leaf"] | None = None,
        pooled: Pooled | None = None,
    ) -> GuideScores:
        """Score a tree; leaf i of `hierarchy` is node `leaves[i]`, node i if None.

        `pooled` says more of a task's graph than its means do; a guide may leave it unread.
        """
        ...


class InfluenceGuide:
    """Scores by influence on the logits, summed over all paths."""

    def __call__(
        self,
        graph: AttributionGraph,
        hierarchy: Hierarchy,
        leaves: Int[Tensor, " leaf"] | None = None,
        pooled: Pooled | None = None,
    ) -> GuideScores:
        """Influence of each leaf, the largest of its members for each supernode.

        Raises:
            GraphError: As `influence`; or if `leaves` does not fit the hierarchy.
        """
        places = leaf_places(graph, hierarchy, leaves)
        leaf = influence(graph).numpy()[places]
        return GuideScores(leaf=leaf, supernode=largest_member(hierarchy, leaf))


class ShiftedInfluenceGuide:
    """Scores by influence along mean edge sizes, times the share of it that a resample moves."""

    def __call__(
        self,
        graph: AttributionGraph,
        hierarchy: Hierarchy,
        leaves: Int[Tensor, " leaf"] | None = None,
        pooled: Pooled | None = None,
    ) -> GuideScores:
        """As `InfluenceGuide`; without statistics on features the two are the same.

        Raises:
            GraphError: As `influence`; or if `leaves` or `pooled` does not fit.
        """
        places, pooled = leaf_places(graph, hierarchy, leaves), fitting(graph, pooled)
        sizes = replace(graph, direct_effect=pooled.edge_size)
        leaf = (influence(sizes) * pooled.ratio).numpy()[places]
        return GuideScores(leaf=leaf, supernode=largest_member(hierarchy, leaf))


def largest_member(
    hierarchy: Hierarchy, leaf: Float[np.ndarray, " leaf"]
) -> Float[np.ndarray, " supernode"]:
    """The largest score among each supernode's members."""
    found = np.zeros(hierarchy.n_supernodes)
    ordered = leaf[hierarchy.order]
    for level in range(hierarchy.depth + 1):
        ids = np.asarray(hierarchy.level(level))
        found[ids] = np.maximum.reduceat(ordered, hierarchy.start[ids])
    return found


def leaf_places(
    graph: AttributionGraph, hierarchy: Hierarchy, leaves: Int[Tensor, " leaf"] | None
) -> Int[np.ndarray, " leaf"]:
    """The node of each leaf.

    Raises:
        GraphError: If there is not one node for each leaf, or a node is unknown or named twice.
    """
    places = np.arange(graph.n_nodes) if leaves is None else leaves.numpy()
    if len(places) != hierarchy.n_leaves:
        raise GraphError(
            f"The hierarchy is of another graph: got {len(places)} nodes for its "
            f"{hierarchy.n_leaves} leaves; there must be one for each. Build it from this graph, "
            "or say in `leaves` which nodes it is over."
        )
    inside = places.min() >= 0 and places.max() < graph.n_nodes
    if not inside or len(np.unique(places)) < len(places):
        raise GraphError(
            f"`leaves` names no node or one twice: got {places.min()} ... {places.max()}, "
            f"{len(np.unique(places))} of {len(places)} different; nodes run from 0 to "
            f"{graph.n_nodes - 1}, each at most once. Take the places from this graph."
        )
    return places
