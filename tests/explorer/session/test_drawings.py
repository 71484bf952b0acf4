"""The graph that a prompt is drawn from: with the heads of a circuit where they count."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from core.circuit import Attention, HeadNode, node_ids
from core.graph import NodeKind
from core.lab import Lab
from explorer.session.resources.drawings import _graph
from tests.core.lab.tiny_lab import tiny_bundle, tiny_task
from tests.tiny import tiny_model, tiny_transcoders


def _lab(heads=()) -> Lab:
    model = tiny_model("gpt2")
    coders, task = tiny_transcoders(model), tiny_task()
    bundle = tiny_bundle(model, coders, task)
    if heads:
        nodes = (*bundle.circuit.nodes, *heads)
        circuit = replace(bundle.circuit, nodes=nodes, attention=Attention.CIRCUIT)
        bundle = replace(bundle, circuit=circuit)
    return Lab(bundle, model=model, transcoders=coders, task=task)


def test_heads_of_the_circuit_and_no_others_are_nodes_with_edges():
    laboratory = _lab([HeadNode(0, 1, 4), HeadNode(1, 2, 4)])
    graph = _graph(laboratory, 0)
    ids = node_ids(graph)
    heads = [i for i, kind in enumerate(graph.kind.tolist()) if kind == int(NodeKind.HEAD)]
    assert sorted(ids[i] for i in heads) == ["L0H1@4", "L1H2@4"]
    assert set(heads) <= set(graph.edge_index.flatten().tolist())


def test_without_heads_the_graph_is_the_labs_own():
    laboratory: Any = SimpleNamespace(
        bundle=SimpleNamespace(circuit=SimpleNamespace(heads=())),
        prompt_graph=lambda prompt: prompt,
    )
    assert _graph(laboratory, 3) == 3
