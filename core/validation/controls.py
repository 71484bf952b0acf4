"""Random circuits to hold a circuit against.

*Matched*: each feature is exchanged for a random one of the same layer, position and quarter of
mean activation, each head for one of the same layer (and position, if it has one), drawn without
repeats from all that is alive there, the circuit's own included. It answers: does it matter *which*
nodes of these sites were taken? Where a circuit holds most of what is alive at a site, its draws
overlap with it and the control is strong; the overlap is told.

*Free*: as many features, and as many heads, drawn from all that are alive anywhere. It answers:
does it matter at all where one looks?

*Plain*: as many features at each layer and position as the circuit has there, but the first ones of
the dictionary, or the most active ones. They answer: is the choice better than no search at all,
once the sites and their shares are known? A nested dictionary puts first what reconstructs most.

Heads are drawn only where they are nodes; with live attention they are live in every draw.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from core.circuit import Attention, Bounds, GatedNode, node_table
from core.graph import NodeKind
from core.interventions import Evaluator, Gates, Places
from core.validation.matching import Pool, among, sort_of


class RandomCircuits(NamedTuple):
    """Random circuits, all of one size."""

    gates: Gates
    """Front axis: draws."""
    overlap: float
    """Mean share of a draw's nodes that the circuit has too."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Alive:
    """What random circuits are drawn from."""

    bounds: Bounds
    attention: Attention
    """CIRCUIT: heads are nodes, and all of them are alive."""
    active: Bool[Tensor, "layer pos feature"]
    """Features that fire on some prompt."""
    activation: Float[Tensor, "layer pos feature"]
    """Their mean."""

    @classmethod
    def on(cls, evaluator: Evaluator, attention: Attention) -> "Alive":
        """What is alive on an evaluator's prompts."""
        return cls(
            bounds=evaluator.bounds,
            attention=attention,
            active=evaluator.active(),
            activation=evaluator.mean_activation(),
        )

    def with_own(self, circuit: Int[Tensor, "own 4"]) -> Int[Tensor, "node 4"]:
        """Rows (kind, layer, position, index) of all that is alive, and of the circuit.

        Heads are of the circuit's sort: whole where it holds whole ones, at a position likewise.
        """
        kind, _, position, _ = circuit.T
        features = self.active.clone()
        features[tuple(circuit[kind == int(NodeKind.FEATURE), 1:].T)] = True
        rows = features.nonzero()
        parts = [torch.cat([torch.full((len(rows), 1), int(NodeKind.FEATURE)), rows], 1)]
        at = position[kind == int(NodeKind.HEAD)]
        if (at >= 0).any():
            parts.append(self._heads(torch.arange(self.bounds.n_positions)))
        if (at < 0).any():
            parts.append(self._heads(torch.tensor([-1])))
        return torch.cat(parts)

    def _heads(self, positions: Int[Tensor, " pos"]) -> Int[Tensor, "head 4"]:
        layers, heads = torch.arange(self.bounds.n_layers), torch.arange(self.bounds.n_heads)
        kind = torch.tensor([int(NodeKind.HEAD)])
        return torch.cartesian_prod(kind, layers, positions, heads)


def matched_circuits(
    circuit: Sequence[GatedNode], alive: Alive, *, draws: int, seed: int
) -> RandomCircuits:
    """Draws matched on layer × position × activation quarter, heads on layer (× position)."""
    own = node_table(circuit)
    pool = Pool.of(alive.with_own(own), alive.activation)
    found = pool.draw(own, own="drawn too", draws=draws, seed=seed)
    return RandomCircuits(_gates(pool.nodes, found.rows, alive), found.overlap)


def free_circuits(
    circuit: Sequence[GatedNode], alive: Alive, *, draws: int, seed: int
) -> RandomCircuits:
    """Draws from everything alive, at any layer and position; heads for heads."""
    own = node_table(circuit)
    pool = alive.with_own(own)
    generator = torch.Generator().manual_seed(seed)
    parts = [torch.zeros(draws, 0, dtype=torch.long)]
    sort, wanted = sort_of(pool), sort_of(own)
    for one in torch.unique(sort).tolist():
        rows = (sort == one).nonzero()[:, 0]
        order = torch.rand(draws, len(rows), generator=generator).argsort(1)
        parts.append(rows[order[:, : int((wanted == one).sum())]])
    drawn = torch.cat(parts, 1)
    shared = among(pool, own)[drawn].float().sum() / max(1, drawn.numel())
    return RandomCircuits(_gates(pool, drawn, alive), float(shared))


def plain_circuits(circuit: Sequence[GatedNode], alive: Alive) -> Mapping[str, Gates]:
    """Circuits that need no search: `first` and `most_active`; heads as the circuit has them.

    Each has one front entry. What never fires counts as least active.
    """
    table = node_table(circuit)
    is_feature = table[:, 0] == int(NodeKind.FEATURE)
    sites, many = torch.unique(table[is_feature, 1:3], dim=0, return_counts=True)
    rank = {
        "first": torch.arange(alive.bounds.n_features).expand_as(alive.activation),
        "most_active": alive.activation.abs().argsort(dim=-1, descending=True, stable=True),
    }
    found = {}
    for name, order in rank.items():
        rows = [table[~is_feature]]
        for (layer, position), n in zip(sites.tolist(), many.tolist(), strict=True):
            index = order[layer, position, :n]
            place = torch.tensor([int(NodeKind.FEATURE), layer, position]).expand(n, 3)
            rows.append(torch.cat([place, index[:, None]], 1))
        nodes = torch.cat(rows)
        chosen = torch.ones(1, len(nodes))
        found[name] = Places.of(nodes, alive.bounds, alive.attention).gates(chosen)
    return found


def _gates(pool: Int[Tensor, "node 4"], rows: Int[Tensor, "draw drawn"], alive: Alive) -> Gates:
    chosen = torch.zeros(len(rows), len(pool)).scatter_(1, rows, 1.0)
    return Places.of(pool, alive.bounds, alive.attention).gates(chosen)
