"""Task graphs: the graphs of many prompts, pooled into one.

1. Nodes of different prompts are one node if they have the same kind, layer, aligned position and
   index; a token node stands for whatever token is at its position.
2. Each edge keeps four numbers over the N prompts: mean effect (absent counts as 0), mean |effect|,
   sign consistency |Σ effect| / Σ |effect|, and the share of prompts that have it.
3. Graphs are added one by one and never held together.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.errors import GraphError
from core.graph import AttributionGraph, NodeKind

COLUMNS = ("kind", "layer", "position", "index")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TaskGraph:
    """One graph for many prompts; positions are aligned at the right."""

    graph: AttributionGraph
    """`direct_effect` and `activation` are means over all prompts."""
    mean_abs: Float[Tensor, " edge"]
    """Mean |effect|, same units as the effect."""
    sign_consistency: Float[Tensor, " edge"]
    """|Σ effect| / Σ |effect|, in [0, 1]; 1 = always the same sign."""
    frequency: Float[Tensor, " edge"]
    """Share of prompts in which the edge exists."""
    node_frequency: Float[Tensor, " node"]
    """Share of prompts in which the node exists."""
    n_prompts: int
    """Graphs pooled."""


class _Sums:
    """Running sums over keyed rows; grows as keys appear."""

    def __init__(self, width: int) -> None:
        self.keys = torch.zeros(0, width, dtype=torch.long)
        self.values = torch.zeros(0, 3)

    def add(self, keys: Int[Tensor, "row width"], values: Float[Tensor, "row 3"]) -> None:
        joined = torch.cat([self.keys, keys])
        self.keys, place = joined.unique(dim=0, return_inverse=True)
        sums = torch.zeros(len(self.keys), 3)
        self.values = sums.index_add(0, place, torch.cat([self.values, values]))


def pool_graphs(graphs: Iterable[tuple[AttributionGraph, int]]) -> TaskGraph:
    """Pools graphs, each given with the shift from its positions to aligned ones.

    Raises:
        GraphError: If there is no graph.
    """
    nodes, edges, count = _Sums(4), _Sums(8), 0
    for graph, shift in graphs:
        keys = _keys(graph, shift)
        ones = torch.ones(graph.n_nodes)
        nodes.add(keys, torch.stack([graph.activation, graph.logit_weight, ones], 1))
        effect = graph.direct_effect
        columns = torch.stack([effect, effect.abs(), torch.ones_like(effect)], 1)
        edges.add(torch.cat([keys[graph.edge_index[0]], keys[graph.edge_index[1]]], 1), columns)
        count += 1
    if not count:
        raise GraphError(
            "No graphs to pool: got none, at least one is required. Give the attribution split "
            "some prompts."
        )
    return _task_graph(nodes, edges, count)


def _keys(graph: AttributionGraph, shift: int) -> Int[Tensor, "node 4"]:
    """What makes nodes of different prompts the same."""
    placed = graph.position >= 0
    token = graph.kind == int(NodeKind.TOKEN)
    return torch.stack(
        [
            graph.kind,
            graph.layer,
            torch.where(placed, graph.position + shift, graph.position),
            torch.where(token, -1, graph.index),
        ],
        1,
    )


def _task_graph(nodes: _Sums, edges: _Sums, count: int) -> TaskGraph:
    place = {tuple(row): i for i, row in enumerate(nodes.keys.tolist())}
    ends = edges.keys.tolist()
    edge_index = torch.tensor([[place[tuple(row[:4])], place[tuple(row[4:])]] for row in ends]).T
    signed, absolute, times = edges.values.T
    activation, weight, seen = nodes.values.T
    columns = dict(zip(COLUMNS, nodes.keys.T, strict=True))
    return TaskGraph(
        graph=AttributionGraph(
            **columns,
            activation=activation / count,
            logit_weight=weight / count,
            edge_index=edge_index.reshape(2, -1),
            direct_effect=signed / count,
        ),
        mean_abs=absolute / count,
        sign_consistency=signed.abs() / absolute.clamp(min=1e-30),
        frequency=times / count,
        node_frequency=seen / count,
        n_prompts=count,
    )
