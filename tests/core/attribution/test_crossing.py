"""Graphs of cross-layer transcoders: a feature's edge is the sum over all layers it writes at."""

import pytest
import torch

from core.attribution import (
    AttributionSettings,
    Direction,
    build_graph,
    split_by_head,
    sweep,
)
from core.attribution.ends import Readers, active_features, errors, writers
from core.attribution.frozen import freeze
from core.attribution.settings import DEFAULT_SETTINGS
from core.attribution.sweep import direct_effects
from core.attribution.targets import SALIENT, choose_targets
from core.graph import NodeKind, total_effect
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
DIRECTION = Direction(answer=4, wrong=8)


def setup(kind, *, layers=3, skip=True):
    model = tiny_model(kind, layers=layers)
    return model, tiny_transcoders(model, skip=skip, crosses=True)


@pytest.mark.parametrize("settings", [DEFAULT_SETTINGS, FEW])
@pytest.mark.parametrize("kind", KINDS)
def test_edges_equal_autograd_through_the_frozen_model(kind, settings):
    model, transcoders = setup(kind)
    graph = build_graph(model, transcoders, IDS, settings=settings)
    prompt = make_prompt(model, transcoders, IDS)
    want = effects_by_autograd(prompt, graph, logit_vectors(model, graph))
    assert gap(effects_of(graph), want) < 1e-5


@pytest.mark.parametrize("kind", KINDS)
def test_writing_a_source_twice_moves_every_target_by_the_edge(kind):
    """Do the intervention: the second copy is written at every layer that the feature reaches."""
    model, transcoders = setup(kind)
    graph = build_graph(model, transcoders, IDS)
    prompt, vector = make_prompt(model, transcoders, IDS), logit_vectors(model, graph)
    edges, base = effects_of(graph), torch.ones(graph.n_nodes)
    for source in range(0, edges.shape[1], 5):
        twice = base.clone().index_fill_(0, torch.tensor([source]), 2.0)
        after, before = (values(prompt, graph, gates, vector) for gates in (twice, base))
        scale = torch.cat([after, before]).abs().max()
        assert float((after - before - edges[:, source]).abs().max() / scale) < 1e-5


@pytest.mark.parametrize("settings", [DEFAULT_SETTINGS, FEW])
@pytest.mark.parametrize("kind", KINDS)
def test_inputs_of_every_target_sum_to_its_value(kind, settings):
    model, transcoders = setup(kind)
    graph = build_graph(model, transcoders, IDS, settings=settings)
    trace = model.trace(IDS[None])
    total, gross = graph.dense().sum(1), graph.dense().abs().sum(1)
    for node in graph.of_kind(NodeKind.FEATURE).nonzero()[:, 0].tolist():
        layer, position = int(graph.layer[node]), int(graph.position[node])
        pre = transcoders[layer].pre_activation(trace.mlp_in[layer, 0, position])
        want = pre[graph.index[node]]
        assert abs(total[node] - want) < 1e-5 * max(float(gross[node]), abs(float(want)))
    logits = trace.logits[0, -1] - trace.logits[0, -1].mean()
    is_logit = graph.of_kind(NodeKind.LOGIT)
    error = (total[is_logit] - logits[graph.index[is_logit]]).abs()
    assert float((error / gross[is_logit]).max()) < 1e-5


def test_a_feature_reaches_the_logits_through_its_later_writes_alone():
    """Its own decoder row at zero: what is left is written in the last layer, by hand."""
    model, transcoders = setup("gpt2", layers=2, skip=False)
    transcoders[0].W_dec.zero_()
    later = transcoders[0].W_later
    assert later is not None
    graph = build_graph(model, transcoders, IDS, DIRECTION)
    scale = model.final_norm.scale(model.trace(IDS[None]).resid_post[-1, 0])[-1]
    read = model.final_norm.transpose(model.W_U[4] - model.W_U[8], scale)
    below = (graph.kind == int(NodeKind.FEATURE)) & (graph.layer == 0)
    (logit,) = (graph.kind == int(NodeKind.LOGIT)).nonzero()[:, 0].tolist()
    for node in below.nonzero()[:, 0].tolist():
        write = graph.activation[node] * later[graph.index[node], 0]
        want = write @ read if graph.position[node] == len(IDS) - 1 else torch.zeros(())
        torch.testing.assert_close(graph.dense()[logit, node], want, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kept", [None, torch.arange(0, 60, 4)])
@pytest.mark.parametrize("kind", ["gpt2", "neox-parallel"])
def test_every_boundary_gives_the_same_effects(kind, kept, monkeypatch):
    model, transcoders = setup(kind, layers=4)
    frozen = freeze(model, transcoders, IDS)
    active = active_features(frozen)
    sources = writers(frozen, active, errors(frozen, active), kept)
    targets = choose_targets(model, frozen.trace.logits[0, -1], SALIENT)
    readers = Readers(frozen=frozen, features=sources.features, targets=targets)
    top_down = direct_effects(readers, sources, boundary=0)
    for boundary in range(1, 5):
        assert gap(direct_effects(readers, sources, boundary=boundary), top_down) < 1e-5
    monkeypatch.setattr(sweep, "BYTES_PER_MB", 16 * 4 * 20)  # room for 20 vectors
    assert gap(direct_effects(readers, sources, boundary=2, memory_mb=1), top_down) < 1e-5


@pytest.mark.parametrize("kind", KINDS)
def test_parts_by_head_sum_to_the_edge(kind):
    model, transcoders = setup(kind)
    graph = build_graph(model, transcoders, IDS, DIRECTION)
    edges = (graph.kind[graph.edge_index[0]] != int(NodeKind.BIAS)).nonzero()[:, 0]
    split = split_by_head(model, transcoders, IDS, graph, edges, DIRECTION)
    want = graph.direct_effect[edges]
    assert float((split.total - want).abs().max() / want.abs().max()) < 1e-5


@pytest.mark.parametrize("kind", KINDS)
def test_heads_as_nodes_change_no_sum_and_no_total_effect(kind):
    model, transcoders = setup(kind, layers=3)
    whole, split = (
        build_graph(
            model, transcoders, IDS, DIRECTION, AttributionSettings(max_feature_nodes=9, heads=how)
        )
        for how in ("in edges", "nodes")
    )
    n, scale = whole.n_nodes, whole.direct_effect.abs().max()
    assert float((split.dense().sum(1)[:n] - whole.dense().sum(1)).abs().max() / scale) < 1e-5
    want = total_effect(whole)
    assert float((total_effect(split)[:n] - want).abs().max() / want.abs().max()) < 1e-4
