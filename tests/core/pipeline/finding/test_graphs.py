"""The part of a task graph that a circuit is shown in: inputs still sum."""

from dataclasses import replace

import torch

from core.circuit import FeatureNode, HeadNode, leaf_numbers
from core.pipeline.finding.graphs import restricted
from tests.core.pipeline.parts import graph


def test_what_is_left_out_is_one_node_and_inputs_still_sum():
    whole = graph()
    circuit = (FeatureNode(1, 2, 6), FeatureNode(0, 1, 4))
    small, places = restricted(whole, circuit)
    assert small.n_nodes == 5
    assert small.kind.tolist() == [0, 0, 3, 6, 5]
    assert leaf_numbers(small, circuit).tolist() == [1, 0, -1, -1, -1]
    sums = small.dense().sum(1)
    want = whole.dense().sum(1)
    assert sums[:4].tolist() == [want[0], want[2], 0.0, want[4]]
    assert sorted(places.tolist()) == [-1, -1, 0, 2, 4]


def test_heads_outside_a_circuit_are_left_out_with_its_features():
    whole = graph()
    whole = replace(whole, kind=torch.tensor([1, 0, 0, 3, 6]))  # f0 is a head now
    small, _ = restricted(whole, (FeatureNode(1, 2, 6),))
    assert small.kind.tolist() == [0, 3, 6, 5]
    want = whole.dense().sum(1)
    assert small.dense().sum(1)[:3].tolist() == [want[2], 0.0, want[4]]
    kept, _ = restricted(whole, (FeatureNode(1, 2, 6), HeadNode(0, 4, 1)))
    assert kept.kind.tolist() == [1, 0, 3, 6, 5]
