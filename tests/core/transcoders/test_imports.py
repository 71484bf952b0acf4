"""By hand: sparsify and SAELens folders become the same numbers; refusals."""

import json

import pytest
import torch
from safetensors.torch import save_file

from core.errors import TranscoderError
from core.transcoders import load_transcoders
from tests.tiny import tiny_model

SPARSIFY = {"activation": "topk", "k": 2, "transcode": True, "d_in": 16, "num_latents": 8}
SAELENS = {"architecture": "skip_transcoder", "d_in": 16, "d_out": 16, "d_sae": 8}


def draw(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def sparsify(folder, layer, **changes):
    place = folder / f"h.{layer}.mlp"
    place.mkdir(parents=True)
    tensors = {
        "encoder.weight": draw(8, 16),
        "encoder.bias": draw(8),
        "W_dec": draw(8, 16) * 2,
        "b_dec": draw(16),
        "W_skip": draw(16, 16),
    }
    save_file(tensors, place / "sae.safetensors")
    (place / "cfg.json").write_text(json.dumps(SPARSIFY | changes))
    return tensors


def saelens(folder, layer, **changes):
    place = folder / f"layer_{layer}"
    place.mkdir(parents=True)
    tensors = {
        "W_enc": draw(16, 8),
        "b_enc": draw(8),
        "W_dec": draw(8, 16),
        "b_dec": draw(16),
        "W_skip": draw(16, 16),
    }
    save_file(tensors, place / "sae_weights.safetensors")
    hooks = {
        "hook_name": f"blocks.{layer}.mlp.hook_in",
        "hook_name_out": f"blocks.{layer}.hook_mlp_out",
    }
    (place / "cfg.json").write_text(json.dumps({**SAELENS, "metadata": hooks, **changes}))
    return tensors


def test_sparsify_gives_the_same_numbers(tmp_path):
    tensors = [sparsify(tmp_path, layer) for layer in range(2)][1]
    x = draw(5, 16)
    pre = (x @ tensors["encoder.weight"].T + tensors["encoder.bias"]).relu()
    top = pre.topk(2)
    a = torch.zeros(5, 8).scatter(1, top.indices, top.values)
    y = a @ tensors["W_dec"] + tensors["b_dec"] + x @ tensors["W_skip"].T
    read = load_transcoders(tmp_path)
    assert read.kind == "topk"
    torch.testing.assert_close(read[1](x), y)


def test_saelens_gives_the_same_numbers(tmp_path):
    tensors = [saelens(tmp_path, layer) for layer in range(2)][1]
    x = draw(5, 16)
    a = (x @ tensors["W_enc"] + tensors["b_enc"]).relu()
    y = a @ tensors["W_dec"] + tensors["b_dec"] + x @ tensors["W_skip"].T
    torch.testing.assert_close(load_transcoders(tmp_path)[1](x), y)


def test_random_weights_are_noted_after_the_forward_check(tmp_path):
    for layer in range(2):
        sparsify(tmp_path, layer)
    read = load_transcoders(tmp_path, tiny_model("gpt2"))
    assert len(read.notes) == 2
    assert "worse than its mean" in read.notes[0]


def test_a_fitted_skip_passes_the_forward_check(tmp_path):
    model = tiny_model("gpt2")
    trace = model.trace(draw_ids(model))
    for layer in range(2):
        tensors = saelens(tmp_path, layer)
        x, y = trace.mlp_in[layer].flatten(0, 1), trace.mlp_out[layer].flatten(0, 1)
        fit = torch.linalg.lstsq(torch.cat([x, torch.ones(len(x), 1)], 1), y).solution
        fitted = {"W_skip": fit[:-1].T.contiguous(), "b_dec": fit[-1].clone()}
        weights = tensors | fitted | {"W_dec": torch.zeros(8, 16)}
        save_file(weights, tmp_path / f"layer_{layer}" / "sae_weights.safetensors")
    assert load_transcoders(tmp_path, model).notes == ()


def draw_ids(model):
    return torch.randint(model.d_vocab, (64, 8), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda f: sparsify(f, 0, transcode=False), "transcode of 'h.0.mlp'"),
        (lambda f: sparsify(f, 0, activation="groupmax"), "activation of 'h.0.mlp'"),
        (lambda f: sparsify(f, 1), r"no dictionary for layers \[0\]"),
        (lambda f: saelens(f, 0, architecture="standard"), "architecture of"),
        (lambda f: saelens(f, 0, normalize_activations="layer_norm"), "normalize_activations of"),
        (lambda f: saelens(f, 0, metadata={"hook_name": "blocks.0.hook_resid_mid"}), "hook_name"),
        (lambda f: saelens(f, 0, metadata={}), "lacks 'hook_name'"),
        (lambda f: saelens(f, 0, d_sae="{") and (f / "layer_0/cfg.json").write_text("{"), "cfg"),
    ],
)
def test_refusals(make, match, tmp_path):
    make(tmp_path)
    with pytest.raises(TranscoderError, match=match):
        load_transcoders(tmp_path)


def test_two_dictionaries_for_one_layer_are_refused(tmp_path):
    sparsify(tmp_path / "one", 0)
    sparsify(tmp_path / "two", 0)
    with pytest.raises(TranscoderError, match="one layer of its own"):
        load_transcoders(tmp_path)
