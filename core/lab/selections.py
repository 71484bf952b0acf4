"""Random selections that a selection is held against.

Each node of the selection is exchanged for a random one of its pool, without repeats and never for
a node of the selection. The pool is the closest that still has nodes left, in this order:

    same layer, position and quarter of activation → same layer and position → same layer → anywhere

Heads are exchanged for heads (same layer and position, then the same layer, then anywhere). Where
all other features (or heads) are fewer than the selection's, the selection's own are drawn too: the
draws then are permutations, and `overlap` says how much they share with the selection.
"""

import random
from collections.abc import Hashable, Sequence
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

from core.circuit import FeatureNode, HeadNode

QUARTERS = 4
"""Activation bins of a layer and position."""
Exchangeable = FeatureNode | HeadNode


class Draws(NamedTuple):
    """Random selections of one size."""

    selections: tuple[tuple[Exchangeable, ...], ...]
    matched: float
    """Share of drawn nodes from the closest pool."""
    overlap: float
    """Share of drawn nodes that are in the selection."""


def draw_selections(
    selection: Sequence[Exchangeable],
    pool: Sequence[Exchangeable],
    activation: Float[Tensor, "layer pos feature"],
    *,
    draws: int,
    seed: int,
) -> Draws:
    """Random selections from `pool`, matched to `selection` as closely as it allows.

    Args:
        selection: What is tested.
        pool: Nodes that may be drawn; those of the selection are left out where possible.
        activation: Mean activation, for the quarters.
        draws: How many.
        seed: Of the draws.
    """
    own = {str(node): node for node in selection}
    known: dict[str, Exchangeable] = {}
    for kind in (FeatureNode, HeadNode):
        mine = {name: node for name, node in own.items() if isinstance(node, kind)}
        others = {str(n): n for n in pool if isinstance(n, kind) and str(n) not in own}
        known |= others if len(others) >= len(mine) else others | mine
    shelves = _Shelves(known, _bins([*selection, *pool], activation))
    chance = random.Random(seed)
    found = [shelves.draw(selection, chance) for _ in range(draws)]
    total = max(1, draws * len(selection))
    shared = sum(str(node) in own for nodes, _ in found for node in nodes)
    return Draws(
        selections=tuple(nodes for nodes, _ in found),
        matched=sum(close for _, close in found) / total,
        overlap=shared / total,
    )


class _Shelves:
    """Nodes that may be drawn, by the name of each pool they belong to."""

    def __init__(
        self, known: dict[str, Exchangeable], bins: dict[str, tuple[Hashable, ...]]
    ) -> None:
        self.known, self.bins = known, bins
        self.names: dict[Hashable, list[str]] = {}
        for name in known:
            for shelf in bins[name]:
                self.names.setdefault(shelf, []).append(name)

    def draw(
        self, selection: Sequence[Exchangeable], chance: random.Random
    ) -> tuple[tuple[Exchangeable, ...], int]:
        """One random selection, and how many of its nodes came from the closest pool."""
        opened: dict[Hashable, list[str]] = {}
        used: set[str] = set()
        picked, close = [], 0
        for node in selection:
            for level, shelf in enumerate(self.bins[str(node)]):
                if shelf not in opened:
                    names = self.names.get(shelf, [])
                    opened[shelf] = chance.sample(names, len(names))
                name = _take(opened[shelf], used)
                if name is not None:
                    picked.append(self.known[name])
                    close += level == 0
                    break
        return tuple(picked), close


def _bins(
    nodes: Sequence[Exchangeable], activation: Float[Tensor, "layer pos feature"]
) -> dict[str, tuple[Hashable, ...]]:
    """For each node its pools' names, closest first."""
    sites: dict[tuple[int, int], dict[str, float]] = {}
    for node in nodes:
        if isinstance(node, FeatureNode):
            values = sites.setdefault((node.layer, node.position), {})
            values[str(node)] = float(activation[node])
    quarter = {}
    for values in sites.values():
        ranked = sorted(values, key=lambda name: (values[name], name))
        quarter |= {name: QUARTERS * place // len(ranked) for place, name in enumerate(ranked)}
    return {str(node): _pools(node, quarter.get(str(node), 0)) for node in nodes}


def _pools(node: Exchangeable, quarter: int) -> tuple[Hashable, ...]:
    kind = type(node).__name__
    return (
        (kind, node.layer, node.position, quarter),
        (kind, node.layer, node.position),
        (kind, node.layer),
        (kind,),
    )


def _take(shelf: list[str], used: set[str]) -> str | None:
    """The next name of a shelf that no other shelf has given out."""
    while shelf:
        name = shelf.pop()
        if name not in used:
            used.add(name)
            return name
    return None
