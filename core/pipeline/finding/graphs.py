"""The task graph of a run, and the part of it that a bundle keeps.

1. One exact graph per prompt of the attribution split, on answer − wrong.
2. All of them pooled by (kind, layer, aligned position, index): means, frequencies, sign agreement.
3. For a bundle: the circuit's nodes, every leaf and the logit. What the nodes outside the
   circuit send to a kept node is one node of its own, so that incoming edges still sum.
"""

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.attribution import (
    AttributionSettings,
    Direction,
    TaskGraph,
    build_graphs,
    pool_graphs,
)
from core.circuit import Attention, GatedNode, leaf_numbers
from core.graph import LEFT_OUT, AttributionGraph, NodeKind
from core.pipeline.prepare import Prepared, head
from core.pipeline.progress import OnProgress, RunProgress
from core.tasks import Split
from core.transcoders import TranscoderSet

CHOSEN = (NodeKind.FEATURE, NodeKind.HEAD)
"""Kinds that a circuit keeps or leaves out."""
EDGE_COLUMNS = ("mean_abs", "sign_consistency", "frequency")
"""What a pooled edge says besides its mean."""


def task_graph(
    prepared: Prepared,
    transcoders: TranscoderSet,
    prompts: int,
    progress: OnProgress,
    attention: Attention = Attention.LIVE,
) -> TaskGraph:
    """The pooled graph over the first `prompts` of the attribution split.

    Heads are nodes of it where they count, and paths through them are split there.
    """
    settings = AttributionSettings(heads="nodes" if attention is Attention.CIRCUIT else "in edges")
    batches = head(prepared.batches[Split.ATTRIBUTION], prompts)
    total = sum(len(batch.clean) for batch in batches)

    def graphs() -> Iterator[AttributionGraph]:
        done = 0
        for batch in batches:
            targets = [
                Direction(answer=a, wrong=w)
                for a, w in zip(batch.answer.tolist(), batch.wrong.tolist(), strict=True)
            ]
            for graph in build_graphs(prepared.model, transcoders, batch.clean, targets, settings):
                done += 1
                progress(RunProgress(stage="graphs", done=done, total=total))
                yield graph

    return pool_graphs(graphs(), [batch.shift for batch in batches for _ in batch.clean])


def restricted(
    graph: AttributionGraph, circuit: Sequence[GatedNode]
) -> tuple[AttributionGraph, Tensor]:
    """A task graph with only the circuit's nodes; and, per kept edge, its place in the old one.

    Features and heads outside the circuit are joined into the node `core.graph.LEFT_OUT`; its edges
    have place −1.
    """
    keep, out = _kept(graph, circuit), _left_out(graph, circuit)
    number = torch.full((graph.n_nodes,), -1)
    number[keep] = torch.arange(int(keep.sum()))
    source, target = graph.edge_index
    plain = (keep[source] & keep[target]).nonzero().squeeze(1)
    joined = out[source] & keep[target]
    n = int(keep.sum())
    sums = torch.zeros(n).index_add(0, number[target[joined]], graph.direct_effect[joined])
    reached = sums.nonzero().squeeze(1)
    columns = {
        name: torch.cat([getattr(graph, name)[keep], torch.tensor([value])])
        for name, value in LEFT_OUT.items()
    }
    edges = torch.stack([torch.full_like(reached, n), reached])
    small = AttributionGraph(
        **columns,
        activation=torch.cat([graph.activation[keep], torch.ones(1)]),
        logit_weight=torch.cat([graph.logit_weight[keep], torch.zeros(1)]),
        edge_index=torch.cat([number[graph.edge_index[:, plain]], edges], 1),
        direct_effect=torch.cat([graph.direct_effect[plain], sums[reached]]),
    )
    return small, torch.cat([plain, torch.full_like(reached, -1)])


def edge_columns(
    pooled: TaskGraph, places: Int[Tensor, " kept"]
) -> dict[str, Float[Tensor, " kept"]]:
    """The other statistics of a part's edges, by `EDGE_COLUMNS`; 0 for the joined left-out ones.

    Args:
        pooled: The task graph.
        places: Of each edge of the part in it, as `restricted` gives them.
    """
    kept = places.clamp(min=0)
    return {
        name: torch.where(places >= 0, getattr(pooled, name)[kept], 0.0) for name in EDGE_COLUMNS
    }


def _left_out(graph: AttributionGraph, circuit: Sequence[GatedNode]) -> Tensor:
    return (graph.of_kind(*CHOSEN) & ~_kept(graph, circuit)) | graph.left_out


def _kept(graph: AttributionGraph, circuit: Sequence[GatedNode]) -> Tensor:
    """The circuit's nodes, and every leaf and logit."""
    chosen = leaf_numbers(graph, circuit) >= 0
    return torch.where(graph.of_kind(*CHOSEN), chosen, ~graph.left_out)
