"""One graph of a whole task, pooled over the graphs of its prompts.

1. Align: prompts of one task may differ in length; positions are counted from the right.
2. Match nodes by (kind, layer, aligned position, index), packed into one number, the node's key.
   Tokens match by position alone, since their index is the word itself; so do logit directions,
   whose index is -1.
3. Over all prompts, a node that is not there counting as 0: mean direct effect, mean absolute
   effect, sign consistency |mean| / mean|.| and frequency of every edge.

Graphs are taken one at a time and added up as sparse matrices, always two sums of equally many
prompts: an edge is then moved log2(prompts) times, and at most so many sums are held. Rows and
columns stand in the order of the keys. A prompt's graph has its nodes and edges in that order
already (`build`; heads and left-out features are behind the rest, and a graph with them is sorted),
and wider sums keep it.
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
BITS = (12, 20, 27)
"""Of layer, position and index in a key, each one more than its value; the kind is above them."""


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
    sums: list[_Sum] = []
    for graph, shift in zip(graphs, shifts, strict=True):
        sums.append(_sum_of(graph, shift))
        while len(sums) > 1 and sums[-2].prompts == sums[-1].prompts:
            _merge(sums)
    while len(sums) > 1:
        _merge(sums)
    if not sums:
        raise GraphError(
            "No graph was given to pool; a task graph needs at least one prompt. Add prompts."
        )
    return _means(sums[0])


class _Sum(NamedTuple):
    """Nodes and edges added up over some prompts."""

    prompts: int
    keys: Int[np.ndarray, " node"]
    """Ascending."""
    nodes: Float[np.ndarray, "node 3"]
    """Prompts that have the node, sum of its activations and of its logit weights."""
    effect: csr_array
    """Row target, column source. Real part: sum of the effects; imaginary part: sum of their
    sizes, so that edges which cancel stay."""
    often: csr_array
    """Prompts that have the edge; entries as in `effect`."""

    def among(self, keys: Int[np.ndarray, " more"]) -> "_Sum":
        """The same among more nodes."""
        if len(keys) == len(self.keys):
            return self
        place, n = np.searchsorted(keys, self.keys), len(keys)
        nodes = np.zeros((n, 3))
        nodes[place] = self.nodes
        first = np.zeros(n + 1, dtype=np.int32)
        first[place + 1] = np.diff(self.effect.indptr)
        first = first.cumsum(dtype=np.int32)
        source = place.astype(np.int32)[self.effect.indices]
        effect, often = (
            csr_array((one.data, source, first), shape=(n, n)) for one in (self.effect, self.often)
        )
        return _Sum(self.prompts, keys, nodes, effect, often)


def _merge(sums: list[_Sum]) -> None:
    """The last two become one."""
    one, other = sums[-2:]
    keys = np.union1d(one.keys, other.keys)
    one, other = one.among(keys), other.among(keys)
    sums[-2:] = [
        _Sum(
            prompts=one.prompts + other.prompts,
            keys=keys,
            nodes=one.nodes + other.nodes,
            effect=csr_array(one.effect + other.effect),
            often=csr_array(one.often + other.often),
        )
    ]


def _sum_of(graph: AttributionGraph, shift: int) -> _Sum:
    """One prompt's."""
    keys, number = np.unique(_keys(graph, shift), return_inverse=True)
    nodes = np.zeros((len(keys), 3))
    columns = (torch.ones(graph.n_nodes), graph.activation, graph.logit_weight)
    np.add.at(nodes, number, torch.stack(columns, 1).double().numpy())
    effect = _edges(graph, number, len(keys))
    ones = np.ones(effect.nnz, dtype=np.float32)
    often = csr_array((ones, effect.indices, effect.indptr), shape=effect.shape)
    return _Sum(1, keys, nodes, effect, often)


def _keys(graph: AttributionGraph, shift: int) -> Int[np.ndarray, " node"]:
    index = torch.where(graph.kind == int(NodeKind.TOKEN), -1, graph.index)
    position = torch.where(graph.position < 0, -1, graph.position + shift)
    key = graph.kind.long()
    for bits, column in zip(BITS, (graph.layer, position, index), strict=True):
        key = (key << bits) + column + 1
    return key.numpy()


def _columns(keys: Int[np.ndarray, " node"]) -> list[Int[Tensor, " node"]]:
    """Kind, layer, position and index of each key."""
    left, found = torch.from_numpy(keys), []
    for bits in reversed(BITS):
        found.append((left & ((1 << bits) - 1)) - 1)
        left = left >> bits
    return [left, *reversed(found)]


def _edges(graph: AttributionGraph, number: Int[np.ndarray, " node"], n: int) -> csr_array:
    """A graph's edges by number of the node, as `_Sum` has them."""
    (source, target), effect = number[graph.edge_index.numpy()], graph.direct_effect.numpy()
    if not effect.all():  # as sparse sums keep them
        kept = effect != 0
        source, target, effect = source[kept], target[kept], effect[kept]
    both = np.empty(len(effect), dtype=np.complex128)
    both.real, both.imag = effect, np.abs(effect)
    place = target * n + source
    if not (place[1:] > place[:-1]).all():  # not in order, or some edge is there twice
        return csr_array(coo_array((both, (target, source)), shape=(n, n)))
    first = np.searchsorted(target, np.arange(n + 1)).astype(np.int32)
    return csr_array((both, source.astype(np.int32), first), shape=(n, n))


def _means(total: _Sum) -> TaskGraph:
    """What is told of a sum, by its prompts."""
    effect, count = total.effect.tocoo(), total.prompts
    mean, mean_abs, frequency = (
        torch.from_numpy(column / count)
        for column in (np.real(effect.data), np.imag(effect.data), total.often.data)
    )
    ends = np.stack([effect.col, effect.row]).astype(np.int64)
    kind, layer, position, index = _columns(total.keys)
    nodes = torch.from_numpy(total.nodes / count).float()
    return TaskGraph(
        kind=kind,
        layer=layer,
        position=position,
        index=index,
        node_frequency=nodes[:, 0],
        activation=nodes[:, 1],
        logit_weight=nodes[:, 2],
        edge_index=torch.from_numpy(ends),
        mean=mean.float(),
        mean_abs=mean_abs.float(),
        sign_consistency=(mean.abs() / mean_abs.clamp(min=FLOOR)).float(),
        frequency=frequency.float(),
        n_prompts=count,
    )
