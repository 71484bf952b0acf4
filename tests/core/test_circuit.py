"""Circuits and node ids: by hand, round trips, refusals."""

import json

import pytest
import torch

from core.circuit import (
    Bounds,
    Circuit,
    ErrorNode,
    FeatureNode,
    HeadNode,
    LogitNode,
    PositionNode,
    TokenNode,
    check_node,
    circuit_from_json,
    circuit_to_json,
    parse_node,
)
from core.errors import FormatError, NodeError, UnknownSchemaError


def circuit(**changes) -> Circuit:
    fields = {
        "nodes": (FeatureNode(0, 4, 12), FeatureNode(1, 0, 3)),
        "heads": (HeadNode(0, 2, 4), HeadNode(1, 1)),
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
        ("out:57", LogitNode(57)),
    ],
)
def test_each_written_form_reads_and_writes(text, node):
    assert parse_node(text) == node
    assert str(node) == text
    assert type(parse_node(text)) is type(node)


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


def test_the_mask_is_one_exactly_at_the_nodes():
    mask = circuit().mask(2, 5, 16)
    assert mask.shape == (2, 5, 16)
    assert torch.nonzero(mask).tolist() == [[0, 4, 12], [1, 0, 3]]
    assert circuit(nodes=()).mask(2, 5, 16).sum() == 0
    with pytest.raises(NodeError, match="no such feature"):
        circuit().mask(2, 5, 12)


def test_a_node_given_twice_is_refused():
    with pytest.raises(NodeError, match="twice"):
        circuit(nodes=(FeatureNode(0, 4, 12), FeatureNode(0, 4, 12)))


def test_a_feature_and_a_head_with_the_same_numbers_are_two_nodes():
    both = circuit(nodes=(FeatureNode(0, 2, 4),), heads=(HeadNode(0, 2, 4),))
    assert [str(node) for node in (*both.nodes, *both.heads)] == ["0:2:4", "L0H2@4"]


def test_json_round_trip():
    written = json.loads(json.dumps(circuit_to_json(circuit())))
    assert circuit_from_json(written) == circuit()


def test_json_of_another_schema_or_shape_is_refused():
    good = circuit_to_json(circuit())
    with pytest.raises(UnknownSchemaError, match="hagd-circuit/9"):
        circuit_from_json(good | {"schema": "hagd-circuit/9"})
    with pytest.raises(FormatError, match="'seed'"):
        circuit_from_json(good | {"seed": "x"})
    with pytest.raises(FormatError, match="another kind"):
        circuit_from_json(good | {"nodes": ["L0H1"]})
    with pytest.raises(NodeError, match="Not a node id"):
        circuit_from_json(good | {"nodes": ["zero"]})
