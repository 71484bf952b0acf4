"""The edges at one node of a prompt's graph, each as the sum of its paths (`heads`).

Only the largest on either side are split, as that is what somebody reads; the work is that of a few
vectors. Edges that have no one place to start or end (constants, heads that are nodes) stay whole.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from core.attribution.heads import SOURCES, TARGETS, HeadSplit, split_by_head
from core.attribution.targets import SALIENT, TargetChoice
from core.graph import AttributionGraph
from core.models import LanguageModel
from core.transcoders import TranscoderSet

MOST = 8
"""Edges split on each side of a node."""
AT_ONCE = 4096
"""Edges split at once where all of a graph's are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """One edge by the last head that carries it."""

    direct: float
    """Through no head; units of the target."""
    heads: tuple[tuple[str, float], ...]
    """`L1H2` and what runs through it last, largest first; heads that carry nothing left out."""

    @property
    def total(self) -> float:
        """The edge itself, up to rounding."""
        return self.direct + sum(effect for _, effect in self.heads)


def paths_at(
    model: LanguageModel,
    transcoders: TranscoderSet,
    ids: Int[Tensor, " pos"],
    graph: AttributionGraph,
    node: int,
    targets: TargetChoice = SALIENT,
    most: int = MOST,
) -> Mapping[int, Paths]:
    """The largest edges into and out of a node, split; by their column of `graph.edge_index`.

    Args:
        model: The model of the graph.
        transcoders: The transcoders of the graph.
        ids: The prompt of the graph.
        graph: From `build_graph` on this prompt, pruned or not; positions not aligned.
        node: Row of the node.
        targets: As given to `build_graph`.
        most: Edges split on each side.
    """
    columns = splittable(graph)
    size = graph.direct_effect.abs()
    chosen = []
    for end in (0, 1):
        mine = columns[graph.edge_index[end, columns] == node]
        chosen += mine[size[mine].argsort(descending=True, stable=True)[:most]].tolist()
    if not chosen:
        return {}
    edges = columns.new_tensor(chosen)
    split = split_by_head(model, transcoders, ids, graph, edges, targets)
    return {
        edge: Paths(direct=direct, heads=_named(parts))
        for edge, direct, parts in zip(chosen, split.direct.tolist(), split.heads, strict=True)
    }


def split_every_edge(
    model: LanguageModel,
    transcoders: TranscoderSet,
    ids: Int[Tensor, " pos"],
    graph: AttributionGraph,
    targets: TargetChoice = SALIENT,
) -> HeadSplit:
    """All edges of a graph, in its order, some at a time; NaN where there is no one path.

    Memory of the result: edges · (layers · heads + 1) · 4 bytes.
    """
    columns, n_edges = splittable(graph), graph.n_edges
    direct = torch.full((n_edges,), torch.nan)
    heads = torch.full((n_edges, model.n_layers, model.n_heads), torch.nan)
    # edges of one source stand together, so that its way up is carried but once or twice
    columns = columns[graph.edge_index[0, columns].argsort(stable=True)]
    for some in columns.split(AT_ONCE):
        found = split_by_head(model, transcoders, ids, graph, some, targets)
        direct[some], heads[some] = found.direct, found.heads
    return HeadSplit(direct=direct, heads=heads)


def splittable(graph: AttributionGraph) -> Int[Tensor, " edge"]:
    """Columns of the edges that have a path to split."""
    source, target = graph.edge_index
    known = graph.of_kind(*SOURCES)[source] & graph.of_kind(*TARGETS)[target]
    return known.nonzero()[:, 0]


def _named(parts: Tensor) -> tuple[tuple[str, float], ...]:
    """[layer, head] as names and effects, largest first."""
    found = [
        (f"L{layer}H{head}", float(parts[layer, head])) for layer, head in parts.nonzero().tolist()
    ]
    return tuple(sorted(found, key=lambda part: -abs(part[1])))
