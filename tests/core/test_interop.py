"""Graph JSON: valid, names unique, the same after a round trip; and files that are refused."""

import copy
import json
import math
from pathlib import Path

import jsonschema
import pytest
import torch

import core.interop
from core.attribution import Direction, build_graph, build_graphs, pool_graphs
from core.errors import FormatError, GraphError, UnknownSchemaError
from core.graph import NodeKind, prune, subgraph
from core.interop import (
    ExportSettings,
    ExtraLeaves,
    from_neuronpedia,
    read_neuronpedia,
    to_neuronpedia,
)
from core.interop import file as file_module
from core.interop.cycles import find_cycle
from core.interop.ids import cantor, from_cantor
from tests.tiny import tiny_model, tiny_transcoders

IDS = torch.tensor([1, 4, 5, 9])
SCHEMA = json.loads((Path(core.interop.__file__).parent / "graph-schema.json").read_text())


@pytest.fixture(scope="module")
def model():
    return tiny_model("gpt2", layers=3)


@pytest.fixture(scope="module")
def graph(model):
    return build_graph(model, tiny_transcoders(model), IDS)


@pytest.fixture
def data(model, graph):
    return copy.deepcopy(to_neuronpedia(graph, model, IDS, ExportSettings(slug="a", created_ms=1)))


def test_files_follow_the_schema(model, graph):
    for given in (graph, prune(graph)):
        for leaves in ExtraLeaves:
            data = to_neuronpedia(given, model, IDS, ExportSettings(extra_leaves=leaves))
            jsonschema.validate(json.loads(json.dumps(data, allow_nan=False)), SCHEMA)


def test_a_round_trip_keeps_every_node_and_edge(graph, data, tmp_path):
    path = tmp_path / "graph.json"
    path.write_text(json.dumps(data))
    again = read_neuronpedia(path)
    for name in ("kind", "layer", "position", "index", "edge_index"):
        assert torch.equal(getattr(again.graph, name), getattr(graph, name)), name
    for name in ("activation", "logit_weight", "direct_effect"):
        assert torch.equal(getattr(again.graph, name), getattr(graph, name)), name
    assert again.producer == "HAGD Explorer"
    assert again.tokens == ("<bos>", "w1", "w2", "w6")


def test_names_are_circuit_tracers(data):
    by_type = {}
    for node in data["nodes"]:
        by_type.setdefault(node["feature_type"], node)
    feature, token, logit = (by_type[t] for t in ("cross layer transcoder", "embedding", "logit"))
    layer, index, position = map(int, feature["node_id"].split("_"))
    assert feature["feature"] == cantor(layer, index)
    assert feature["jsNodeId"] == f"{layer}_{index}-0"
    assert (feature["layer"], feature["ctx_idx"]) == (str(layer), position)
    assert token["node_id"] == "E_1_0"
    assert token["layer"] == "E"
    assert logit["layer"] == "4"
    assert logit["node_id"] == f"4_{logit['feature']}_3"
    assert logit["clerp"].startswith('Output "')
    assert "(p=0." in logit["clerp"]


def test_an_error_never_shares_a_name_with_a_feature(model):
    """Layer-0 feature 1 at a position has circuit-tracer's name of the layer-1 error there."""
    transcoders = tiny_transcoders(model, features=4, k=4)
    data = to_neuronpedia(build_graph(model, transcoders, IDS), model, IDS)
    names = [node["node_id"] for node in data["nodes"]]
    assert len(set(names)) == len(names)
    errors = [n["node_id"] for n in data["nodes"] if n["feature_type"].startswith("mlp")]
    renamed = [name for name in errors if name.startswith("error_")]
    assert renamed
    assert len(renamed) < len(errors)
    features = {n["jsNodeId"] for n in data["nodes"] if n["feature_type"].startswith("cross")}
    others = {n["jsNodeId"] for n in data["nodes"] if not n["feature_type"].startswith("cross")}
    assert not features & others


def test_without_extra_leaves_there_are_only_kinds_circuit_tracer_has(model, graph):
    settings = ExportSettings(extra_leaves=ExtraLeaves.LEFT_OUT)
    data = to_neuronpedia(graph, model, IDS, settings)
    again = from_neuronpedia(data).graph
    want = subgraph(graph, ~graph.of_kind(NodeKind.POSITION, NodeKind.BIAS))
    assert torch.equal(again.edge_index, want.edge_index)
    assert "bias" not in {node["feature_type"] for node in data["nodes"]}


def test_labels_and_groups_follow_their_nodes(model, graph):
    last = graph.n_nodes - 1
    settings = ExportSettings(
        labels={last: "<b>out</b>"}, groups={"ends": [0, last]}, extra_leaves=ExtraLeaves.LEFT_OUT
    )
    found = from_neuronpedia(to_neuronpedia(graph, model, IDS, settings))
    assert found.labels[-1] == "<b>out</b>"  # kept as text; whoever shows it escapes it
    assert found.groups == {"ends": (0, found.graph.n_nodes - 1)}


def test_a_direction_is_numbered_after_the_vocabulary(model):
    graph = build_graph(model, tiny_transcoders(model), IDS, Direction(answer=4, wrong=5))
    data = to_neuronpedia(graph, model, IDS, ExportSettings(direction="w1 − w2"))
    assert data["nodes"][-1]["feature"] == model.d_vocab
    assert data["nodes"][-1]["clerp"] == 'Output "w1 − w2" (p=1.000)'


def test_a_task_graph_is_written_with_the_names_of_its_positions(model):
    ids = torch.stack([IDS, IDS.flip(0)])
    transcoders = tiny_transcoders(model)
    graphs = build_graphs(model, transcoders, ids, [Direction(answer=4, wrong=5)] * 2)
    task = pool_graphs(graphs, [0, 0]).graph()
    data = to_neuronpedia(task, model, ["<bos>", "a", "b", "="])
    jsonschema.validate(data, SCHEMA)
    assert data["metadata"]["prompt"] == "<bos> a b ="
    again = from_neuronpedia(json.loads(json.dumps(data))).graph
    for name in ("kind", "position", "edge_index"):
        assert torch.equal(getattr(again, name), getattr(task, name)), name


def test_influence_in_the_file_is_that_of_the_unpruned_graph(model, graph):
    pruned = prune(graph)
    data = to_neuronpedia(pruned, model, IDS)
    got = torch.tensor([node["influence"] for node in data["nodes"]], dtype=torch.float64)
    torch.testing.assert_close(got, pruned.cumulative[pruned.nodes])


@pytest.mark.parametrize("pair", [(0, 0), (3, 7), (25, 2_500_000), (61, 10**12)])
def test_cantor_pairing_is_undone(pair):
    assert from_cantor(cantor(*pair)) == pair


def test_features_with_other_names_are_found_by_their_pairing(data):
    node = next(n for n in data["nodes"] if n["feature_type"].startswith("cross"))
    old, (layer, index) = node["node_id"], from_cantor(node["feature"])
    node["node_id"] = "renamed"
    for link in data["links"]:
        for side in ("source", "target"):
            link[side] = "renamed" if link[side] == old else link[side]
    found = from_neuronpedia(data)
    place = found.node_ids.index("renamed")
    assert (int(found.graph.layer[place]), int(found.graph.index[place])) == (layer, index)


def test_probabilities_are_read_from_labels_where_files_have_no_field(graph, data):
    for node in data["nodes"]:
        del node["token_prob"]
    weight = from_neuronpedia(data).graph.logit_weight
    torch.testing.assert_close(weight, graph.logit_weight, atol=5e-4, rtol=0)


def refused(data, change, match, error=FormatError):
    change(data)
    with pytest.raises(error, match=match):
        from_neuronpedia(data)


def test_a_name_used_twice_is_refused(data):
    refused(data, lambda d: d["nodes"].append(d["nodes"][0]), "1 node name is used more than once")


def test_a_link_to_nowhere_is_refused(data):
    refused(data, lambda d: d["links"][0].update(source="9_9_9"), "'9_9_9', which is no node")


def cyclic(*ends):
    """A file of features 0_1_0, 0_2_0, ... with links between them, by number."""
    names = [f"{i}_1_0" for i in range(1 + max(max(pair) for pair in ends))]
    return {
        "metadata": {"prompt_tokens": ["a"], "prompt": "a"},
        "nodes": [
            {"node_id": n, "feature_type": "transcoder", "layer": n[0], "ctx_idx": 0} for n in names
        ],
        "links": [{"source": names[a], "target": names[b], "weight": 1.0} for a, b in ends],
    }


@pytest.mark.parametrize(
    ("ends", "told"),
    [
        (((0, 1), (1, 1)), r"\(1_1_0 -> 1_1_0\)"),
        (((0, 1), (1, 2), (2, 1), (2, 3)), r"\((1_1_0 -> 2_1_0 -> 1|2_1_0 -> 1_1_0 -> 2)_1_0\)"),
    ],
)
def test_links_in_a_circle_are_refused(ends, told):
    with pytest.raises(FormatError, match=told):
        from_neuronpedia(cyclic(*ends))
    assert from_neuronpedia(cyclic((0, 1), (1, 2), (0, 2))).graph.n_edges == 3


def test_only_a_few_nodes_of_a_long_circle_are_named():
    ends = [(i, (i + 1) % 1000) for i in range(1000)]
    assert set(find_cycle(1000, ends)) == set(range(1000))
    with pytest.raises(FormatError) as caught:
        from_neuronpedia(cyclic(*[(i, (i + 1) % 10) for i in range(10)]))
    assert str(caught.value).count(" -> ") == 9


@pytest.mark.parametrize("value", [math.nan, math.inf, "1", None, True])
def test_a_weight_that_is_no_finite_number_is_refused(data, value):
    refused(data, lambda d: d["links"][0].update(weight=value), "required is a finite number")


def test_an_unknown_schema_version_is_refused(data):
    change = lambda d: d["metadata"].update(schema_version=7)  # noqa: E731
    refused(data, change, "schema_version 7", UnknownSchemaError)


def test_an_unknown_node_type_is_refused(data):
    refused(data, lambda d: d["nodes"][0].update(feature_type="neuron"), "the type 'neuron'")
    refused(data, lambda d: d["nodes"][0].update(feature_type=["logit"]), "the type ")


@pytest.mark.parametrize("part", ["metadata", "nodes", "links"])
def test_a_missing_part_is_refused(data, part):
    refused(data, lambda d: d.pop(part), f"'{part}' is missing; a")


def test_a_node_without_a_name_or_place_is_refused(data):
    refused(copy.deepcopy(data), lambda d: d["nodes"][0].pop("node_id"), "has no node_id")
    refused(copy.deepcopy(data), lambda d: d["nodes"][0].update(ctx_idx=-2), "at least 0")
    refused(data, lambda d: d["nodes"][0].update(ctx_idx="one"), "ctx_idx 'one'")


def test_something_else_than_a_graph_is_refused():
    with pytest.raises(FormatError, match="'metadata' is missing; an object is required"):
        from_neuronpedia([1, 2])


def test_a_file_that_is_too_large_or_no_json_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "graph.json"
    path.write_text('{"metadata": NaN}')
    with pytest.raises(FormatError, match="NaN is not a number"):
        read_neuronpedia(path)
    monkeypatch.setattr(file_module, "MAX_BYTES", 10)
    with pytest.raises(FormatError, match="more than 0"):
        read_neuronpedia(path)
    with pytest.raises(FormatError, match="cannot be read"):
        read_neuronpedia(tmp_path / "missing.json")


def test_eleuther_names_are_noted(data):
    data["nodes"][0]["node_id"], old = "error_3_1", data["nodes"][0]["node_id"]
    del data["metadata"]["info"]
    for link in data["links"]:
        for side in ("source", "target"):
            link[side] = "error_3_1" if link[side] == old else link[side]
    assert "not multiplied" in from_neuronpedia(data).notes[0]


def test_a_graph_with_two_nodes_at_one_place_is_refused(model, graph):
    doubled = type(graph)(
        **{name: getattr(graph, name) for name in ("kind", "layer", "position", "activation")},
        index=torch.where(graph.of_kind(NodeKind.FEATURE), 3, graph.index),
        logit_weight=graph.logit_weight,
        edge_index=graph.edge_index,
        direct_effect=graph.direct_effect,
    )
    with pytest.raises(GraphError, match="stand for several nodes"):
        to_neuronpedia(doubled, model, IDS)
