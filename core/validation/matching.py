"""Random nodes that stand in for given ones, matched as closely as a pool allows.

1. Like is drawn for like: features for features, whole heads for whole heads, heads at a position
   for heads at a position. Among these the shelves are, the closest first,

       feature                 same layer, position and quarter of mean activation
                               → same layer and position → same layer → any
       head at a position      same layer and position → same layer → any
       whole head              same layer → any

2. Of each closest shelf as many nodes are drawn as the given ones have there, without repeats.
3. What a shelf cannot give is drawn from the next wider one, among what is not taken yet. How much
   each shelf gives is the same in every draw.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from core.graph import NodeKind

QUARTERS = 4
"""Activation bins of a layer and position."""
SHELVES = (4, 3, 2, 1)
"""Columns of `_keys` that two nodes share on each shelf, the closest first."""

Own = Literal["drawn too", "left out"]
"""Whether the given nodes may be drawn: always, or only where too few of the others exist."""


class Draws(NamedTuple):
    """Random stand-ins, all draws of one size."""

    rows: Int[Tensor, "draw node"]
    """Rows of the pool's nodes."""
    matched: float
    """Share of drawn nodes from the closest shelf."""
    overlap: float
    """Share of drawn nodes that are among the given ones."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pool:
    """Nodes that may be drawn, in the order of their shelves."""

    nodes: Int[Tensor, "node 4"]
    """(kind, layer, position, index), each once; position -1 = a whole head."""
    shelves: tuple[Int[Tensor, " node"], ...]
    """Number of each node's shelf, the closest kind of shelf first; ascending."""

    @classmethod
    def of(
        cls, nodes: Int[Tensor, "node 4"], activation: Float[Tensor, "layer pos feature"]
    ) -> "Pool":
        """Sorts nodes onto shelves by their mean activation."""
        keys = _keys(nodes)
        value = torch.zeros(len(nodes))
        feature = nodes[:, 0] == int(NodeKind.FEATURE)
        value[feature] = activation[tuple(nodes[feature, 1:].T)]
        columns = (nodes[:, 3], value, *keys.T.flip(0))
        order = torch.from_numpy(np.lexsort([column.numpy() for column in columns]))
        nodes, keys = nodes[order], keys[order]
        keys = torch.cat([keys, _quarters(keys)[:, None]], 1)
        return cls(nodes=nodes, shelves=tuple(_numbered(keys[:, :n]) for n in SHELVES))

    def draw(self, nodes: Int[Tensor, "given 4"], *, own: Own, draws: int, seed: int) -> Draws:
        """Random stand-ins for some nodes of the pool.

        Args:
            nodes: What is to be matched; all of them are in the pool.
            own: Whether they may be drawn themselves.
            draws: How many.
            seed: Of the draws.
        """
        given = among(self.nodes, nodes)
        free = torch.ones_like(given) if own == "drawn too" else self._others(given)
        generator = torch.Generator().manual_seed(seed)
        taken = torch.zeros(draws, len(given), dtype=torch.bool)
        wanted = torch.bincount(self.shelves[0][given], minlength=len(given))
        found = 0
        for level, shelf in enumerate(self.shelves):
            wanted = _take(shelf, wanted, free, taken, generator)
            if level == 0:
                found = int(taken.sum())
            wanted = _passed_on(shelf, wanted, self.shelves[min(level + 1, len(SHELVES) - 1)])
        rows = taken.nonzero()[:, 1].view(draws, -1)
        total = max(1, rows.numel())
        return Draws(rows, found / total, int(given[rows].sum()) / total)

    def _others(self, given: Bool[Tensor, " node"]) -> Bool[Tensor, " node"]:
        """All but the given nodes, and these too where the others of their kind are fewer."""
        kind = self.shelves[-1]
        others = torch.bincount(kind[~given], minlength=len(given))
        mine = torch.bincount(kind[given], minlength=len(given))
        return ~given | (others < mine)[kind]


def among(nodes: Int[Tensor, "node 4"], given: Int[Tensor, "given 4"]) -> Bool[Tensor, " node"]:
    """Which of the nodes are among those given."""
    same = torch.unique(torch.cat([nodes, given]), dim=0, return_inverse=True)[1]
    return torch.isin(same[: len(nodes)], same[len(nodes) :])


def sort_of(nodes: Int[Tensor, "node 4"]) -> Int[Tensor, " node"]:
    """What can be exchanged for what: features, heads at a position, whole heads."""
    kind, _, position, _ = nodes.T
    return 2 * kind + ((kind == int(NodeKind.HEAD)) & (position < 0))


def _take(
    shelf: Int[Tensor, " node"],
    wanted: Int[Tensor, " shelf"],
    free: Bool[Tensor, " node"],
    taken: Bool[Tensor, "draw node"],
    generator: torch.Generator,
) -> Int[Tensor, " shelf"]:
    """Marks what each shelf gives as taken; what it still owes comes back."""
    owed = wanted.clone()
    for number in wanted.nonzero()[:, 0].tolist():
        start, stop = torch.searchsorted(shelf, torch.tensor([number, number + 1])).tolist()
        rows = start + free[start:stop].nonzero()[:, 0]
        # Every draw has taken equally many from a shelf, though not the same ones.
        gives = min(int(wanted[number]), len(rows) - int(taken[0, rows].sum()))
        chance = torch.rand(len(taken), len(rows), generator=generator)
        order = chance.masked_fill_(taken[:, rows], 2.0).argsort(1)[:, :gives]
        taken.scatter_(1, rows[order], True)
        owed[number] -= gives
    return owed


def _passed_on(
    shelf: Int[Tensor, " node"], owed: Int[Tensor, " shelf"], wider: Int[Tensor, " node"]
) -> Int[Tensor, " shelf"]:
    """What each wider shelf is asked for."""
    numbers = owed.nonzero()[:, 0]
    first = torch.searchsorted(shelf, numbers)
    return torch.zeros_like(owed).index_add_(0, wider[first], owed[numbers])


def _keys(nodes: Int[Tensor, "node 4"]) -> Int[Tensor, "node 3"]:
    """(sort, layer, position)."""
    return torch.cat([sort_of(nodes)[:, None], nodes[:, 1:3]], 1)


def _quarters(keys: Int[Tensor, "node 3"]) -> Int[Tensor, " node"]:
    """Quarter of each feature among those of its site, which are in the order of activation."""
    _, site, counts = torch.unique_consecutive(keys, dim=0, return_inverse=True, return_counts=True)
    parts = [torch.arange(int(count)).tensor_split(QUARTERS) for count in counts]
    quarter = [torch.full_like(part, number) for four in parts for number, part in enumerate(four)]
    is_feature = keys[:, 0] == 2 * int(NodeKind.FEATURE)
    return torch.cat([*quarter, site[:0]]) * is_feature


def _numbered(keys: Int[Tensor, "node column"]) -> Int[Tensor, " node"]:
    """0, 1, ... for equal keys, which stand together."""
    return torch.unique_consecutive(keys, dim=0, return_inverse=True)[1]
