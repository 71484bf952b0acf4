"""Statistics of a task graph that guides read, from two passes over the attribution split.

A pooled graph has means of what clean prompts do. How far each feature moves between a prompt and
its corrupt twin, which is what resample ablation does to it, takes one pass over each.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from core.attribution import TaskGraph
from core.graph import AttributionGraph, NodeKind
from core.guide import Pooled
from core.interventions import corrupt_state
from core.pipeline.prepare import Prepared, head
from core.tasks import Split
from core.transcoders import TranscoderSet


def pooled_statistics(
    prepared: Prepared,
    transcoders: TranscoderSet,
    task: TaskGraph,
    graph: AttributionGraph,
    prompts: int,
) -> Pooled:
    """Frequencies, sizes and shifts of a graph's nodes and edges.

    Args:
        prepared: Model and prompts.
        transcoders: Their features are the graph's.
        task: The pooled graph.
        graph: Its graph, or one that has further nodes behind the same ones and the same edges.
        prompts: Of the attribution split; as many as were pooled.
    """
    moved = _moved(prepared, transcoders, prompts)
    places = torch.stack([graph.layer, graph.position, graph.index])
    more = graph.n_nodes - len(task.node_frequency)
    frequency = torch.cat([task.node_frequency, torch.zeros(more)])
    size, shift = graph.activation.abs(), torch.zeros(graph.n_nodes)
    here = graph.of_kind(NodeKind.FEATURE)
    site = tuple(places[:, here])
    frequency[here], size[here], shift[here] = (
        moved.fires[site],
        moved.size[site],
        moved.shift[site],
    )
    here = graph.of_kind(NodeKind.HEAD)
    # A head's activation is in logits; only the share of it that moves is taken from its output.
    shift[here] = size[here] * moved.head[tuple(places[:, here])]
    return Pooled(frequency=frequency, size=size, shift=shift, edge_size=task.mean_abs)


class _Moved(NamedTuple):
    """Means over the prompts of the attribution split."""

    size: Float[Tensor, "layer pos feature"]
    """Mean |a|."""
    shift: Float[Tensor, "layer pos feature"]
    """Mean |a − a°|."""
    fires: Float[Tensor, "layer pos feature"]
    """Share of prompts with a ≠ 0."""
    head: Float[Tensor, "layer pos head"]
    """Mean length of z − z° over mean length of z."""


def _moved(prepared: Prepared, transcoders: TranscoderSet, prompts: int) -> _Moved:
    frame = (prepared.model.n_layers, prepared.length)
    size, shift, fires = (torch.zeros(*frame, transcoders.n_features) for _ in range(3))
    length, apart = (torch.zeros(*frame, prepared.model.n_heads) for _ in range(2))
    batches = head(prepared.batches[Split.ATTRIBUTION], prompts)
    for batch in batches:
        clean, corrupt = (
            corrupt_state(prepared.model, transcoders, ids) for ids in (batch.clean, batch.corrupt)
        )
        own = slice(batch.shift, None)
        size[:, own] += clean.activation.abs().sum(1)
        shift[:, own] += (clean.activation - corrupt.activation).abs().sum(1)
        fires[:, own] += (clean.activation != 0).sum(1)
        length[:, own] += clean.z.norm(dim=-1).sum(1)
        apart[:, own] += (clean.z - corrupt.z).norm(dim=-1).sum(1)
    total = sum(len(batch.clean) for batch in batches)
    return _Moved(size / total, shift / total, fires / total, apart / length.clamp(min=1e-12))
