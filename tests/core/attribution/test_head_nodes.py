"""Heads as nodes: edges against autograd, sums that close, and nothing lost over all paths."""

import pytest
import torch

from core.attribution import (
    AttributionSettings,
    Direction,
    TargetChoice,
    Tokens,
    build_graph,
)
from core.attribution.ends import Features, Readers
from core.attribution.frozen import freeze
from core.attribution.head_nodes import head_readouts
from core.attribution.targets import choose_targets
from core.graph import NodeKind, influence, load_graph, save_graph, total_effect
from tests.core.attribution.reference import effects_cut_at_heads, effects_of, gap, make_prompt
from tests.tiny import KINDS, tiny_model, tiny_transcoders

IDS = torch.tensor([1, 4, 5, 9])
DIRECTION = Direction(answer=4, wrong=8)
CASES = [(kind, skip, most) for kind in KINDS for skip, most in ((False, None), (True, 6))]


def parts(kind, skip=False):
    model = tiny_model(kind)
    return model, tiny_transcoders(model, skip=skip)


def both(kind, skip=False, most=None, targets: TargetChoice = DIRECTION):
    """The graph with heads inside edges, and with heads as nodes."""
    return tuple(
        build_graph(*parts(kind, skip), IDS, targets, AttributionSettings(
            max_feature_nodes=most, features_per_round=2, heads=heads
        ))
        for heads in ("in edges", "nodes")
    )  # fmt: skip


def readouts(model, coders, graph):
    """ρ of the library, for the graph's own features."""
    here = graph.of_kind(NodeKind.FEATURE)
    features = Features(
        layer=graph.layer[here], position=graph.position[here], index=graph.index[here],
        activation=graph.activation[here],
    )  # fmt: skip
    frozen = freeze(model, coders, IDS)
    targets = choose_targets(model, frozen.trace.logits[0, -1], DIRECTION)
    return head_readouts(Readers(frozen=frozen, features=features, targets=targets)), targets


def assert_close(got, want, scale):
    assert float((got - want).abs().max() / scale.abs().max()) < 1e-5


@pytest.mark.parametrize(("kind", "skip", "most"), CASES)
def test_edges_are_those_of_autograd_with_every_heads_output_cut_off(kind, skip, most):
    model, coders = parts(kind, skip)
    _, split = both(kind, skip, most)
    rho, targets = readouts(model, coders, split)
    vector = torch.cat([targets.vector, targets.bias[:, None]], 1)
    want = effects_cut_at_heads(make_prompt(model, coders, IDS), split, vector, rho)
    assert gap(effects_of(split), want) < 1e-4


@pytest.mark.parametrize(("kind", "skip", "most"), CASES)
def test_inputs_of_every_target_still_sum_to_its_value(kind, skip, most):
    graph, split = both(kind, skip, most)
    assert_close(split.dense().sum(1)[: graph.n_nodes], graph.dense().sum(1), graph.direct_effect)


@pytest.mark.parametrize(("kind", "skip", "most"), CASES)
def test_over_all_paths_every_node_adds_what_it_does_without_head_nodes(kind, skip, most):
    graph, split = both(kind, skip, most)
    want = total_effect(graph)
    assert_close(total_effect(split)[: graph.n_nodes], want, 10 * want)  # small shares are divided


@pytest.mark.parametrize("kind", KINDS)
def test_a_heads_inputs_sum_to_its_activation_which_is_all_it_adds(kind):
    _, split = both(kind, targets=Tokens(ids=(3, 5, 8)))
    heads = split.of_kind(NodeKind.HEAD)
    assert heads.sum() > 8
    assert_close(split.dense()[heads].sum(1), split.activation[heads], split.activation[heads])
    assert_close(total_effect(split)[heads], split.activation[heads], split.activation[heads])


def test_a_head_is_read_by_the_gradient_of_the_logits_over_all_paths():
    """Finite differences of a plain frozen model whose features pass everything on."""
    model, coders = parts("gpt2")
    _, split = both("gpt2")
    rho, targets = readouts(model, coders, split)
    trace = model.trace(IDS[None])
    shift = 1e-2 * torch.randn(4, 4, 4, generator=torch.Generator().manual_seed(0))

    def logit(sign):
        resid = model.embed(IDS[None]).total[0]
        for layer, coder in enumerate(coders):
            weights = model.weights(layer)
            scale = weights.norm1.scale(trace.resid_pre[layer, 0])
            v = torch.einsum("pd,hde->hpe", weights.norm1.linear(resid, scale), weights.W_V)
            z = torch.einsum("hqp,hpe->qhe", trace.pattern[layer, 0], v)
            z = z + sign * shift if layer == 0 else z
            resid = resid + torch.einsum("qhe,hed->qd", z, weights.W_O)
            x = weights.norm2.linear(resid, weights.norm2.scale(trace.resid_mid[layer, 0]))
            active = coder.encode(trace.mlp_in[layer, 0]) != 0
            resid = resid + (x @ coder.W_enc.T * active) @ coder.W_dec
        last = model.final_norm.scale(trace.resid_post[-1, 0])
        return targets.vector @ model.final_norm.linear(resid, last)[-1]

    want = (logit(1.0) - logit(-1.0)) / 2
    torch.testing.assert_close((rho[0] * shift).sum()[None], want, rtol=1e-4, atol=1e-5)


def test_head_nodes_keep_the_graph_upward_and_survive_their_file(tmp_path):
    graph, split = both("gpt2")
    heads = split.of_kind(NodeKind.HEAD)
    assert bool((split.index[heads] < 4).all())
    assert torch.equal(split.kind[: graph.n_nodes], graph.kind)
    assert bool((influence(split)[heads] >= 0).all())  # no cycle
    save_graph(split, tmp_path / "g")
    assert torch.equal(load_graph(tmp_path / "g").kind, split.kind)
