"""One lesson: a pair's graph as a guide reads it, and what every node of it really does.

1. The task graph of the attribution split, the tree over its features, and the statistics, as in a
   run (fewer prompts).
2. Every feature's noising and denoising effect on the labels split (`effects`).
3. Beside them, for comparison, every magnitude that could rank the nodes alone, and the first-order
   effect: the slope of the margin by each node's gate at the full circuit, on the attribution split
   (attribution patching; a forward and a backward pass).
"""

from dataclasses import dataclass, fields

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.graph import AttributionGraph
from core.guide import Pooled
from core.guide.columns import RANKED, magnitudes
from core.guide.hetero import HeteroData, to_hetero
from core.hierarchy import Hierarchy
from core.interventions import (
    Ablation,
    PreparedBatch,
    all_gates,
    prepare_batch,
)
from core.lessons.effects import Effects, single_effects
from core.lessons.pairs import Pair
from core.models import load_model, suited_threads
from core.pipeline.finding.candidates import candidate_graph
from core.pipeline.finding.pooled import pooled_statistics
from core.pipeline.finding.tree import cut, node_graph
from core.pipeline.prepare import Prepared, head, prepare
from core.pipeline.settings import RunSettings
from core.tasks import Split, load_task
from core.transcoders import TranscoderSet, open_transcoders

GRAPHS = 32
"""Prompts of the attribution split pooled into the graph."""
PROMPTS = 64
"""Prompts of the labels split that effects are means over."""
BASELINES = (*RANKED, "first_order")
"""Scores that rank nodes without learning."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lesson:
    """A pair's graph and labels."""

    pair: Pair
    data: HeteroData
    """The graph and its tree."""
    nodes: Int[Tensor, "leaf 3"]
    """(layer, aligned position, feature) of each leaf."""
    place: Int[Tensor, " leaf"]
    """The node of `data` that each leaf is."""
    member: Int[Tensor, "2 inside"]
    """(supernode, leaf), for every supernode that holds the leaf."""
    effects: Effects
    """Of each leaf."""
    baselines: Float[Tensor, "leaf baseline"]
    """Columns `BASELINES`."""


def take(pair: Pair) -> Lesson:
    """Builds the graph of a pair and measures every node of it.

    Raises:
        CoreError: If the model, task or dictionary cannot be used.
    """
    model = load_model(pair.model)
    prepared = prepare(model, load_task(pair.task, tokenizer=model.tokenizer))
    opened = open_transcoders(model, pair.kind)
    assert opened is not None  # bundled
    with suited_threads(model):
        return lesson_of(pair, prepared, opened.transcoders)


def lesson_of(pair: Pair, prepared: Prepared, coders: TranscoderSet) -> Lesson:
    """The lesson of one prepared task."""
    task, graph, _ = candidate_graph(prepared, coders, graph_prompts=GRAPHS, probe_prompts=PROMPTS)
    pooled = pooled_statistics(prepared, coders, task, graph, GRAPHS)
    leaves = node_graph(graph)
    features = leaves.nodes[:, 1:]  # heads are no nodes here
    tree = cut(leaves, RunSettings())
    effects = single_effects(prepared.model, coders, _parts(prepared, coders), features)
    first = _first_order(prepared, coders, features)
    return Lesson(
        pair=pair,
        data=to_hetero(graph, tree, leaves.place, pooled),
        nodes=features,
        place=leaves.place,
        member=inside(tree),
        effects=effects,
        baselines=torch.cat([leaf_magnitudes(graph, pooled, leaves.place), first[:, None]], 1),
    )


def _parts(prepared: Prepared, coders: TranscoderSet) -> tuple[PreparedBatch, ...]:
    model, length = prepared.model, prepared.length
    mean = prepared.mean_reference(coders)
    batches = head(prepared.batches[Split.LABELS], PROMPTS)
    return tuple(prepare_batch(model, coders, b, mean=mean, length=length) for b in batches)


def _first_order(
    prepared: Prepared, coders: TranscoderSet, nodes: Int[Tensor, "node 3"]
) -> Float[Tensor, " node"]:
    """|Mean slope of the margin by each gate| at the full circuit."""
    evaluator = prepared.evaluator(coders, Split.ATTRIBUTION, GRAPHS)
    gates = all_gates(evaluator.bounds)
    slopes = [slope.feature for _, slope in evaluator.margins(gates, Ablation.RESAMPLE)]
    return torch.cat(slopes).mean(0)[tuple(nodes.T)].abs()


def leaf_magnitudes(
    graph: AttributionGraph, pooled: Pooled, place: Tensor
) -> Float[Tensor, "leaf magnitude"]:
    """What each baseline says of each leaf, in the order of `RANKED`."""
    found = magnitudes(graph, pooled)
    columns = np.stack([np.abs(found[name]) for name in RANKED], 1)[place.numpy()]
    return torch.from_numpy(columns).float()


def inside(tree: Hierarchy) -> Int[Tensor, "2 inside"]:
    """Every leaf of every supernode."""
    size = tree.stop - tree.start
    supernode = np.repeat(np.arange(tree.n_supernodes), size)
    leaf = np.concatenate([tree.members(s) for s in range(tree.n_supernodes)])
    return torch.from_numpy(np.stack([supernode, leaf]))


EFFECTS = tuple(f.name for f in fields(Effects))
"""Columns of the effects, by name."""
