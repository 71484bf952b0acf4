"""The arrays of an attribution graph that a guide may read: no model, no tensors, no labels."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from core.errors import GraphError

KINDS = 7
"""Node kinds 0 (feature) ... 6 (logit), as `core.graph.NodeKind` numbers them."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GraphView:
    """One graph, of a prompt or pooled over a task."""

    kind: Int[np.ndarray, " node"]
    """NodeKind of each node, 0 (feature) to 6 (logit)."""
    layer: Int[np.ndarray, " node"]
    """Layer; negative where there is none."""
    position: Int[np.ndarray, " node"]
    """Token position; negative where there is none."""
    activation: Float[np.ndarray, " node"]
    """Activation, in the units of its kind."""
    logit_weight: Float[np.ndarray, " node"]
    """Probability or metric weight on logit nodes, 0 elsewhere."""
    edge_index: Int[np.ndarray, "2 edge"]
    """Row 0 source, row 1 target."""
    weight: Float[np.ndarray, " edge"]
    """Signed direct effect."""

    def __post_init__(self) -> None:
        """Refuse kinds and edges that do not exist."""
        n, ends = len(self.kind), self.edge_index
        if n and not (self.kind.min() >= 0 and self.kind.max() < KINDS):
            raise GraphError(
                f"A node kind is unknown: got {self.kind.min()} ... {self.kind.max()}; kinds run "
                f"from 0 to {KINDS - 1}. Use the numbers of NodeKind."
            )
        if ends.size and not (ends.min() >= 0 and ends.max() < n):
            raise GraphError(
                f"An edge names no node: got {ends.min()} ... {ends.max()}; nodes run from 0 to "
                f"{n - 1}. Check edge_index."
            )

    @property
    def n(self) -> int:
        """Number of nodes."""
        return len(self.kind)


def graph_view(graph: Any) -> GraphView:
    """The view of an `AttributionGraph` (weights are direct effects) or a `TaskGraph` (means)."""
    weight = graph.direct_effect if hasattr(graph, "direct_effect") else graph.mean
    return GraphView(
        kind=_ints(graph.kind),
        layer=_ints(graph.layer),
        position=_ints(graph.position),
        activation=_floats(graph.activation),
        logit_weight=_floats(graph.logit_weight),
        edge_index=_ints(graph.edge_index),
        weight=_floats(weight),
    )


def _ints(column: Any) -> np.ndarray:
    return np.asarray(column.detach().cpu()).astype(np.int64)


def _floats(column: Any) -> np.ndarray:
    return np.asarray(column.detach().cpu()).astype(np.float64)
