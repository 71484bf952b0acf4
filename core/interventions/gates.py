"""Gates: what of a model is live while a circuit runs.

1. Every feature and every head has one gate at each layer and aligned position: 1 = live, it
   recomputes on what the circuit writes; 0 = at its reference; between, in proportion.
2. Where heads are no nodes (`Attention.LIVE`) all their gates are 1. Where they are
   (`Attention.CIRCUIT`) those of heads outside the circuit are 0.
3. `Places` leads from a list of nodes to gates and back: a feature, or a head at one position, has
   one gate; a whole head has one at every position. Gradients pass through.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.circuit import Attention, Bounds, Circuit, GatedNode, check_node, node_table
from core.graph import NodeKind


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Gates:
    """One number for every feature and every head; in front, one axis or none over circuits."""

    feature: Float[Tensor, "*circuit layer pos feature"]
    """1 = live, 0 = at its reference."""
    head: Float[Tensor, "*circuit layer pos head"]
    """The same for heads; all 1 where attention is live."""

    def __len__(self) -> int:
        """Length of the first axis: circuits."""
        return len(self.feature)

    def __getitem__(self, rows: Any) -> "Gates":
        """Some circuits, or another front axis: `gates[:8]`, `gates[None]`."""
        return Gates(feature=self.feature[rows], head=self.head[rows])

    def cut(self, start: int) -> "Gates":
        """The part of the frame that prompts beginning at aligned position `start` have."""
        return Gates(feature=self.feature[..., start:, :], head=self.head[..., start:, :])

    def split(self, size: int) -> tuple["Gates", ...]:
        """All circuits, at most `size` at a time."""
        return tuple(self[start : start + size] for start in range(0, len(self), size))

    def complement(self, attention: Attention) -> "Gates":
        """Everything but the circuit; live attention stays live."""
        live = attention is Attention.LIVE
        return Gates(feature=1 - self.feature, head=self.head if live else 1 - self.head)


def all_gates(bounds: Bounds) -> Gates:
    """One circuit of everything, without a front axis."""
    frame = bounds.n_layers, bounds.n_positions
    return Gates(
        feature=torch.ones(*frame, bounds.n_features), head=torch.ones(*frame, bounds.n_heads)
    )


def circuit_gates(circuit: Circuit, bounds: Bounds) -> Gates:
    """The gates of one circuit, without a front axis.

    Raises:
        NodeError: If a node lies outside the bounds.
    """
    for node in circuit.nodes:
        check_node(node, bounds)
    places = Places.of(circuit.nodes, bounds, circuit.attention)
    return places.gates(torch.ones(len(circuit.nodes)))


def gradients(value: Float[Tensor, ""], by: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Derivatives of a number; zeros by what it does not depend on, as by gates that are closed."""
    if not value.requires_grad:
        return tuple(torch.zeros_like(one) for one in by)
    return torch.autograd.grad(value, tuple(by), allow_unused=True, materialize_grads=True)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Entries:
    """Which gates of one kind belong to which node; flat over (layer, pos, feature or head)."""

    node: Int[Tensor, " entry"]
    gate: Int[Tensor, " entry"]

    def spread(
        self, values: Float[Tensor, "*circuit node"], shape: tuple[int, ...]
    ) -> Float[Tensor, "*circuit layer pos index"]:
        """Each node's value at its gates, 0 elsewhere; a gate that nodes share has their sum."""
        front = values.shape[:-1]
        zeros = values.new_zeros(*front, shape[0] * shape[1] * shape[2])
        return zeros.index_add(-1, self.gate, values[..., self.node]).view(*front, *shape)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Places:
    """Where each of a list of nodes has its gates."""

    bounds: Bounds
    attention: Attention
    """LIVE: head gates are 1 whatever the nodes."""
    n_nodes: int
    feature: _Entries
    head: _Entries

    @classmethod
    def of(
        cls,
        nodes: Sequence[GatedNode] | Int[Tensor, "node 4"],
        bounds: Bounds,
        attention: Attention = Attention.LIVE,
    ) -> "Places":
        """The places of nodes inside the bounds, or of rows (kind, layer, position, index)."""
        rows = nodes if isinstance(nodes, Tensor) else node_table(nodes)
        return cls(
            bounds=bounds,
            attention=attention,
            n_nodes=len(rows),
            feature=_entries(rows, NodeKind.FEATURE, bounds.n_positions, bounds.n_features),
            head=_entries(rows, NodeKind.HEAD, bounds.n_positions, bounds.n_heads),
        )

    def gates(self, values: Float[Tensor, "*circuit node"]) -> Gates:
        """Gates with each node's value; 0 at all other features and (if they count) heads."""
        frame = self.bounds.n_layers, self.bounds.n_positions
        feature = self.feature.spread(values, (*frame, self.bounds.n_features))
        shape = (*frame, self.bounds.n_heads)
        if self.attention is Attention.LIVE:
            return Gates(feature=feature, head=values.new_ones(*values.shape[:-1], *shape))
        # Only a whole head and the same head at a position share gates.
        return Gates(feature=feature, head=self.head.spread(values, shape).clamp(max=1))

    def values(self, gates: Gates) -> Float[Tensor, "*circuit node"]:
        """For each node the sum over its gates."""
        total = gates.feature.new_zeros(*gates.feature.shape[:-3], self.n_nodes)
        for entries, found in ((self.feature, gates.feature), (self.head, gates.head)):
            total = total.index_add(-1, entries.node, found.flatten(-3)[..., entries.gate])
        return total


def _entries(rows: Int[Tensor, "node 4"], kind: NodeKind, n_positions: int, width: int) -> _Entries:
    """The gates of the rows of one kind; position -1 stands for every position."""
    here = (rows[:, 0] == int(kind)).nonzero()[:, 0]
    _, layer, position, index = rows[here].T
    whole = position < 0
    everywhere = torch.arange(n_positions)
    node = torch.cat([here[~whole], here[whole].repeat_interleave(n_positions)])
    at = torch.cat([position[~whole], everywhere.repeat(int(whole.sum()))])
    layer, index = (
        torch.cat([column[~whole], column[whole].repeat_interleave(n_positions)])
        for column in (layer, index)
    )
    return _Entries(node=node, gate=(layer * n_positions + at) * width + index)
