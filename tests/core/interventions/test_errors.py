"""Errors given as data: as the regimes where those exist, and as plain hooks everywhere."""

import pytest
import torch

from core.errors import SettingsError
from core.interventions import Ablation, ErrorRegime, Errors, all_gates
from tests.core.interventions.test_evaluator import features, make, mlp_values, random_masks

SOURCE = {ErrorRegime.KEPT: "clean", ErrorRegime.RESAMPLE: "corrupt", ErrorRegime.MEAN: "mean"}


def given(evaluator, state):
    """A state's errors of every layer in the aligned frame, for all prompts in order."""
    shape = (1, evaluator.n_prompts, evaluator.length, evaluator.model.d_model)
    layers = {layer: torch.zeros(shape) for layer in range(evaluator.model.n_layers)}
    done = 0
    for part in evaluator._parts:
        rows = slice(done, done + len(part.logits))
        for layer, values in layers.items():
            values[0, rows, part.start :] = getattr(part, state).error[layer]
        done = rows.stop
    return layers


def noise(evaluator, draws, seed=0):
    shape = (draws, evaluator.n_prompts, evaluator.length, evaluator.model.d_model)
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("regime", SOURCE)
def test_a_regime_given_as_data_is_that_regime(regime, skip):
    evaluator, _, _ = make(skip=skip)
    gates = features(evaluator, random_masks(evaluator, 3))
    data = Errors(layers=given(evaluator, SOURCE[regime]), rest=ErrorRegime.KEPT)
    for ablation in Ablation:
        got = evaluator.outcome(gates, ablation, data)
        want = evaluator.outcome(gates, ablation, regime)
        # A regime's passes may begin behind what is alike; in other parts, sums end otherwise.
        torch.testing.assert_close(got.logit_diff, want.logit_diff, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(got.kl, want.kl, rtol=1e-5, atol=1e-5)


def test_no_layer_named_is_the_regime_of_the_rest():
    evaluator, _, _ = make(skip=True)
    gates = features(evaluator, random_masks(evaluator))
    for regime in ErrorRegime:
        got = evaluator.outcome(gates, Ablation.MEAN, Errors(layers={}, rest=regime))
        assert torch.equal(
            got.logit_diff, evaluator.outcome(gates, Ablation.MEAN, regime).logit_diff
        )


def slow_logits(evaluator, batch, row, mask, error, corrupt_errors):
    """One prompt by plain hooks: resample reference, given errors in layer 1, corrupt elsewhere."""
    model, coders = evaluator.model, evaluator.transcoders
    start = evaluator.length - batch.clean.shape[1]
    reference = mlp_values(model, coders, batch.corrupt[row : row + 1])

    def hook(layer):
        _x, y_ref, a_ref, e_ref = reference[layer]
        stands = error[start:] if layer == 1 else (e_ref if corrupt_errors else None)

        def replace(_module, args, _out):
            a = coders.layers[layer].encode(args[0])
            base = y_ref - e_ref + stands
            return base + (mask[layer, start:][None] * (a - a_ref)) @ coders.layers[layer].W_dec

        return replace

    hooks = [b.mlp.register_forward_hook(hook(i)) for i, b in enumerate(model.blocks)]
    logits = model.hf(input_ids=batch.clean[row : row + 1]).logits[0, -1]
    for h in hooks:
        h.remove()
    return logits


@pytest.mark.parametrize("kind", ["gpt2", "llama", "neox-parallel"])
def test_one_layers_errors_in_a_strict_circuit_equal_the_slow_reference(kind):
    evaluator, batches, _ = make(kind)
    mask = random_masks(evaluator, 1)
    values = noise(evaluator, 2)
    got = evaluator.outcome(
        features(evaluator, mask),
        Ablation.RESAMPLE,
        Errors(layers={1: values}, rest=ErrorRegime.ABLATED),
    )
    want, place = torch.zeros(2, evaluator.n_prompts), 0
    for batch in batches:
        for row in range(len(batch.clean)):
            for draw in (0, 1):
                error = values[draw, place]
                logits = slow_logits(evaluator, batch, row, mask[0], error, corrupt_errors=True)
                want[draw, place] = logits[batch.answer[row]] - logits[batch.wrong[row]]
            place += 1
    torch.testing.assert_close(got.logit_diff, want, rtol=1e-4, atol=1e-4)


def test_starting_at_the_first_given_layer_changes_nothing(monkeypatch):
    evaluator, _, _ = make()
    gates = features(evaluator, random_masks(evaluator, 1))
    values = noise(evaluator, 3)
    fast = Errors(layers={1: values}, rest=ErrorRegime.KEPT)
    zero = given(evaluator, "clean")[0].expand(3, -1, -1, -1)
    slow = Errors(layers={0: zero, 1: values}, rest=ErrorRegime.KEPT)
    got = evaluator.outcome(gates, Ablation.RESAMPLE, fast)
    want = evaluator.outcome(gates, Ablation.RESAMPLE, slow)
    torch.testing.assert_close(got.logit_diff, want.logit_diff)
    monkeypatch.setattr("core.interventions.passes.CHUNK_TOKENS", 1)
    again = evaluator.outcome(gates, Ablation.RESAMPLE, fast)
    torch.testing.assert_close(again.logit_diff, want.logit_diff)


def test_a_draw_for_each_circuit_and_one_for_all():
    evaluator, _, _ = make()
    gates = features(evaluator, random_masks(evaluator, 2))
    values = noise(evaluator, 2)
    both = evaluator.outcome(
        gates, Ablation.MEAN, Errors(layers={0: values}, rest=ErrorRegime.KEPT)
    ).logit_diff
    for row in (0, 1):
        alone = Errors(layers={0: values[row : row + 1]}, rest=ErrorRegime.KEPT)
        got = evaluator.outcome(gates[row : row + 1], Ablation.MEAN, alone).logit_diff
        torch.testing.assert_close(both[row : row + 1], got)
    shared = Errors(layers={0: values[:1]}, rest=ErrorRegime.KEPT)
    got = evaluator.outcome(gates, Ablation.MEAN, shared).logit_diff[0]
    torch.testing.assert_close(got, both[0])


def test_draws_that_do_not_match_the_circuits_are_refused():
    evaluator, _, _ = make()
    gates = features(evaluator, random_masks(evaluator, 2))
    errors = Errors(layers={0: noise(evaluator, 3)}, rest=ErrorRegime.KEPT)
    with pytest.raises(SettingsError, match="3 draws of errors were given for 2 circuits"):
        evaluator.outcome(gates, Ablation.MEAN, errors)


def test_the_whole_dictionary_with_its_own_errors_is_the_model():
    evaluator, _, _ = make(skip=True)
    errors = Errors(layers={1: given(evaluator, "clean")[1]}, rest=ErrorRegime.KEPT)
    got = evaluator.outcome(all_gates(evaluator.bounds)[None], Ablation.RESAMPLE, errors)
    torch.testing.assert_close(
        got.logit_diff, evaluator.model_outcome().logit_diff, rtol=1e-3, atol=1e-3
    )
