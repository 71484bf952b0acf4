"""One graph of a whole task, pooled over the graphs of its prompts.

1. Align: prompts of one task may differ in length; positions are counted from the right.
2. Match nodes by (kind, layer, aligned position, index). Tokens match by position alone, since
   their index is the word itself; so do logit directions, whose index is -1.
3. Over all prompts, a node that is not there counting as 0: mean direct effect, mean absolute
   effect, sign consistency |mean| / mean|.| and frequency of every edge.

Graphs are taken one at a time and added up; only the sums are held.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.errors import GraphError
from core.graph import AttributionGraph, NodeKind

BUFFERED_EDGES = 2_000_000
"""Edges gathered before equal ones are added up."""
FLOOR = 1e-30
"""Smallest mean absolute effect that sign consistency is divided by."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TaskGraph:
    """Nodes and edges of a task's prompts, with means over the prompts."""

    kind: Int[Tensor, " node"]
    """NodeKind of each node."""
    layer: Int[Tensor, " node"]
    """As in AttributionGraph."""
    position: Int[Tensor, " node"]
    """Aligned at the right; -1 for constants."""
    index: Int[Tensor, " node"]
    """As in AttributionGraph; -1 for tokens."""
    activation: Float[Tensor, " node"]
    """Mean over all prompts, 0 where a node is absent."""
    logit_weight: Float[Tensor, " node"]
    """Mean over all prompts."""
    node_frequency: Float[Tensor, " node"]
    """Share of prompts that have the node, in (0, 1]."""
    edge_index: Int[Tensor, "2 edge"]
    """Row 0 source, row 1 target."""
    mean: Float[Tensor, " edge"]
    """Mean direct effect."""
    mean_abs: Float[Tensor, " edge"]
    """Mean absolute direct effect."""
    sign_consistency: Float[Tensor, " edge"]
    """|mean| / mean_abs, in [0, 1]; below 0.5 the edge's sign depends on the prompt."""
    frequency: Float[Tensor, " edge"]
    """Share of prompts that have the edge, in (0, 1]."""
    n_prompts: int
    """Prompts pooled."""

    def graph(self) -> AttributionGraph:
        """The task as one attribution graph of mean activations and mean direct effects."""
        return AttributionGraph(
            kind=self.kind,
            layer=self.layer,
            position=self.position,
            index=self.index,
            activation=self.activation,
            logit_weight=self.logit_weight,
            edge_index=self.edge_index,
            direct_effect=self.mean,
        )


def pool_graphs(graphs: Iterable[AttributionGraph], shifts: Iterable[int]) -> TaskGraph:
    """Pools prompts' graphs as they come.

    Args:
        graphs: One for each prompt, all with the same model, transcoders and target choice.
        shifts: What aligns each prompt: the longest length of the task less its own.

    Raises:
        GraphError: If there is no graph.
    """
    pool = _Pool()
    for graph, shift in zip(graphs, shifts, strict=True):
        pool.add(graph, shift)
    return pool.result()


class _Pool:
    """Running sums over graphs."""

    def __init__(self) -> None:
        self.nodes: dict[tuple[int, ...], int] = {}
        self.node_sums: list[Tensor] = []
        self.edges: list[tuple[Tensor, Tensor]] = []
        self.buffered, self.prompts = 0, 0

    def add(self, graph: AttributionGraph, shift: int) -> None:
        number = self._numbers(graph, shift)
        one = torch.ones(graph.n_nodes, dtype=torch.float64)
        columns = torch.stack([one, graph.activation.double(), graph.logit_weight.double()], 1)
        sums = columns.new_zeros(len(self.nodes), 3).index_add_(0, number, columns)
        self.node_sums = [_padded_sum([*self.node_sums, sums])]
        source, target = number[graph.edge_index]
        effect = graph.direct_effect.double()
        values = torch.stack([effect, effect.abs(), torch.ones_like(effect)], 1)
        self.edges.append(((source << 32) | target, values))
        self.buffered += graph.n_edges
        self.prompts += 1
        if self.buffered > BUFFERED_EDGES:
            self._merge()

    def _numbers(self, graph: AttributionGraph, shift: int) -> Int[Tensor, " node"]:
        index = torch.where(graph.kind == int(NodeKind.TOKEN), -1, graph.index)
        position = torch.where(graph.position < 0, -1, graph.position + shift)
        keys = torch.stack([graph.kind, graph.layer, position, index], 1).tolist()
        numbers = [self.nodes.setdefault(tuple(key), len(self.nodes)) for key in keys]
        return torch.tensor(numbers)

    def _merge(self) -> tuple[Tensor, Tensor]:
        keys, values = (torch.cat(part) for part in zip(*self.edges, strict=True))
        distinct, place = keys.unique(return_inverse=True)
        total = values.new_zeros(len(distinct), 3).index_add_(0, place, values)
        self.edges, self.buffered = [(distinct, total)], 0
        return distinct, total

    def result(self) -> TaskGraph:
        if not self.prompts:
            raise GraphError(
                "No graph was given to pool; a task graph needs at least one prompt. Add prompts."
            )
        keys, sums = self._merge()
        nodes = torch.tensor(list(self.nodes))
        order = _in_order(nodes)
        place = order.argsort()
        kind, layer, position, index = nodes[order].T.contiguous()
        per_node = (self.node_sums[0] / self.prompts)[order].float()
        per_edge = sums / self.prompts
        return TaskGraph(
            kind=kind,
            layer=layer,
            position=position,
            index=index,
            node_frequency=per_node[:, 0],
            activation=per_node[:, 1],
            logit_weight=per_node[:, 2],
            edge_index=place[torch.stack([keys >> 32, keys & (2**32 - 1)])],
            mean=per_edge[:, 0].float(),
            mean_abs=per_edge[:, 1].float(),
            sign_consistency=(per_edge[:, 0].abs() / per_edge[:, 1].clamp(min=FLOOR)).float(),
            frequency=per_edge[:, 2].float(),
            n_prompts=self.prompts,
        )


def _padded_sum(parts: list[Tensor]) -> Tensor:
    """Sum of tables with as many rows as the longest."""
    total = parts[-1].clone()
    for part in parts[:-1]:
        total[: len(part)] += part
    return total


def _in_order(nodes: Int[Tensor, "node column"]) -> Int[Tensor, " node"]:
    """Order by kind, layer, position and index."""
    order = torch.arange(len(nodes))
    for column in reversed(range(nodes.shape[1])):
        order = order[nodes[order, column].argsort(stable=True)]
    return order
