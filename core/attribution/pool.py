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
LARGEST = 2**31
"""Nodes that can be told apart; a pair of node numbers is one integer."""
MERGE_ROWS = 4_000_000
"""Edges gathered before equal ones are summed; bounds memory."""


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
    """Running sums over integer keys, merged when enough have gathered."""

    def __init__(self) -> None:
        self.keys = torch.zeros(0, dtype=torch.long)
        self.values = torch.zeros(0, 3)
        self._waiting: list[tuple[Tensor, Tensor]] = []
        self._rows = 0

    def add(self, keys: Int[Tensor, " row"], values: Float[Tensor, "row 3"]) -> None:
        """Adds rows; equal keys sum."""
        self._waiting.append((keys, values))
        self._rows += len(keys)
        if self._rows > MERGE_ROWS:
            self.merge()

    def merge(self) -> None:
        """Brings what waits into `keys` (ascending) and `values`."""
        keys = torch.cat([self.keys, *(k for k, _ in self._waiting)])
        values = torch.cat([self.values, *(v for _, v in self._waiting)])
        self.keys, place = keys.unique(return_inverse=True)
        self.values = torch.zeros(len(self.keys), 3).index_add(0, place, values)
        self._waiting, self._rows = [], 0


class _Nodes:
    """Numbers nodes as they appear, so that the same node has one number in every prompt."""

    def __init__(self) -> None:
        self.number: dict[tuple[int, ...], int] = {}

    def of(self, graph: AttributionGraph, shift: int) -> Int[Tensor, " node"]:
        """The number of each node of a graph."""
        rows = _identity(graph, shift).tolist()
        return torch.tensor([self.number.setdefault(tuple(r), len(self.number)) for r in rows])


def pool_graphs(graphs: Iterable[tuple[AttributionGraph, int]]) -> TaskGraph:
    """Pools graphs, each given with the shift from its positions to aligned ones.

    Raises:
        GraphError: If there is no graph.
    """
    numbering, nodes, edges, count = _Nodes(), _Sums(), _Sums(), 0
    for graph, shift in graphs:
        ids = numbering.of(graph, shift)
        nodes.add(ids, _columns(graph.activation, graph.logit_weight))
        source, target = ids[graph.edge_index]
        edges.add(
            source * LARGEST + target, _columns(graph.direct_effect, graph.direct_effect.abs())
        )
        count += 1
    if not count:
        raise GraphError(
            "No graphs to pool: got none, at least one is required. Give the attribution split "
            "some prompts."
        )
    nodes.merge()
    edges.merge()
    return _task_graph(list(numbering.number), nodes, edges, count)


def _columns(first: Tensor, second: Tensor) -> Float[Tensor, "row 3"]:
    """Two values and a count of one."""
    return torch.stack([first, second, torch.ones_like(first)], 1)


def _identity(graph: AttributionGraph, shift: int) -> Int[Tensor, "node 4"]:
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


def _task_graph(
    identity: list[tuple[int, ...]], nodes: _Sums, edges: _Sums, count: int
) -> TaskGraph:
    signed, absolute, times = edges.values.T
    activation, weight, seen = nodes.values.T
    columns = dict(zip(COLUMNS, torch.tensor(identity).T, strict=True))
    return TaskGraph(
        graph=AttributionGraph(
            **columns,
            activation=activation / count,
            logit_weight=weight / count,
            edge_index=torch.stack([edges.keys // LARGEST, edges.keys % LARGEST]),
            direct_effect=signed / count,
        ),
        mean_abs=absolute / count,
        sign_consistency=signed.abs() / absolute.clamp(min=1e-30),
        frequency=times / count,
        node_frequency=seen / count,
        n_prompts=count,
    )
