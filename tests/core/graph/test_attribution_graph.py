"""The graph value: dense form, subgraphs, its file, and what it refuses."""

from dataclasses import fields

import pytest
import torch
from safetensors.torch import load_file, save_file

from core.errors import FormatError, GraphError, UnknownSchemaError
from core.graph import AttributionGraph, NodeKind, load_graph, save_graph, subgraph


def make_graph(kinds, edges, weights=None, layers=None):
    """A graph from node kinds and (source, target, direct effect) triples."""
    source, target, effect = zip(*edges, strict=True) if edges else ((), (), ())
    n = len(kinds)
    return AttributionGraph(
        kind=torch.tensor([int(kind) for kind in kinds]),
        layer=torch.tensor(layers or range(n)),
        position=torch.zeros(n, dtype=torch.int64),
        index=torch.arange(n),
        activation=torch.ones(n),
        logit_weight=torch.tensor(
            weights or [1.0 if kind == NodeKind.LOGIT else 0.0 for kind in kinds]
        ),
        edge_index=torch.tensor([source, target], dtype=torch.int64).view(2, -1),
        direct_effect=torch.tensor(effect, dtype=torch.float32),
    )


F, E, T, B, L = (
    NodeKind.FEATURE,
    NodeKind.ERROR,
    NodeKind.TOKEN,
    NodeKind.BIAS,
    NodeKind.LOGIT,
)


def test_dense_has_targets_as_rows():
    graph = make_graph([T, F, L], [(0, 1, 2.0), (1, 2, -3.0)])
    assert graph.dense().tolist() == [[0, 0, 0], [2, 0, 0], [0, -3, 0]]


def test_subgraph_renumbers_and_drops_edges_of_dropped_nodes():
    graph = make_graph([T, F, F, L], [(0, 1, 2.0), (0, 2, 1.0), (2, 3, 4.0), (1, 3, 5.0)])
    part = subgraph(graph, torch.tensor([True, False, True, True]))
    assert part.edge_index.tolist() == [[0, 1], [1, 2]]
    assert part.direct_effect.tolist() == [1.0, 4.0]
    assert part.index.tolist() == [0, 2, 3]


def test_file_round_trip_keeps_every_field(tmp_path):
    graph = make_graph([T, F, L], [(0, 1, 2.0), (1, 2, -3.0)])
    save_graph(graph, tmp_path / "graph.safetensors")
    again = load_graph(tmp_path / "graph.safetensors")
    for field in fields(graph):
        assert torch.equal(getattr(graph, field.name), getattr(again, field.name))


def test_file_without_logit_weights_gives_every_logit_the_same(tmp_path):
    save_graph(make_graph([T, L], [(0, 1, 2.0)], weights=[0.0, 0.3]), tmp_path / "g")
    tensors = load_file(tmp_path / "g")
    tensors.pop("logit_weight")
    save_file(tensors, tmp_path / "g")
    assert load_graph(tmp_path / "g").logit_weight.tolist() == [0.0, 1.0]


def test_an_edge_to_a_missing_node_is_refused():
    with pytest.raises(GraphError, match="must be in 0..1"):
        make_graph([T, L], [(0, 2, 1.0)])


def test_a_file_that_is_no_graph_is_refused(tmp_path):
    path = tmp_path / "graph.safetensors"
    path.write_bytes(b"not a graph")
    with pytest.raises(FormatError, match="cannot be read as a graph"):
        load_graph(path)
    save_file({"kind": torch.zeros(2)}, path)
    with pytest.raises(FormatError, match="lacks activation"):
        load_graph(path)


def test_a_file_whose_shapes_do_not_fit_is_refused(tmp_path):
    save_graph(make_graph([T, L], [(0, 1, 2.0)]), tmp_path / "g")
    tensors = load_file(tmp_path / "g")
    save_file(tensors | {"layer": torch.zeros(5, dtype=torch.int64)}, tmp_path / "g")
    with pytest.raises(FormatError, match="one value for each node"):
        load_graph(tmp_path / "g")


def test_a_file_of_another_version_is_refused(tmp_path):
    save_file({"kind": torch.zeros(2)}, tmp_path / "g", metadata={"schema": "hagd-graph/9"})
    with pytest.raises(UnknownSchemaError, match="hagd-graph/9"):
        load_graph(tmp_path / "g")
