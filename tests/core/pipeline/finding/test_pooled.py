"""Statistics of a task graph: by hand from the activations they are means of."""

import torch

from core.circuit import Attention
from core.graph import NodeKind
from core.interventions import corrupt_state
from core.pipeline.finding.candidates import with_active
from core.pipeline.finding.graphs import task_graph
from core.pipeline.finding.pooled import pooled_statistics
from core.pipeline.prepare import prepare
from core.pipeline.progress import ignore
from core.tasks import Split
from tests.core.pipeline.parts import task_of
from tests.tiny import tiny_model, tiny_transcoders


def test_sizes_and_shifts_are_means_over_both_prompts_of_a_pair():
    model = tiny_model("gpt2")
    coders, prepared = tiny_transcoders(model), prepare(model, task_of())
    task = task_graph(prepared, coders, 4, ignore, Attention.CIRCUIT)
    everything = torch.ones(model.n_layers, prepared.length, coders.n_features, dtype=torch.bool)
    graph = with_active(task.graph(), everything)
    found = pooled_statistics(prepared, coders, task, graph, 4)
    (batch,) = prepared.batches[Split.ATTRIBUTION]
    clean, corrupt = (corrupt_state(model, coders, ids) for ids in (batch.clean, batch.corrupt))
    apart = (clean.activation - corrupt.activation).abs().mean(1)
    size, fires = clean.activation.abs().mean(1), (clean.activation != 0).float().mean(1)
    moved = (clean.z - corrupt.z).norm(dim=-1).mean(1) / clean.z.norm(dim=-1).mean(1)
    assert len(task.kind) < graph.n_nodes
    kinds = set()
    for node in range(graph.n_nodes):
        kind = NodeKind(int(graph.kind[node]))
        site = tuple(int(c[node]) for c in (graph.layer, graph.position, graph.index))
        kinds.add(kind)
        if kind is NodeKind.FEATURE:
            torch.testing.assert_close(found.shift[node], apart[site])
            torch.testing.assert_close(found.size[node], size[site])
            torch.testing.assert_close(found.frequency[node], fires[site])
        elif kind is NodeKind.HEAD:
            wanted = moved[site] * graph.activation[node].abs()
            torch.testing.assert_close(found.shift[node], wanted)
        else:
            assert found.shift[node] == 0
    assert {NodeKind.FEATURE, NodeKind.HEAD, NodeKind.TOKEN} <= kinds
    assert found.edge_size is task.mean_abs
