"""Effects of single nodes: equal to gating each of them, on every family."""

import pytest
import torch

from core.errors import TranscoderError
from core.interventions import Ablation, Evaluator, Places, all_gates, mean_state, prepare_batch
from core.lessons.effects import single_effects
from tests.tiny import KINDS, tiny_batch, tiny_model, tiny_transcoders

LENGTH = 5


def prepared(kind, **options):
    model = tiny_model(kind)
    coders = tiny_transcoders(model, **options)
    batches = (tiny_batch(), tiny_batch(prompts=2, length=4, shift=1, seed=3))
    mean = mean_state(model, coders, batches, LENGTH)
    parts = tuple(prepare_batch(model, coders, b, mean=mean, length=LENGTH) for b in batches)
    evaluator = Evaluator(model, coders, batches, mean_over=batches, length=LENGTH)
    return model, coders, parts, evaluator


@pytest.mark.parametrize("kind", KINDS)
def test_an_effect_is_what_the_nodes_gate_does(kind):
    """Two ways: resumed after the changed layer, and a whole pass with one gate shut or open."""
    model, coders, parts, evaluator = prepared(kind, skip=kind == "llama")
    nodes = evaluator.active().nonzero()
    found = single_effects(model, coders, parts, nodes)
    rows = torch.cat([torch.zeros(len(nodes), 1, dtype=torch.long), nodes], 1)
    one = Places.of(rows, evaluator.bounds).gates(torch.eye(len(nodes)))
    everything = all_gates(evaluator.bounds)[None]
    shut = type(one)(feature=1 - one.feature, head=one.head)
    empty = type(one)(feature=0 * everything.feature, head=everything.head)
    full, without, none, alone = (
        evaluator.outcome(gates, Ablation.RESAMPLE).logit_diff
        for gates in (everything, shut, empty, one)
    )
    span = (evaluator.model_outcome().logit_diff - none).mean()
    span = span if span > 1e-6 else torch.tensor(1.0)  # a random model may have no margin
    for got, wanted in (
        (found.noising, (full - without) / span), (found.denoising, (alone - none) / span)
    ):  # fmt: skip
        assert wanted.abs().max() > 1e-3
        torch.testing.assert_close(got, wanted.mean(1), atol=2e-4, rtol=1e-3)
    torch.testing.assert_close(
        found.noising_abs, ((full - without) / span).abs().mean(1), atol=2e-4, rtol=1e-3
    )
    assert (found.strength == torch.maximum(found.noising.abs(), found.denoising.abs())).all()


def test_a_node_that_does_not_differ_has_no_effect():
    model, coders, parts, _ = prepared("gpt2")
    silent = torch.tensor([[0, 0, feature] for feature in range(coders.n_features)])
    found = single_effects(model, coders, parts, silent)  # <bos> is the same on both prompts
    assert not found.noising.any()
    assert not found.denoising.any()


def test_cross_layer_features_are_refused():
    model = tiny_model("gpt2")
    with pytest.raises(TranscoderError, match="one decoder a layer"):
        single_effects(model, tiny_transcoders(model, crosses=True), (), torch.zeros(0, 3).long())
