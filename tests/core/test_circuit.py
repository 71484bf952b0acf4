"""Circuits and node ids: by hand, round trips, refusals."""

import json

import pytest

from core.circuit import (
    Attention,
    BiasNode,
    Bounds,
    Circuit,
    ErrorNode,
    FeatureNode,
    HeadNode,
    LogitNode,
    OutsideNode,
    PositionNode,
    TokenNode,
    check_node,
    circuit_from_json,
    circuit_to_json,
    node_id,
    node_of,
    node_table,
    parse_node,
)
from core.errors import FormatError, NodeError, UnknownSchemaError
from core.graph import NodeKind


def circuit(**changes) -> Circuit:
    fields = {
        "nodes": (FeatureNode(0, 4, 12), HeadNode(0, 2, 4), FeatureNode(1, 0, 3), HeadNode(1, 1)),
        "attention": Attention.CIRCUIT,
        "model_key": "m",
        "transcoder_key": "t",
        "task_key": "k",
        "seed": 3,
        "settings": {"size": 2},
    }
    return Circuit(**(fields | changes))


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("0:4:12", FeatureNode(0, 4, 12)),
        ("L0H2@4", HeadNode(0, 2, 4)),
        ("L10H2", HeadNode(10, 2)),
        ("e:0:4", ErrorNode(0, 4)),
        ("tok:3", TokenNode(3)),
        ("pos:3", PositionNode(3)),
        ("bias:2", BiasNode(2)),
        ("outside", OutsideNode()),
        ("out:57", LogitNode(57)),
        ("out:direction", LogitNode(None)),
    ],
)
def test_each_written_form_reads_and_writes(text, node):
    assert parse_node(text) == node
    assert str(node) == text
    assert type(parse_node(text)) is type(node)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (FeatureNode(0, 2, 4), HeadNode(0, 2, 4)),
        (FeatureNode(0, 2, 4), (0, 2, 4)),
        (TokenNode(3), PositionNode(3)),
        (BiasNode(3), LogitNode(3)),
        (OutsideNode(), ()),
    ],
)
def test_nodes_of_two_kinds_differ_whatever_their_numbers(one, other):
    """As bare tuples each pair is equal: sets, dicts and `in` would take one for the other."""
    assert tuple(one) == tuple(other)
    assert one != other
    assert other != one
    assert not one == other  # noqa: SIM201
    assert len({one, other}) == 2
    assert one in {type(one)(*one)}


@pytest.mark.parametrize("text", ["", "C3", "0:4", "0:-1:3", "L0", "0:4:12:9", "e:1", "1:2:٣x"])
def test_anything_else_is_refused(text):
    with pytest.raises(NodeError, match="Not a node id"):
        parse_node(text)


def test_a_node_outside_the_model_is_refused_with_its_range():
    bounds = Bounds(n_layers=2, n_positions=5, n_features=64, n_heads=4, n_vocab=70)
    check_node(FeatureNode(1, 4, 63), bounds)
    check_node(HeadNode(1, 3), bounds)
    with pytest.raises(NodeError, match=r"Node 0:4:64 .* got feature 64, .* 0\.\.63"):
        check_node(FeatureNode(0, 4, 64), bounds)
    with pytest.raises(NodeError, match=r"got head 4, .* 0\.\.3"):
        check_node(HeadNode(0, 4), bounds)


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ((NodeKind.FEATURE, 0, 4, 12), "0:4:12"),
        ((NodeKind.HEAD, 0, 4, 2), "L0H2@4"),
        ((NodeKind.HEAD, 0, -1, 2), "L0H2"),
        ((NodeKind.ERROR, 1, 3, -1), "e:1:3"),
        ((NodeKind.TOKEN, -1, 3, 17), "tok:3"),
        ((NodeKind.POSITION, -1, 3, -1), "pos:3"),
        ((NodeKind.BIAS, 2, -1, -1), "bias:2"),
        ((NodeKind.BIAS, -1, -1, 0), "outside"),
        ((NodeKind.LOGIT, 2, 4, 57), "out:57"),
        ((NodeKind.LOGIT, 2, 4, -1), "out:direction"),
    ],
)
def test_columns_of_a_graph_lead_to_the_written_form(row, text):
    assert node_id(*row) == text
    assert parse_node(text) == node_of(*row)


def test_nodes_of_a_circuit_lead_to_columns_and_back():
    nodes = circuit().nodes
    rows = node_table(nodes).tolist()
    assert rows == [[0, 0, 4, 12], [1, 0, 4, 2], [0, 1, 0, 3], [1, 1, -1, 1]]
    assert [str(node_of(*row)) for row in rows] == [str(node) for node in nodes]


def test_a_node_given_twice_is_refused():
    with pytest.raises(NodeError, match="twice"):
        circuit(nodes=(FeatureNode(0, 4, 12), FeatureNode(0, 4, 12)))


def test_a_head_at_a_position_is_part_of_the_whole_head():
    for pair in ((HeadNode(1, 1), HeadNode(1, 1, 3)), (HeadNode(1, 1, 3), HeadNode(1, 1))):
        with pytest.raises(NodeError, match="L1H1@3 is in the circuit twice, once as L1H1:"):
            circuit(nodes=pair)
    circuit(nodes=(HeadNode(1, 1, 3), HeadNode(1, 1, 4)))


def test_a_feature_and_a_head_with_the_same_numbers_are_two_nodes():
    both = circuit(nodes=(FeatureNode(0, 2, 4), HeadNode(0, 2, 4)))
    assert [str(node) for node in both.nodes] == ["0:2:4", "L0H2@4"]
    assert both.features == (FeatureNode(0, 2, 4),)
    assert [str(head) for head in both.heads] == ["L0H2@4"]


def test_heads_in_a_circuit_of_live_attention_are_refused():
    with pytest.raises(NodeError, match="Head L0H2@4 .* whose attention is live"):
        circuit(attention=Attention.LIVE)
    assert circuit(nodes=(FeatureNode(0, 4, 12),), attention=Attention.LIVE).heads == ()


def test_json_round_trip():
    written = json.loads(json.dumps(circuit_to_json(circuit())))
    assert circuit_from_json(written) == circuit()


def test_a_circuit_of_the_version_before_is_read():
    """There heads had a list of their own, and an empty one meant that all are live."""
    old = {
        "schema": "hagd-circuit/1", "model_key": "m", "transcoder_key": "t", "task_key": "k",
        "seed": 3, "settings": {}, "nodes": ["0:4:12"], "heads": [],
    }  # fmt: skip
    assert circuit_from_json(old).attention is Attention.LIVE
    assert circuit_from_json(old).nodes == (FeatureNode(0, 4, 12),)
    named = circuit_from_json(old | {"heads": ["L0H2"]})
    assert named.attention is Attention.CIRCUIT
    assert [str(node) for node in named.nodes] == ["0:4:12", "L0H2"]


def test_json_of_another_schema_or_shape_is_refused():
    good = circuit_to_json(circuit())
    with pytest.raises(UnknownSchemaError, match="hagd-circuit/9"):
        circuit_from_json(good | {"schema": "hagd-circuit/9"})
    with pytest.raises(FormatError, match="'seed'"):
        circuit_from_json(good | {"seed": "x"})
    with pytest.raises(FormatError, match="another kind"):
        circuit_from_json(good | {"nodes": ["e:0:1"]})
    with pytest.raises(FormatError, match="'attention' is wrong: got 'some', required one of live"):
        circuit_from_json(good | {"attention": "some"})
    with pytest.raises(NodeError, match="Not a node id"):
        circuit_from_json(good | {"nodes": ["zero"]})
