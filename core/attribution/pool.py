"""One graph of a whole task, pooled over the graphs of its prompts.

1. Align: prompts of one task may differ in length; positions are counted from the right.
2. Match nodes by (kind, layer, aligned position, index). Tokens match by position alone, since
   their index is the word itself; so do logit directions, whose index is -1.
3. Over all prompts, a node that is not there counting as 0: mean direct effect, mean absolute
   effect, sign consistency |mean| / mean|.| and frequency of every edge.

Graphs are taken one at a time and added up as sparse matrices, always two sums of equally many
prompts: an edge is then moved log2(prompts) times, and at most so many sums are held.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.sparse import coo_array, csr_array
from torch import Tensor

from core.errors import GraphError
from core.graph import AttributionGraph, NodeKind

FLOOR = 1e-30
"""Smallest mean absolute effect that sign consistency is divided by."""

TABLED = 8192
"""Nodes up to which a prompt's edges are put in order by a full table (256 MB at most)."""


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


class _Sum(NamedTuple):
    """Edges added up over some prompts; row source, column target, by number of the node."""

    prompts: int
    nodes: int
    effect: csr_array
    """Real part: sum of the effects; imaginary part: sum of their sizes, so that edges which
    cancel stay."""
    often: csr_array
    """Prompts that have the edge; entries as in `effect`."""

    def plus(self, other: "_Sum") -> "_Sum":
        nodes = max(self.nodes, other.nodes)
        for one in (self, other):
            one.effect.resize(nodes, nodes)
            one.often.resize(nodes, nodes)
        return _Sum(
            prompts=self.prompts + other.prompts,
            nodes=nodes,
            effect=csr_array(self.effect + other.effect),
            often=csr_array(self.often + other.often),
        )


class _Pool:
    """Running sums over graphs."""

    def __init__(self) -> None:
        self.nodes: dict[tuple[int, ...], int] = {}
        self.node_sums: list[Tensor] = []
        self.sums: list[_Sum] = []
        self.prompts = 0

    def add(self, graph: AttributionGraph, shift: int) -> None:
        number = self._numbers(graph, shift)
        one = torch.ones(graph.n_nodes, dtype=torch.float64)
        columns = torch.stack([one, graph.activation.double(), graph.logit_weight.double()], 1)
        sums = columns.new_zeros(len(self.nodes), 3).index_add_(0, number, columns)
        self.node_sums = [_padded_sum([*self.node_sums, sums])]
        self.sums.append(self._edges(graph, number))
        self.prompts += 1
        while len(self.sums) > 1 and self.sums[-2].prompts == self.sums[-1].prompts:
            self._merge()

    def _edges(self, graph: AttributionGraph, number: Int[Tensor, " node"]) -> _Sum:
        total, n = _sparse(graph, number.numpy(), len(self.nodes)), len(self.nodes)
        ones = np.ones(total.nnz, dtype=np.float32)
        often = csr_array((ones, total.indices, total.indptr), shape=(n, n))
        return _Sum(prompts=1, nodes=n, effect=total, often=often)

    def _numbers(self, graph: AttributionGraph, shift: int) -> Int[Tensor, " node"]:
        index = torch.where(graph.kind == int(NodeKind.TOKEN), -1, graph.index)
        position = torch.where(graph.position < 0, -1, graph.position + shift)
        keys = torch.stack([graph.kind, graph.layer, position, index], 1).tolist()
        numbers = [self.nodes.setdefault(tuple(key), len(self.nodes)) for key in keys]
        return torch.tensor(numbers)

    def _merge(self) -> None:
        last = self.sums.pop()
        self.sums[-1] = self.sums[-1].plus(last)

    def result(self) -> TaskGraph:
        if not self.prompts:
            raise GraphError(
                "No graph was given to pool; a task graph needs at least one prompt. Add prompts."
            )
        ends, mean, mean_abs, frequency = self._means()
        nodes = torch.tensor(list(self.nodes))
        order = _in_order(nodes)
        place = order.argsort()
        kind, layer, position, index = nodes[order].T.contiguous()
        per_node = (self.node_sums[0] / self.prompts)[order].float()
        return TaskGraph(
            kind=kind,
            layer=layer,
            position=position,
            index=index,
            node_frequency=per_node[:, 0],
            activation=per_node[:, 1],
            logit_weight=per_node[:, 2],
            edge_index=place[ends],
            mean=mean.float(),
            mean_abs=mean_abs.float(),
            sign_consistency=(mean.abs() / mean_abs.clamp(min=FLOOR)).float(),
            frequency=frequency.float(),
            n_prompts=self.prompts,
        )

    def _means(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Ends of every edge by number, mean effect, mean size and frequency; in their order."""
        while len(self.sums) > 1:
            self._merge()
        effect, often = self.sums[0].effect.tocoo(), self.sums[0].often
        signed, size, frequency = (
            torch.from_numpy(column / self.prompts)
            for column in (np.real(effect.data), np.imag(effect.data), often.data)
        )
        ends = np.stack([effect.row, effect.col]).astype(np.int64)
        return torch.from_numpy(ends), signed, size, frequency


def _sparse(graph: AttributionGraph, number: np.ndarray, n: int) -> csr_array:
    """A graph's edges by number of the node, as `_Sum` has them."""
    ends, effect = graph.edge_index.numpy(), graph.direct_effect.numpy()
    if len(number) <= TABLED and len(np.unique(number)) == len(number):
        found = _tabled(ends, effect, number, n)
        if found.nnz == np.count_nonzero(effect):  # else some edge is there twice
            return found
    kept = effect != 0  # as sparse sums keep them
    both = _with_size(effect[kept])
    return csr_array(coo_array((both, tuple(number[ends][:, kept])), shape=(n, n)))


def _tabled(ends: np.ndarray, effect: np.ndarray, number: np.ndarray, n: int) -> csr_array:
    """By way of a full table: what is read off it is in order, a list would have to be sorted."""
    order = np.argsort(number)
    place, known = np.argsort(order), number[order]
    table = np.zeros((len(order), len(order)), dtype=effect.dtype)
    table[place[ends[0]], place[ends[1]]] = effect
    there = table != 0
    first = np.zeros(n + 1, dtype=np.int32)
    first[known + 1] = there.sum(1)
    columns = np.broadcast_to(known.astype(np.int32), table.shape)[there]
    return csr_array((_with_size(table[there]), columns, first.cumsum(dtype=np.int32)), (n, n))


def _with_size(effect: np.ndarray) -> np.ndarray:
    """Effect and size as one complex number."""
    both = np.empty(len(effect), dtype=np.complex128)
    both.real = effect
    both.imag = np.abs(effect)
    return both


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
