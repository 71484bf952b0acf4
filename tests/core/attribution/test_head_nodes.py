"""Paths through head nodes: nothing is lost at targets, and heads sum up too."""

import pytest
import torch

from core.attribution import AttributionSettings, Direction, build_graph, with_head_nodes
from core.graph import NodeKind, influence, load_graph, save_graph, total_effect
from tests.tiny import KINDS, tiny_model, tiny_transcoders

IDS = torch.tensor([1, 4, 5, 9])
DIRECTION = Direction(answer=4, wrong=8)


def both(kind, settings=None):
    model = tiny_model(kind)
    transcoders = tiny_transcoders(model)
    settings = settings or AttributionSettings()
    graph = build_graph(model, transcoders, IDS, DIRECTION, settings)
    return graph, with_head_nodes(model, transcoders, IDS, graph, DIRECTION)


def assert_close(got, want, scale):
    assert float((got - want).abs().max() / scale.abs().max()) < 1e-5


@pytest.mark.parametrize("kind", KINDS)
def test_inputs_of_every_target_still_sum_to_its_value(kind):
    graph, split = both(kind)
    assert_close(split.dense().sum(1)[: graph.n_nodes], graph.dense().sum(1), graph.direct_effect)


@pytest.mark.parametrize("kind", KINDS)
def test_inputs_of_a_head_sum_to_what_it_adds_to_the_logits(kind):
    graph, split = both(kind)
    heads = split.of_kind(NodeKind.HEAD)
    dense = split.dense()
    assert_close(dense[heads].sum(1), split.activation[heads], dense[heads])
    value = torch.where(split.of_kind(NodeKind.LOGIT), 1.0, split.activation)[: graph.n_nodes]
    passed = total_effect(graph) + graph.logit_weight
    out = dense[: graph.n_nodes][:, heads].double()
    assert_close((out / value[:, None] * passed[:, None]).sum(0), dense[heads].sum(1), out)


def test_all_leaves_together_add_up_to_the_logits():
    for settings in (None, AttributionSettings(max_feature_nodes=6)):
        graph, split = both("llama", settings)
        for each in (graph, split):
            leaves = each.of_kind(NodeKind.TOKEN, NodeKind.ERROR, NodeKind.BIAS)
            total = total_effect(each)[leaves].sum()
            is_logit = each.of_kind(NodeKind.LOGIT)
            torch.testing.assert_close(
                total, each.activation[is_logit][0].double(), rtol=1e-3, atol=1e-4
            )


def test_head_nodes_keep_the_graph_upward_and_survive_their_file(tmp_path):
    graph, split = both("gpt2")
    heads = split.of_kind(NodeKind.HEAD)
    assert bool(heads.any())
    assert bool((split.index[heads] < 4).all())
    assert torch.equal(split.kind[: graph.n_nodes], graph.kind)
    assert bool((influence(split)[heads] >= 0).all())  # no cycle
    save_graph(split, tmp_path / "g")
    assert torch.equal(load_graph(tmp_path / "g").kind, split.kind)
