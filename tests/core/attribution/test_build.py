"""Every edge is the effect it claims to be, in every family, and every target's inputs sum up."""

from dataclasses import replace

import pytest
import torch

from core.attribution import AttributionSettings, Direction, Tokens, build_graph, build_graphs
from core.attribution.settings import DEFAULT_SETTINGS
from core.errors import GraphError, SettingsError, TranscoderError
from core.graph import NodeKind
from core.transcoders import neuron_transcoders
from tests.core.attribution.reference import (
    effects_by_autograd,
    effects_of,
    gap,
    logit_vectors,
    make_prompt,
    values,
)
from tests.tiny import KINDS, tiny_model, tiny_transcoders

IDS = torch.tensor([1, 4, 5, 9, 7])
FEW = AttributionSettings(max_feature_nodes=12, max_logits=3)


def setup(kind, *, skip=False, layers=3):
    model = tiny_model(kind, layers=layers)
    return model, tiny_transcoders(model, skip=skip)


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_edges_equal_autograd_through_the_frozen_model(kind, skip):
    model, transcoders = setup(kind, skip=skip)
    graph = build_graph(model, transcoders, IDS)
    prompt = make_prompt(model, transcoders, IDS)
    want = effects_by_autograd(prompt, graph, logit_vectors(model, graph))
    assert gap(effects_of(graph), want) < 1e-5


@pytest.mark.parametrize("kind", KINDS)
def test_edges_equal_autograd_with_features_left_out(kind):
    model, transcoders = setup(kind)
    graph = build_graph(model, transcoders, IDS, settings=FEW)
    prompt = make_prompt(model, transcoders, IDS)
    want = effects_by_autograd(prompt, graph, logit_vectors(model, graph))
    assert int(graph.of_kind(NodeKind.FEATURE).sum()) == 12
    assert gap(effects_of(graph), want) < 1e-5


@pytest.mark.parametrize("kind", KINDS)
def test_perturbing_a_source_moves_every_target_by_the_edge(kind):
    """Do the intervention: write the source twice, run on, look at the targets."""
    model, transcoders = setup(kind, skip=True)
    graph = build_graph(model, transcoders, IDS)
    prompt, vector = make_prompt(model, transcoders, IDS), logit_vectors(model, graph)
    edges, base = effects_of(graph), torch.ones(graph.n_nodes)
    for source in range(0, edges.shape[1], 5):
        twice = base.clone().index_fill_(0, torch.tensor([source]), 2.0)
        after, before = (values(prompt, graph, gates, vector) for gates in (twice, base))
        scale = torch.cat([after, before]).abs().max()  # what the subtraction rounds at
        assert float((after - before - edges[:, source]).abs().max() / scale) < 1e-5


@pytest.mark.parametrize("settings", [DEFAULT_SETTINGS, FEW])
@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_inputs_of_every_target_sum_to_its_value(kind, skip, settings):
    model, transcoders = setup(kind, skip=skip)
    graph = build_graph(model, transcoders, IDS, settings=settings)
    trace = model.trace(IDS[None])
    total, gross = graph.dense().sum(1), graph.dense().abs().sum(1)
    is_feature = graph.of_kind(NodeKind.FEATURE)
    place = (graph.layer, graph.position, graph.index)
    for node in is_feature.nonzero()[:, 0].tolist():
        layer, position, index = (int(part[node]) for part in place)
        pre = transcoders[layer].pre_activation(trace.mlp_in[layer, 0, position])[index]
        assert abs(total[node] - pre) < 1e-5 * max(float(gross[node]), abs(float(pre)))
    logits = trace.logits[0, -1] - trace.logits[0, -1].mean()
    is_logit = graph.of_kind(NodeKind.LOGIT)
    error = (total[is_logit] - logits[graph.index[is_logit]]).abs()
    assert float((error / gross[is_logit]).max()) < 1e-5
    torch.testing.assert_close(graph.activation[is_logit], logits[graph.index[is_logit]])


def test_inputs_of_raw_neurons_sum_to_their_pre_activation():
    model = tiny_model("gpt2")
    neurons = neuron_transcoders(model)
    graph = build_graph(model, neurons, IDS, settings=AttributionSettings(max_feature_nodes=40))
    trace, total = model.trace(IDS[None]), graph.dense().sum(1)
    for node in graph.of_kind(NodeKind.FEATURE).nonzero()[:, 0].tolist():
        layer, position = int(graph.layer[node]), int(graph.position[node])
        pre = neurons[layer].pre_activation(trace.mlp_in[layer, 0, position])
        assert abs(total[node] - pre[graph.index[node]]) < 1e-4


@pytest.mark.parametrize("kind", KINDS)
def test_edges_run_upwards_and_never_to_earlier_positions(kind):
    model, transcoders = setup(kind)
    graph = build_graph(model, transcoders, IDS)
    source, target = graph.edge_index
    bias = graph.kind[source] == int(NodeKind.BIAS)
    assert bool((graph.layer[source] < graph.layer[target])[~bias].all())
    assert bool((graph.layer[source] <= graph.layer[target])[bias].all())
    assert bool((graph.position[source] <= graph.position[target]).all())
    assert set(graph.kind[target].tolist()) == {int(NodeKind.FEATURE), int(NodeKind.LOGIT)}


def test_nodes_are_every_active_feature_and_every_leaf():
    model, transcoders = setup("gpt2")
    graph = build_graph(model, transcoders, IDS)
    trace = model.trace(IDS[None])
    active = sum(int((transcoders[i].encode(trace.mlp_in[i]) > 0).sum()) for i in range(3))
    counts = torch.bincount(graph.kind, minlength=7).tolist()
    n_logits = int((graph.logit_weight > 0).sum())
    assert counts == [active, 0, 15, 5, 5, 4, n_logits]
    assert bool((graph.position[graph.of_kind(NodeKind.FEATURE)] == 0).any())
    assert graph.index[graph.of_kind(NodeKind.TOKEN)].tolist() == IDS.tolist()


def test_a_direction_is_the_difference_of_two_logit_rows():
    model, transcoders = setup("llama")
    direction = build_graph(model, transcoders, IDS, Direction(answer=4, wrong=6))
    tokens = build_graph(model, transcoders, IDS, Tokens(ids=(4, 6)))
    row = direction.dense()[-1, :-1]
    pair = tokens.dense()[-2:, :-2]
    torch.testing.assert_close(row, pair[0] - pair[1], rtol=1e-4, atol=1e-5)
    assert direction.index[-1] == -1
    assert direction.logit_weight[-1] == 1.0


def test_salient_logits_reach_the_probability_asked_for():
    model, transcoders = setup("gpt2")
    graph = build_graph(model, transcoders, IDS, settings=AttributionSettings(logit_mass=0.5))
    chance = model.logits(IDS[None])[0].softmax(0)
    kept = graph.logit_weight[graph.logit_weight > 0]
    torch.testing.assert_close(kept, chance.sort(descending=True).values[: len(kept)])
    assert kept.sum() >= 0.5
    assert kept[:-1].sum() < 0.5


def test_prompts_of_a_batch_give_the_graphs_they_give_alone():
    model, transcoders = setup("neox-parallel")
    ids = torch.stack([IDS, IDS.flip(0)])
    choices = [Tokens(ids=(3,)), Tokens(ids=(5,))]
    for graph, row, choice in zip(
        build_graphs(model, transcoders, ids, choices), ids, choices, strict=True
    ):
        alone = build_graph(model, transcoders, row, choice)
        assert torch.equal(graph.edge_index, alone.edge_index)
        torch.testing.assert_close(graph.direct_effect, alone.direct_effect, rtol=1e-4, atol=1e-5)


def test_given_features_are_kept_and_inactive_ones_ignored():
    model, transcoders = setup("gpt2")
    every = build_graph(model, transcoders, IDS)
    is_feature = every.of_kind(NodeKind.FEATURE)
    nodes = torch.stack([every.layer, every.position, every.index], dim=1)[is_feature]
    silent = torch.tensor([[0, 0, i] for i in range(12)])
    wanted = torch.cat([nodes[::3], silent])
    graph = build_graph(model, transcoders, IDS, features=wanted)
    kept = graph.of_kind(NodeKind.FEATURE)
    got = torch.stack([graph.layer, graph.position, graph.index], dim=1)[kept].tolist()
    assert {tuple(row) for row in nodes[::3].tolist()} <= {tuple(row) for row in got}
    assert all(row in nodes.tolist() for row in got)


def test_a_target_outside_the_vocabulary_is_refused():
    model, transcoders = setup("gpt2")
    with pytest.raises(GraphError, match="different ids in 0..19"):
        build_graph(model, transcoders, IDS, Tokens(ids=(20,)))
    with pytest.raises(GraphError, match="different ids"):
        build_graph(model, transcoders, IDS, Direction(answer=3, wrong=3))


def test_transcoders_of_another_model_are_refused():
    model, _ = setup("gpt2", layers=2)
    with pytest.raises(TranscoderError, match="3 layers of width 16; tiny-gpt2 has 2"):
        build_graph(model, setup("gpt2")[1], IDS)


def test_gated_neurons_are_refused():
    model = tiny_model("llama")
    with pytest.raises(TranscoderError, match="no linear encoder"):
        build_graph(model, neuron_transcoders(model), IDS)


def test_an_empty_prompt_is_refused():
    model, transcoders = setup("gpt2")
    with pytest.raises(GraphError, match="at least one token"):
        build_graph(model, transcoders, IDS[:0])


@pytest.mark.parametrize("bad", [{"max_feature_nodes": 0}, {"memory_mb": 0}, {"logit_mass": 0.0}])
def test_settings_outside_their_range_are_refused(bad):
    with pytest.raises(SettingsError, match=next(iter(bad))):
        AttributionSettings(**bad)


@pytest.mark.parametrize("kind", KINDS)
def test_a_prompt_of_one_token_has_a_graph_that_sums_up(kind):
    model, transcoders = setup(kind)
    graph = build_graph(model, transcoders, IDS[:1])
    total, gross = graph.dense().sum(1), graph.dense().abs().sum(1)
    targets = graph.of_kind(NodeKind.FEATURE, NodeKind.LOGIT)
    assert float(((total - graph.activation).abs() / gross)[targets].max()) < 1e-5


def test_a_prompt_on_which_nothing_fires_has_a_graph_of_errors():
    model, transcoders = setup("gpt2")
    silent = tuple(
        replace(layer, b_enc=torch.full_like(layer.b_enc, -1e3)) for layer in transcoders
    )
    graph = build_graph(model, replace(transcoders, layers=silent), IDS)
    assert not graph.of_kind(NodeKind.FEATURE).any()
    logits = graph.of_kind(NodeKind.LOGIT)
    torch.testing.assert_close(
        graph.dense().sum(1)[logits], graph.activation[logits], rtol=1e-4, atol=1e-4
    )
