"""The seam of all guides, and the one that needs no learning: influence on the logits.

Influence (circuit-tracer's definition): with |W| brought to sum 1 over the sources of each target,
the weight of all paths from a node to the logits, iota = Σ_k Âᵏ p, k >= 1. A guide that is learned
has to beat it to be used.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float
from scipy import sparse

from core.errors import GraphError
from core.guide.view import GraphView
from core.hierarchy.tree import Hierarchy


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GuideScores:
    """Scores, larger first; only their order and ratios within one graph mean something."""

    node: Float[np.ndarray, " node"]
    """Not negative."""
    supernode: Float[np.ndarray, " supernode"]
    """Not negative, and at least that of every member: no group looks worse than its best node."""


@runtime_checkable
class Guide(Protocol):
    """Anything that scores the nodes and supernodes of a graph."""

    def __call__(self, view: GraphView, hierarchy: Hierarchy) -> GuideScores:
        """Score a graph; `hierarchy` is over the nodes of `view`."""
        ...


class InfluenceGuide:
    """Scores by influence on the logits, summed over all paths."""

    def __call__(self, view: GraphView, hierarchy: Hierarchy) -> GuideScores:
        """Influence of each node, the largest of its members for each supernode.

        Raises:
            GraphError: If the hierarchy is over another number of nodes.
        """
        check_fit(view, hierarchy)
        node = path_influence(view)
        return GuideScores(node=node, supernode=largest_member(hierarchy, node))


def path_influence(view: GraphView) -> Float[np.ndarray, " node"]:
    """Share of the logits' input that passes through each node, over all paths, in absolute value.

    Not negative; logit nodes score only through paths into other logits, that is 0. Exact on a
    graph without cycles; with cycles the sum stops after as many steps as there are nodes.
    """
    w = np.abs(view.weight)
    into = np.bincount(view.edge_index[1], w, minlength=view.n)[view.edge_index[1]]
    share = np.divide(w, into, out=np.zeros_like(w), where=into > 0)
    paths = sparse.csr_array(
        sparse.coo_array((share, (view.edge_index[0], view.edge_index[1])), shape=(view.n,) * 2)
    )
    step, total = np.abs(view.logit_weight), np.zeros(view.n)
    for _ in range(view.n):
        step = paths @ step
        if not step.any():
            break
        total += step
    return total


def largest_member(
    hierarchy: Hierarchy, node: Float[np.ndarray, " node"]
) -> Float[np.ndarray, " supernode"]:
    """The largest score among each supernode's members."""
    found = np.zeros(hierarchy.n_supernodes)
    ordered = node[hierarchy.order]
    for level in range(hierarchy.depth + 1):
        ids = np.asarray(hierarchy.level(level))
        found[ids] = np.maximum.reduceat(ordered, hierarchy.start[ids])
    return found


def check_fit(view: GraphView, hierarchy: Hierarchy) -> None:
    """Refuse a hierarchy over another graph."""
    if view.n != hierarchy.n_leaves:
        raise GraphError(
            f"The hierarchy is of another graph: got {hierarchy.n_leaves} leaves for {view.n} "
            "nodes; they must be the same nodes. Build it from this graph, or restrict it."
        )
