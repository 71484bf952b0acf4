"""Lessons on compiled programs: planted circuits beside those of trained models.

The same as `core.lessons.lesson`, with the program's own graph (neurons as features, heads as
nodes) and its own effects. One dictionary only: the neurons themselves.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.attribution import pool_graphs
from core.compiled import (
    Pass,
    Program,
    bundled_programs,
    candidates,
    load_pairs,
    load_program,
    measured_effects,
    program_graph,
    run,
)
from core.graph import AttributionGraph, NodeKind
from core.guide import Pooled
from core.guide.hetero import to_hetero
from core.hierarchy import HierarchySettings, build_hierarchy
from core.lessons.effects import Effects
from core.lessons.lesson import PROMPTS, Lesson, inside, leaf_magnitudes
from core.lessons.pairs import Pair

COMPILED = tuple(
    Pair(model=name, task=name, kind="compiled", family="compiled", size="small")
    for name in bundled_programs()
)
"""One pair for each bundled program."""


def take_compiled(pair: Pair) -> Lesson:
    """Builds the graph of a program and measures every node of it."""
    program, pairs = load_program(pair.model), load_pairs(pair.model, PROMPTS)
    clean, corrupt = run(program, pairs.clean), run(program, pairs.corrupt)
    n = len(pairs.clean)
    graphs = [program_graph(program, pairs, prompt, clean, corrupt) for prompt in range(n)]
    task = pool_graphs(graphs, [0] * n)
    graph = task.graph()
    pooled = _statistics(program, graph, clean, corrupt, task.node_frequency, task.mean_abs)
    place = _chosen(graph, candidates(clean, corrupt))
    nodes = torch.stack([graph.kind, graph.layer, graph.position, graph.index], 1)[place]
    number = torch.full((graph.n_nodes,), -1)
    number[place] = torch.arange(len(place))
    ends = number[graph.edge_index]
    within = (ends >= 0).all(0)
    weight = graph.direct_effect[within].double().numpy()
    tree = build_hierarchy(len(place), ends[:, within].numpy(), weight, HierarchySettings())
    found = measured_effects(program, pairs, nodes)
    return Lesson(
        pair=pair,
        data=to_hetero(graph, tree, place, pooled),
        nodes=nodes[:, 1:],
        place=place,
        member=inside(tree),
        effects=Effects(
            noising=found.noising.mean(1),
            denoising=found.denoising.mean(1),
            noising_abs=found.noising.abs().mean(1),
            denoising_abs=found.denoising.abs().mean(1),
        ),
        # No gradient is taken here: the column that trained models have of it is empty.
        baselines=torch.cat(
            [leaf_magnitudes(graph, pooled, place), torch.full((len(place), 1), torch.nan)], 1
        ),
    )


def _chosen(graph: AttributionGraph, wanted: Int[Tensor, "node 4"]) -> Int[Tensor, " leaf"]:
    """Candidates that the graph has, ascending; its graph is of clean prompts."""
    columns = torch.stack([graph.kind, graph.layer, graph.position, graph.index], 1)
    known = set(map(tuple, wanted.tolist()))
    return torch.tensor([i for i, row in enumerate(columns.tolist()) if tuple(row) in known])


def _statistics(
    program: Program,
    graph: AttributionGraph,
    clean: Pass,
    corrupt: Pass,
    frequency: Float[Tensor, " node"],
    edge_size: Float[Tensor, " edge"],
) -> Pooled:
    """Sizes and shifts: of neurons as they are, of heads as the length of what they write."""
    size, shift = graph.activation.abs(), torch.zeros(graph.n_nodes)
    for node, (kind, layer, position, index) in enumerate(
        zip(
            *(c.tolist() for c in (graph.kind, graph.layer, graph.position, graph.index)),
            strict=True,
        )  # fmt: skip
    ):
        if kind == int(NodeKind.FEATURE):
            a, b = (run.neuron[layer, :, position, index, None] for run in (clean, corrupt))
        elif kind == int(NodeKind.HEAD):
            out = program[f"layers.{layer}.attn.W_O"][index]
            a, b = (run.z[layer, :, position, index] @ out for run in (clean, corrupt))
        else:
            continue
        size[node], shift[node] = a.norm(dim=1).mean(), (a - b).norm(dim=1).mean()
    return Pooled(frequency=frequency, size=size, shift=shift, edge_size=edge_size)
