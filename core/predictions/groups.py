"""Which groups of nodes predictions are made for, and the random groups beside them.

1. *Supernodes*: of the browsing tree, level 1 down to the deepest one with at most `MOST` of them.
   Those of the last level share no node; scores and p values are theirs.
2. *Regrouped*: the circuit's own nodes dealt anew among those of one kind, layer and position, the
   tree's shape kept. Each group has as many nodes at every site as the supernode it stands for; it
   says whether *these* nodes belong together, or any as many of the circuit at those sites.
3. *Outside*: as many features that the circuit does not have, of the same layers and positions, and
   of the same quarters of activation where there are any (`core.validation.matching`).
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from core.circuit import FeatureNode, GatedNode, node_of, node_table
from core.graph import NodeKind
from core.hierarchy import Hierarchy
from core.validation.matching import Pool, among

MOST = 64
"""Supernodes of the last level."""

Groups = list[tuple[GatedNode, ...]]


class Supernodes(NamedTuple):
    """Supernodes that predictions are made for, breadth first."""

    level: int
    """The last one."""
    ids: tuple[int, ...]
    last: tuple[bool, ...]
    """Whether each is of the last level (or a terminal one above it)."""


def supernodes(tree: Hierarchy) -> Supernodes:
    """Level 1 to the last level with at most `MOST` supernodes; the root of an unsplit tree."""
    fits = [level for level in range(1, tree.depth + 1) if len(tree.level(level)) <= MOST]
    last = max(fits, default=0)
    shown = tree.level(last)
    ids = sorted({i for level in range(min(1, last), last + 1) for i in tree.level(level)})
    return Supernodes(last, tuple(ids), tuple(i in shown for i in ids))


def members(tree: Hierarchy, ids: Sequence[int], nodes: Sequence[GatedNode]) -> Groups:
    """The nodes of each supernode."""
    return [tuple(nodes[leaf] for leaf in tree.members(i).tolist()) for i in ids]


def regrouped(nodes: Sequence[GatedNode], seed: int) -> tuple[GatedNode, ...]:
    """The nodes with those of one kind, layer and position in another order."""
    table = node_table(nodes)
    _, site = torch.unique(table[:, :3], dim=0, return_inverse=True)
    chance = torch.rand(len(nodes), generator=torch.Generator().manual_seed(seed))
    by_site = torch.argsort(site, stable=True)
    shuffled = torch.argsort(chance)
    shuffled = shuffled[torch.argsort(site[shuffled], stable=True)]
    dealt = torch.empty_like(by_site)
    dealt[by_site] = shuffled
    return tuple(nodes[i] for i in dealt.tolist())


def outside(
    groups: Sequence[Sequence[GatedNode]],
    circuit: Sequence[GatedNode],
    activation: Float[Tensor, "layer pos feature"],
    seed: int,
) -> Groups:
    """For each group as many features from outside the circuit; heads are left out.

    Args:
        groups: Of the circuit.
        circuit: All of its nodes.
        activation: Mean over prompts; where 0 a feature is dead and not drawn.
        seed: Of the draws.
    """
    own = node_table([node for node in circuit if isinstance(node, FeatureNode)])
    alive = (activation != 0).nonzero()
    rows = torch.cat([torch.full((len(alive), 1), int(NodeKind.FEATURE)), alive], 1)
    rows = rows[~among(rows, own)]
    found: Groups = []
    for number, group in enumerate(groups):
        mine = node_table([node for node in group if isinstance(node, FeatureNode)])
        near = rows[among(rows[:, [0, 1, 2, 0]], mine[:, [0, 1, 2, 0]])]
        if not len(near) or not len(mine):
            found.append(())
            continue
        pool = Pool.of(torch.cat([near, mine]), activation)
        drawn = pool.draw(mine, own="left out", draws=1, seed=seed + number).rows[0]
        picked = [node_of(*row) for row in pool.nodes[drawn].tolist()]
        found.append(tuple(node for node in picked if isinstance(node, FeatureNode)))
    return found
