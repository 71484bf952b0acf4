"""Predictions and their effects where features write at later layers too."""

import pytest
import torch

from core.circuit import FeatureNode
from core.models import Edits
from core.predictions.expected import by_gradient
from core.predictions.trials import Intervention, effect, trials
from tests.tiny import tiny_batch, tiny_model, tiny_transcoders

THIRD = Intervention.THIRD


@pytest.fixture(scope="module", params=["gpt2", "neox-parallel"])
def parts(request):
    model = tiny_model(request.param, layers=3)
    coders = tiny_transcoders(model, crosses=True)
    return model, coders, trials(model, coders, [tiny_batch(prompts=6)], 0)


def group_of(coders, layer):
    return [FeatureNode(layer, p, f) for p in range(5) for f in range(coders.n_features)]


def test_interchange_of_a_layers_features_moves_every_output_that_they_write(parts):
    """With plain hooks: the layers above compute on what reaches them, and get the rest on top."""
    model, coders, tried = parts
    (trial,) = tried
    moved = trial.other.activation[0] - trial.live.activation[0]
    every = torch.arange(coders.n_features)
    hooks = [
        block.mlp.register_forward_hook(
            lambda _m, _a, out, layer=layer: out + moved @ coders.writes(0, every, layer)
        )
        for layer, block in enumerate(model.blocks)
    ]
    logits = model.hf(input_ids=trial.batch.clean).logits[:, -1]
    for hook in hooks:
        hook.remove()
    rows = torch.arange(6)
    want = logits[rows, trial.batch.answer] - logits[rows, trial.batch.wrong] - trial.margin
    got = effect(model, coders, tried, group_of(coders, 0), THIRD)
    torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-4)


def test_features_of_two_layers_move_together_each_from_its_live_value(parts):
    model, coders, tried = parts
    (trial,) = tried
    some = [FeatureNode(0, 4, f) for f in range(6)] + [FeatureNode(2, 4, f) for f in range(6)]

    def at(layer):
        def edit(x, y):
            live = coders[layer].encode(x)[:, 4, :6]
            moved = trial.other.activation[layer][:, 4, :6] - live
            carried[layer] = moved
            for lower, change in carried.items():
                y = y.index_add(
                    1, torch.tensor([4]), (change @ coders.writes(lower, first, layer))[:, None]
                )
            return y

        return edit

    def below(layer):
        return lambda x, y: y.index_add(
            1, torch.tensor([4]), (carried[0] @ coders.writes(0, first, layer))[:, None]
        )

    carried, first = {}, torch.arange(6)
    logits = model.run(trial.batch.clean, Edits(mlp={0: at(0), 1: below(1), 2: at(2)}))
    rows = torch.arange(6)
    want = logits[rows, trial.batch.answer] - logits[rows, trial.batch.wrong] - trial.margin
    got = effect(model, coders, tried, some, THIRD)
    torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-4)


def test_gradients_along_a_line_add_up_to_the_effect_of_the_whole_layer(parts, monkeypatch):
    model, coders, tried = parts
    monkeypatch.setattr("core.predictions.expected.STEPS", 128)
    group = group_of(coders, 1)
    found = by_gradient(model, coders, tried, [group, group[:3], group[3:]], THIRD)
    want = float(effect(model, coders, tried, group, THIRD).mean())
    assert float(found[0]) == pytest.approx(want, rel=0.03, abs=0.05)
    assert float(found[1] + found[2]) == pytest.approx(float(found[0]), abs=1e-4)
