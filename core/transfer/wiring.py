"""How alike two circuits are wired, given which nodes stand for each other.

1. A circuit's wiring is the matrix of edge scores among its features, the tokens and the output:
   score = share of the target's input × influence of the target, as in pruning (Ameisen et al.
   2025). What another architecture may lack (position embeddings, constants, errors) is left out,
   and so are edges straight from tokens to the output: no feature has a part in them.
2. *Edge Jaccard* τ_edge: of each circuit the fewest edges that hold `HELD` of all score; edges of
   the first are carried through the matching; |common| / |either|. An edge whose end has no partner
   stays in the union, so that unmatched parts count against the likeness.
3. *Roles* τ_role: both circuits' wiring summed over the first circuit's supernodes (carried through
   the matching), tokens and output; the cosine of the two coarse matrices (of square roots, so that
   a few strong edges are not all).
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import cosine_similarity

from core.bundle import Bundle
from core.circuit import node_ids
from core.graph import AttributionGraph, NodeKind, edge_shares, influence
from core.transfer.matching import Match

HELD = 0.8
"""Share of the score that the compared edges hold together."""
FEWEST, MOST = 10, 20
"""Supernodes wanted at the level whose roles are compared."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Wiring:
    """Edge scores among n features and the places that every circuit of the task has."""

    score: Float[Tensor, "source target"]
    """Not negative; features first, in the order they were given, then the shared places."""
    shared: tuple[str, ...]
    """Ids of the shared places, as `tok:3`."""
    influence: Float[Tensor, " feature"]
    """Of each feature on the output."""

    @property
    def n_features(self) -> int:
        """How many of the rows are features."""
        return len(self.influence)


def wiring(graph: AttributionGraph, nodes: Int[Tensor, "feature 4"]) -> Wiring:
    """The wiring of a task graph among these features, tokens and output."""
    ids = node_ids(graph)
    common = graph.of_kind(NodeKind.TOKEN, NodeKind.LOGIT).nonzero()[:, 0]
    columns = torch.stack([graph.kind, graph.layer, graph.position, graph.index], 1)
    place = {tuple(row): i for i, row in enumerate(columns.tolist())}
    features = torch.tensor([place.get(tuple(row), -1) for row in nodes.tolist()], dtype=torch.long)
    number = torch.full((graph.n_nodes,), -1)
    number[features[features >= 0]] = torch.arange(len(nodes))[features >= 0]
    number[common] = len(nodes) + torch.arange(len(common))
    total = influence(graph)
    passed = total + graph.logit_weight.double()
    source, target = number[graph.edge_index]
    kept = (source >= 0) & (target >= 0)
    score = torch.zeros(len(nodes) + len(common), len(nodes) + len(common), dtype=torch.float64)
    value = edge_shares(graph) * passed[graph.edge_index[1]]
    score.index_put_((source[kept], target[kept]), value[kept], accumulate=True)
    score[len(nodes) :, len(nodes) :] = 0
    own = torch.where(features >= 0, total[features.clamp(min=0)], 0.0)
    return Wiring(score=score, shared=tuple(ids[i] for i in common.tolist()), influence=own)


def strongest(
    score: Float[Tensor, "source target"], held: float = HELD
) -> Bool[Tensor, "source target"]:
    """The fewest edges that hold a share of the whole score."""
    flat = score.flatten()
    value, order = flat.sort(descending=True, stable=True)
    before = value.cumsum(0) - value
    keep = torch.zeros_like(flat, dtype=torch.bool)
    keep[order] = (before < held * flat.sum()) & (value > 0)
    return keep.view_as(score)


def partners(one: Wiring, two: Wiring, found: Match) -> Int[Tensor, " row"]:
    """Row of the second wiring for each row of the first; −1 where it has no partner."""
    row = torch.full((len(one.score),), -1)
    row[found.one] = found.two
    there = {name: two.n_features + i for i, name in enumerate(two.shared)}
    for i, name in enumerate(one.shared):
        row[one.n_features + i] = there.get(name, -1)
    return row


def edge_jaccard(
    one: Bool[Tensor, "row row"],
    two: Bool[Tensor, "other other"],
    row: Int[Tensor, " row"],
) -> float:
    """|common| / |either| of two circuits' edges; 0 where neither has one.

    Args:
        one: Edges of the first circuit.
        two: Edges of the second.
        row: What `partners` gives.
    """
    source, target = one.nonzero().T
    there = row[source], row[target]
    known = (there[0] >= 0) & (there[1] >= 0)
    common = int(two[there[0][known], there[1][known]].sum())
    either = len(source) + int(two.sum()) - common
    return common / either if either else 0.0


def role_likeness(
    one: Wiring, two: Wiring, row: Int[Tensor, " row"], role: Int[np.ndarray, " feature"]
) -> float:
    """Cosine of the two role graphs, in [0, 1]; 0 where either has no edge.

    Args:
        one: First wiring.
        two: Second wiring.
        row: What `partners` gives.
        role: Supernode of each feature of the first.
    """
    kept = (row >= 0).nonzero()[:, 0]
    shared = torch.arange(len(one.shared)) + int(role.max(initial=-1)) + 1
    group = torch.cat([torch.from_numpy(np.asarray(role, dtype=np.int64)), shared])[kept]
    size = int(group.max()) + 1 if len(group) else 0
    first = _coarse(one.score[kept][:, kept], group, size)
    second = _coarse(two.score[row[kept]][:, row[kept]], group, size)
    pair = first.sqrt().flatten(), second.sqrt().flatten()
    return float(cosine_similarity(*pair, dim=0))


def _coarse(
    score: Float[Tensor, "row row"], group: Int[Tensor, " row"], size: int
) -> Float[Tensor, "group group"]:
    onto = torch.zeros(len(group), size, dtype=score.dtype)
    onto[torch.arange(len(group)), group] = 1
    return onto.T @ score @ onto


def roles(bundle: Bundle) -> Int[np.ndarray, " node"]:
    """Supernode of each circuit node at the first level with about ten to twenty of them."""
    tree = bundle.hierarchy
    for level in range(tree.depth + 1):
        count = len(tree.level(level))
        if count >= FEWEST:
            return tree.labels(level if count <= MOST or level == 0 else level - 1)
    return tree.labels(tree.depth)
