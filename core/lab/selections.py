"""Random selections that a selection is held against.

Each node of the selection is exchanged for a random one, by the same matching as the random
circuits of validation (`core.validation.matching`), without repeats and never for a node of the
selection. Where all other nodes of a sort are fewer than the selection's, the selection's own are
drawn too: the draws then are permutations, and `overlap` says how much they share with the
selection.
"""

from collections.abc import Sequence
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

from core.circuit import GatedNode, node_of, node_table
from core.validation import Pool


class Draws(NamedTuple):
    """Random selections of one size."""

    selections: tuple[tuple[GatedNode, ...], ...]
    matched: float
    """Share of drawn nodes from the closest shelf."""
    overlap: float
    """Share of drawn nodes that are in the selection."""


def draw_selections(
    selection: Sequence[GatedNode],
    pool: Sequence[GatedNode],
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
    every = {str(node): node for node in (*selection, *pool)}
    shelved = Pool.of(node_table(every.values()), activation)
    found = shelved.draw(node_table(selection), own="left out", draws=draws, seed=seed)
    written = {str(node_of(*row)): place for place, row in enumerate(shelved.nodes.tolist())}
    nodes = {place: every[name] for name, place in written.items()}
    return Draws(
        selections=tuple(tuple(nodes[place] for place in row) for row in found.rows.tolist()),
        matched=found.matched,
        overlap=found.overlap,
    )
