"""A scene of a circuit has every node of the circuit, silent ones too."""

from dataclasses import replace

import pytest
import torch

from core.circuit import FeatureNode, HeadNode, node_ids
from explorer.network import picture as drawing
from explorer.network.scene import with_silent
from tests.explorer.scenes import graph, scene, tree_nodes


@pytest.mark.parametrize(
    ("label", "said"),
    [("L1 at on", ""), ("with 0:7:2 · L1 at on", ""), ("day", "L1 at on")],
)
def test_a_box_does_not_say_twice_where_it_is(monkeypatch, label, said):
    monkeypatch.setattr(drawing, "where", lambda scene, item: "L1 at on")
    named = replace(scene(), labels={"A": label})
    box = next(n for n in drawing.picture(named).graph["nodes"] if n["id"] == "A")
    assert box["sub"] == said


def test_what_is_silent_on_a_prompt_is_there_without_activation_or_edge():
    before = graph()
    asked = (tree_nodes()[0], FeatureNode(1, 2, 7), HeadNode(0, 0, 4), HeadNode(1, 2, 4))
    after = with_silent(before, asked)
    assert node_ids(after) == (*node_ids(before), "1:2:7", "L1H2@4")
    assert after.activation[-2:].tolist() == [0.0, 0.0]
    assert torch.equal(after.edge_index, before.edge_index)
    assert with_silent(after, asked) is after
