"""What a search may choose from: the task graph, and all that fires where the search looks.

The task graph knows the features that fire on the clean prompts it was pooled over. Those are too
few to be all candidates: a feature that fires only on the corrupt twins matters too (the circuit
without it runs it at its corrupt value), and so does one that fires on a prompt in a hundred. What
the graph lacks is lost to every circuit of every size: with the TopK dictionary of the Llama for
addition all 2,042 features of the graph reach F .876, the 2,446 of graph and labels split .973.

So features that fire on the search's own prompts, clean or corrupt, join the graph as nodes without
edges: nothing is known of their effects, and the guide gives them no influence, but a measurement
can find them.
"""

from dataclasses import replace
from typing import NamedTuple

import torch
from jaxtyping import Bool
from torch import Tensor

from core.attribution import TaskGraph
from core.circuit import Attention
from core.graph import AttributionGraph, NodeKind
from core.interventions import Evaluator
from core.pipeline.finding.graphs import task_graph
from core.pipeline.prepare import Prepared
from core.pipeline.progress import OnProgress, ignore
from core.tasks import Split
from core.transcoders import TranscoderSet


class Candidates(NamedTuple):
    """A task graph with all that a search may choose from."""

    pooled: TaskGraph
    """Of the attribution split; the first nodes and all edges of `graph` are its own."""
    graph: AttributionGraph
    """The same with every feature that fires on the labels split, behind its own nodes."""
    labels: Evaluator
    """Runs circuits on the labels split."""


def candidate_graph(
    prepared: Prepared,
    coders: TranscoderSet,
    *,
    graph_prompts: int,
    probe_prompts: int,
    attention: Attention = Attention.LIVE,
    progress: OnProgress = ignore,
) -> Candidates:
    """The candidates of a search.

    Args:
        prepared: Model and task.
        coders: Their features are the candidates.
        graph_prompts: Prompts of the attribution split that are pooled, at most.
        probe_prompts: Prompts of the labels split that a search looks at, at most.
        attention: Whether heads are candidates too.
        progress: Told of every prompt's graph.
    """
    pooled = task_graph(prepared, coders, graph_prompts, progress, attention)
    labels = prepared.evaluator(coders, Split.LABELS, probe_prompts)
    return Candidates(pooled, with_active(pooled.graph(), labels.active()), labels)


def with_active(
    graph: AttributionGraph, active: Bool[Tensor, "layer pos feature"]
) -> AttributionGraph:
    """The graph and, behind its nodes, every active feature that it lacks; those have no edges."""
    known = graph.of_kind(NodeKind.FEATURE)
    lacking = active.clone()
    lacking[graph.layer[known], graph.position[known], graph.index[known]] = False
    layer, position, index = lacking.nonzero().T
    return replace(
        graph,
        kind=_joined(graph.kind, torch.full_like(layer, int(NodeKind.FEATURE))),
        layer=_joined(graph.layer, layer),
        position=_joined(graph.position, position),
        index=_joined(graph.index, index),
        activation=_joined(graph.activation, torch.zeros(len(layer))),
        logit_weight=_joined(graph.logit_weight, torch.zeros(len(layer))),
    )


def _joined(column: Tensor, more: Tensor) -> Tensor:
    return torch.cat([column, more.to(column.dtype)])
