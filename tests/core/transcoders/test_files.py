"""Round trips, circuit-tracer's folder written by hand, and every refusal of the reader."""

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from core.errors import TranscoderError
from core.transcoders import (
    JumpRelu,
    Nested,
    Relu,
    Transcoder,
    TranscoderSet,
    load_transcoders,
    neuron_transcoders,
    save_transcoders,
)
from tests.tiny import tiny_model, tiny_transcoders


@pytest.fixture(scope="module")
def model():
    return tiny_model("gpt2")


@pytest.fixture
def folder(tmp_path, model):
    return save_transcoders(tiny_transcoders(model), tmp_path / "set")


def nested(model):
    layers = tuple(
        Transcoder(**layer.tensors(), activation=Nested(prefix=3 + number, k=2))
        for number, layer in enumerate(tiny_transcoders(model))
    )
    return TranscoderSet(layers=layers, model_name="m", kind="nested", scan="s")


def jumping(model):
    layers = tuple(
        Transcoder(**layer.tensors(), activation=JumpRelu(threshold=torch.rand(12)))
        for layer in tiny_transcoders(model)
    )
    return TranscoderSet(layers=layers, model_name="m", kind="jumprelu")


def rectified(model):
    layers = tuple(
        Transcoder(**layer.tensors(), activation=Relu()) for layer in tiny_transcoders(model)
    )
    return TranscoderSet(layers=layers, model_name="m", kind="relu")


@pytest.mark.parametrize(
    "make",
    [
        tiny_transcoders,
        lambda model: tiny_transcoders(model, skip=True),
        nested,
        jumping,
        rectified,
        neuron_transcoders,
        lambda _: neuron_transcoders(tiny_model("llama")),
    ],
)
def test_round_trip_keeps_the_key(make, model, tmp_path):
    written = make(model)
    read = load_transcoders(save_transcoders(written, tmp_path))
    assert (read.key, read.kind) == (written.key, written.kind)
    assert (read.model_name, read.scan) == (written.model_name, written.scan)
    assert read.prefixes == written.prefixes


def circuit_tracer_folder(folder, **config):
    """Two layers as circuit-tracer lays them out, with numbers to compute by hand."""
    tensors = {
        "W_enc": torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]),
        "W_dec": torch.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, -2.0]]),
        "b_enc": torch.tensor([0.0, -1.0, 0.0]),
        "b_dec": torch.tensor([0.25, 0.5]),
    }
    folder.mkdir(exist_ok=True)
    for layer in range(2):
        save_file(tensors, folder / f"layer_{layer}.safetensors")
    defaults = {
        "model_name": "somebody/tiny",
        "model_kind": "transcoder_set",
        "feature_input_hook": "mlp.hook_in",
        "feature_output_hook": "mlp.hook_out",
        "scan": "somebody/tiny-plt",
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(defaults | config))
    return folder


@pytest.mark.parametrize(
    "config", [{"activation": "topk", "k": 1}, {"activation": {"type": "topk", "k": 1}}]
)
def test_circuit_tracer_folder_by_hand(config, tmp_path):
    read = load_transcoders(circuit_tracer_folder(tmp_path, **config))
    x = torch.tensor([[3.0, 2.0]])
    assert read[1].encode(x).tolist() == [[0, 0, 5]]
    assert read[1](x).tolist() == [[10.25, -9.5]]
    assert (read.kind, read.scan) == ("topk", "somebody/tiny-plt")


def test_circuit_tracer_folder_without_activation_is_relu(tmp_path):
    read = load_transcoders(circuit_tracer_folder(tmp_path))
    assert read[0].encode(torch.tensor([[3.0, 2.0]])).tolist() == [[3, 1, 5]]


def test_threshold_makes_it_jumprelu(tmp_path):
    folder = circuit_tracer_folder(tmp_path)
    for layer in range(2):
        path = folder / f"layer_{layer}.safetensors"
        threshold = {"activation_function.threshold": torch.tensor([3.0, 0.5, 9.0])}
        save_file(load_file(path) | threshold, path)
    read = load_transcoders(folder)
    assert read[0].encode(torch.tensor([[3.0, 2.0]])).tolist() == [[0, 1, 0]]


def test_listed_files_are_relative_to_the_folder(tmp_path):
    folder = circuit_tracer_folder(tmp_path)
    (folder / "weights").mkdir()
    names = [f"weights/layer_{layer}.safetensors" for layer in range(2)]
    for name in names:
        (folder / name.removeprefix("weights/")).rename(folder / name)
    config = {"activation": "topk", "k": 1, "transcoders": names[::-1]}
    assert load_transcoders(circuit_tracer_folder(tmp_path, **config)).n_layers == 2


def edit_config(folder, **changes):
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | changes))


def edit_layer(folder, change):
    path = folder / "layer_1.safetensors"
    save_file(change(load_file(path)), path)


def without(tensors, name):
    return {key: value for key, value in tensors.items() if key != name}


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda f: (f / "layer_0.safetensors").unlink(), "cannot be read as safetensors"),
        (lambda f: (f / "layer_1.safetensors").write_bytes(b"x" * 50), "cannot be read as"),
        (lambda f: (f / "config.yaml").unlink(), "circuit-tracer, sparsify or SAELens"),
        (lambda f: (f / "config.yaml").write_text("a: [1"), "not valid YAML"),
        (lambda f: (f / "config.yaml").write_text("- 1"), "a mapping is required"),
        (lambda f: (f / "config.yaml").write_text("#" * (1 << 21)), "got 2,097,152 bytes"),
        (lambda f: edit_config(f, transcoders=["layer_1.safetensors"]), r"without layers \[0\]"),
        (lambda f: edit_config(f, transcoders=["layer_0.safetensors"] * 2), "exactly one"),
        (lambda f: edit_config(f, transcoders="layer_0"), "must be a list"),
        (lambda f: edit_config(f, transcoders=["weights.bin"]), "layer_{i}.safetensors is req"),
        (lambda f: edit_config(f, transcoders=["../layer_0.safetensors"]), "not inside"),
        (lambda f: edit_config(f, transcoders=["/etc/layer_0.safetensors"]), "not inside"),
        (lambda f: edit_config(f, transcoders=["hf://a/b/layer_0.safetensors"]), "not inside"),
        (lambda f: edit_config(f, k=None), "k in config.yaml is None"),
        (lambda f: edit_config(f, k=2.5), "k in config.yaml is 2.5"),
        (lambda f: edit_config(f, k=99), "asks for 99 features"),
        (lambda f: edit_config(f, k=0), "k of a TopK activation is 0"),
        (lambda f: edit_config(f, activation="batchtopk"), "'batchtopk'"),
        (lambda f: edit_config(f, activation="jumprelu"), "with a threshold"),
        (lambda f: edit_config(f, activation={"type": "nested", "prefix": [3]}), "prefix in"),
        (lambda f: edit_config(f, model_kind="crosscoder"), "model_kind"),
        (lambda f: edit_config(f, feature_input_hook="hook_resid_mid"), "feature_input_hook"),
        (lambda f: edit_layer(f, lambda t: without(t, "b_dec")), r"lacks the tensors \['b_dec'\]"),
        (lambda f: edit_layer(f, lambda t: t | {"W": t["b_dec"].clone()}), r"unknown ones \['W'\]"),
        (lambda f: edit_layer(f, lambda t: t | {"b_dec": t["b_dec"] / 0}), "NaN, infinite"),
        (lambda f: edit_layer(f, lambda t: t | {"b_enc": t["b_enc"].int()}), "no floats"),
        (lambda f: edit_layer(f, lambda t: t | {"W_dec": t["W_dec"].T.contiguous()}), "W_dec has"),
        (
            lambda f: edit_layer(f, lambda t: t | {"W_enc": t["b_enc"].clone()}),
            "W_enc of layer 1 has",
        ),
        (
            lambda f: edit_layer(
                f, lambda t: {n: v[:5] if n != "b_dec" else v for n, v in t.items()}
            ),
            "equal feature counts",
        ),
    ],
)
def test_refusals(change, match, folder):
    change(folder)
    with pytest.raises(TranscoderError, match=match):
        load_transcoders(folder)


def test_a_link_out_of_the_folder_is_refused(folder, tmp_path):
    path = folder / "layer_1.safetensors"
    path.rename(tmp_path / "layer_1.safetensors")
    path.symlink_to(tmp_path / "layer_1.safetensors")
    with pytest.raises(TranscoderError, match="not inside"):
        load_transcoders(folder)


def test_missing_folder_is_refused(tmp_path):
    with pytest.raises(TranscoderError, match="does not exist"):
        load_transcoders(tmp_path / "none")


@pytest.mark.parametrize("layers", [1, 3])
def test_missing_and_extra_layers_are_refused(layers, folder):
    with pytest.raises(TranscoderError, match=f"2 layers of width 16, the model has {layers}"):
        load_transcoders(folder, tiny_model("gpt2", layers=layers))


def test_wrong_width_is_refused(tmp_path, model):
    folder = circuit_tracer_folder(tmp_path, activation="topk", k=1)
    with pytest.raises(TranscoderError, match="of width 2, the model has"):
        load_transcoders(folder, model)


def test_a_smaller_set_leaves_no_old_layer(folder, model):
    smaller = tiny_transcoders(tiny_model("gpt2", layers=1))
    assert load_transcoders(save_transcoders(smaller, folder)).n_layers == 1


def test_weights_that_changed_since_they_were_written_are_refused(folder, model):
    path = folder / "layer_0.safetensors"
    tensors = load_file(path)
    tensors["W_dec"][0, 0] += 1e-3
    save_file(tensors, path)
    with pytest.raises(TranscoderError, match="their weights are not the ones that were written"):
        load_transcoders(folder, model)
