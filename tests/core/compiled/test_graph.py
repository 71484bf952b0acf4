"""Graphs of compiled programs: edges sum, and an edge to the logit is what its source does."""

import pytest
import torch

from core.compiled import (
    bundled_programs,
    candidates,
    circuits,
    load_pairs,
    load_program,
    program_graph,
    run,
)
from core.graph import NodeKind


def made(name, prompt=1):
    program, pairs = load_program(name), load_pairs(name, 8)
    clean, corrupt = run(program, pairs.clean), run(program, pairs.corrupt)
    graph = program_graph(program, pairs, prompt, clean, corrupt)
    return program, pairs, clean, corrupt, graph


@pytest.mark.parametrize("name", bundled_programs())
def test_edges_into_a_node_sum_to_its_value(name):
    """Neurons: their activation; heads: the length of what they write; logit: its value."""
    program, pairs, clean, corrupt, graph = made(name)
    into = torch.zeros(graph.n_nodes).index_add(0, graph.edge_index[1], graph.direct_effect)
    columns = zip(graph.kind.tolist(), graph.layer, graph.position, graph.index, strict=True)
    for node, (kind, layer, position, index) in enumerate(columns):
        if kind == NodeKind.FEATURE:
            wanted = clean.neuron[layer, 1, position, index]
        elif kind == NodeKind.HEAD:
            out = program[f"layers.{int(layer)}.attn.W_O"][index]
            wanted = (clean.z[layer, 1, position, index] @ out).norm()
        elif kind == NodeKind.LOGIT:
            apart = torch.where(pairs.counted[1][:, None], (clean.logits - corrupt.logits)[1], 0.0)
            wanted = (clean.logits[1] * apart).sum() / apart.square().sum()
        else:
            continue
        torch.testing.assert_close(into[node], wanted, atol=1e-4, rtol=1e-4)


def test_an_edge_to_the_logit_is_what_ablating_the_last_neuron_changes():
    """Two ways: nothing comes after the last MLP, so its neurons act by their edges alone."""
    program, pairs, clean, corrupt, graph = made("pair_balance")
    nodes = candidates(clean, corrupt)
    last = (nodes[:, 0] == int(NodeKind.FEATURE)) & (nodes[:, 1] == program.n_layers - 1)
    zero = corrupt._replace(neuron=torch.zeros_like(corrupt.neuron))
    whole = circuits(program, pairs, nodes, torch.ones(1, len(nodes)), clean, corrupt)
    assert last.any()
    for place in last.nonzero().squeeze(1):
        chosen = torch.ones(1, len(nodes))
        chosen[0, place] = 0
        here = (
            (graph.kind == nodes[place, 0]) & (graph.layer == nodes[place, 1])
            & (graph.position == nodes[place, 2]) & (graph.index == nodes[place, 3])
        )  # fmt: skip
        edge = graph.direct_effect[here[graph.edge_index[0]]].sum()
        gone = circuits(program, pairs, nodes, chosen, clean, zero._replace(logits=corrupt.logits))
        torch.testing.assert_close((whole - gone)[0, 1], edge, atol=1e-5, rtol=1e-4)


def test_edges_run_upwards():
    _, _, _, _, graph = made("reverse")
    source, target = graph.edge_index
    order = 2 * graph.layer + (graph.kind == int(NodeKind.FEATURE)).long()
    assert (order[source] < order[target]).all()
