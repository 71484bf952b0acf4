"""Cross-layer transcoders: sums by hand, circuit-tracer's files, training, splicing, refusals."""

import dataclasses

import pytest
import torch
from safetensors.torch import load_file, save_file

from core.errors import ModelError, TranscoderError
from core.models import Edits
from core.transcoders import (
    NestedSettings,
    Relu,
    Samples,
    TopK,
    TrainSettings,
    Transcoder,
    TranscoderSet,
    collect,
    load_transcoders,
    measure_transcoders,
    save_transcoders,
    train_on_samples,
    train_transcoders,
)
from core.transcoders.crossing import hand_up, replacing
from tests.tiny import tiny_batch, tiny_model, tiny_transcoders

CLT = TrainSettings(kind="clt", features=24, k=8, steps=300, batch=128)


@pytest.fixture(scope="module")
def model():
    return tiny_model("gpt2", layers=3)


def two_layers():
    """One feature a layer, one dimension: what it writes can be added up in the head."""

    def layer(later):
        one = torch.ones(1, 1)
        return Transcoder(
            W_enc=one, b_enc=torch.zeros(1), W_dec=2 * one, b_dec=torch.full((1,), 0.5),
            W_later=torch.tensor(later).view(1, -1, 1), activation=Relu(),
        )  # fmt: skip

    return TranscoderSet(layers=(layer([10.0]), layer([])), model_name="m", kind="clt")


def test_reconstructions_by_hand():
    coders = two_layers()
    x = torch.tensor([3.0, 1.0]).view(2, 1, 1)
    rebuilt = coders.rebuild(coders.encode(x), x).flatten().tolist()
    assert rebuilt == [3 * 2 + 0.5, 1 * 2 + 0.5 + 3 * 10]
    feature = torch.tensor([0])
    rows = [coders.writes(0, feature, at).item() for at in (0, 1)]
    assert rows == [2, 10]
    assert coders.writes(1, feature, 0).item() == 0
    assert coders.all_writes(0, feature).item() == 12
    assert coders.all_writes(1, feature).item() == 2


def test_a_per_layer_set_is_rebuilt_layer_by_layer(model):
    coders = tiny_transcoders(model, skip=True)
    x = torch.randn(3, 4, 16, generator=torch.Generator().manual_seed(0))
    want = torch.stack([coder(one) for coder, one in zip(coders, x, strict=True)])
    torch.testing.assert_close(coders.rebuild(coders.encode(x), x), want)
    feature = torch.tensor([3, 5])
    torch.testing.assert_close(coders.all_writes(1, feature), coders[1].W_dec[feature])
    assert not coders.writes(0, feature, 2).any()


def test_one_layer_alone_gives_no_reconstruction(model):
    coders = tiny_transcoders(model, crosses=True)
    with pytest.raises(TranscoderError, match="features of all layers up to it"):
        coders[0](torch.zeros(1, 16))


def test_missing_decoders_are_refused(model):
    layers = tiny_transcoders(model, crosses=True).layers
    with pytest.raises(TranscoderError, match=r"\[1, 1, 0\] later layers.*\[2, 1, 0\] here"):
        TranscoderSet(layers=(layers[1], layers[1], layers[2]), model_name="m", kind="clt")
    own = dataclasses.replace(layers[0], W_later=None)
    with pytest.raises(TranscoderError, match="must write to all above it"):
        TranscoderSet(layers=(layers[0], layers[1], own), model_name="m", kind="clt")


@pytest.mark.parametrize("skip", [False, True])
def test_a_folder_gives_back_the_same_transcoder_and_the_same_forward_pass(skip, model, tmp_path):
    written = tiny_transcoders(model, skip=skip, crosses=True)
    read = load_transcoders(save_transcoders(written, tmp_path), model)
    assert (read.key, read.kind, read.model_key) == (written.key, "clt", model.key)
    batch = tiny_batch()
    runs = [model.run(batch.clean, Edits(mlp=replacing(one, range(3)))) for one in (written, read)]
    assert torch.equal(*runs)


def circuit_tracer_folder(folder, model, **config):
    """A ReLU transcoder of every layer, named as circuit-tracer names them, skips unturned."""
    generator, d, n = torch.Generator().manual_seed(3), model.d_model, model.n_layers

    def draw(*shape):
        return torch.randn(*shape, generator=generator)

    found = []
    for i in range(n):
        enc = {f"W_enc_{i}": draw(5, d), f"b_enc_{i}": draw(5), f"b_dec_{i}": draw(d)}
        enc[f"W_skip_{i}"] = draw(d, d)
        dec = {f"W_dec_{i}": draw(5, n - i, d)}
        save_file(enc, folder / f"W_enc_{i}.safetensors")
        save_file(dec, folder / f"W_dec_{i}.safetensors")
        found.append(enc | dec)
    lines = {"model_kind": "cross_layer_transcoder", "feature_input_hook": "mlp.hook_in"} | config
    text = "\n".join(f"{name}: {value}" for name, value in lines.items())
    (folder / "config.yaml").write_text(text)
    return found


def test_circuit_tracers_files_compute_what_circuit_tracer_computes(model, tmp_path):
    """Its reconstruction written out: all layers up to the output's, the skip not turned."""
    files = circuit_tracer_folder(tmp_path, model)
    coders = load_transcoders(tmp_path, model)
    assert (coders.kind, coders.n_features) == ("clt", 5)
    assert coders.notes  # random weights explain nothing, and the forward pass says so
    x = model.trace(tiny_batch().clean).mlp_in
    a = [
        (x[i] @ files[i][f"W_enc_{i}"].T + files[i][f"b_enc_{i}"]).relu()
        for i in range(model.n_layers)
    ]
    for m in range(model.n_layers):
        want = files[m][f"b_dec_{m}"] + x[m] @ files[m][f"W_skip_{m}"]
        for i in range(m + 1):
            want = want + a[i] @ files[i][f"W_dec_{i}"][:, m - i]
        got = coders.rebuild(coders.encode(x), x)[m]
        torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-3)


def test_thresholds_make_a_jumping_activation(model, tmp_path):
    circuit_tracer_folder(tmp_path, model)
    for i in range(model.n_layers):
        tensors = load_file(tmp_path / f"W_enc_{i}.safetensors")
        tensors[f"threshold_{i}"] = torch.full((5,), 0.7)
        save_file(tensors, tmp_path / f"W_enc_{i}.safetensors")
    layer = load_transcoders(tmp_path)[1]
    a = layer.encode(torch.randn(50, 16, generator=torch.Generator().manual_seed(0)))
    assert float(a[a != 0].min()) > 0.7


def change(name, **tensors):
    def edit(folder):
        found = load_file(folder / name)
        for key, value in tensors.items():
            if value is None:
                found.pop(key)
            else:
                found[key] = value
        save_file(found, folder / name)

    return edit


@pytest.mark.parametrize(
    ("damage", "match"),
    [
        (lambda f: (f / "W_dec_1.safetensors").unlink(), "of every layer from 0"),
        (change("W_enc_1.safetensors", b_dec_1=None), "Layer 1 .* W_dec_1 are required"),
        (change("W_enc_0.safetensors", extra=torch.zeros(1)), "Layer 0 .* allowed"),
        (change("W_dec_1.safetensors", W_dec_1=torch.zeros(5, 3, 16)), r"\[feature, 2, d_model\]"),
        (change("W_dec_2.safetensors", W_dec_2=torch.zeros(4, 1, 16)), "W_dec has shape"),
        (change("W_enc_0.safetensors", b_enc_0=torch.full((5,), torch.nan)), "NaN"),
    ],
)
def test_damaged_folders_are_refused(damage, match, model, tmp_path):
    circuit_tracer_folder(tmp_path, model)
    damage(tmp_path)
    with pytest.raises(TranscoderError, match=match):
        load_transcoders(tmp_path, model)


def test_one_that_reads_the_raw_stream_is_refused(model, tmp_path):
    circuit_tracer_folder(tmp_path, model, feature_input_hook="hook_resid_mid")
    with pytest.raises(TranscoderError, match="feature_input_hook"):
        load_transcoders(tmp_path, model)


def test_a_new_dictionary_leaves_no_file_of_another_kind_behind(model, tmp_path):
    save_transcoders(tiny_transcoders(model, crosses=True), tmp_path)
    save_transcoders(tiny_transcoders(model), tmp_path)
    assert not list(tmp_path.glob("W_*"))
    assert load_transcoders(tmp_path, model).kind == "topk"


@pytest.mark.parametrize("kind", ["gpt2", "neox-parallel"])
def test_reconstructions_stand_in_for_mlps_as_the_running_pass_has_them(kind):
    """Layer by layer with plain hooks, each feature reading what the replaced model gives it."""
    model = tiny_model(kind, layers=3)
    coders, batch = tiny_transcoders(model, skip=True, crosses=True), tiny_batch()
    for replaced in ({0, 1, 2}, {1}, {2}):
        active = []

        def hook(_module, args, out, replaced=replaced, active=active):
            layer = len(active)
            active.append(coders[layer].encode(args[0]))
            if layer not in replaced:
                return out
            every = torch.arange(coders.n_features)
            below = sum(a @ coders.writes(at, every, layer) for at, a in enumerate(active[:-1]))
            return coders[layer].own(active[-1], args[0]) + below

        hooks = [block.mlp.register_forward_hook(hook) for block in model.blocks]
        want = model.hf(input_ids=batch.clean).logits[:, -1]
        for one in hooks:
            one.remove()
        got = model.run(batch.clean, Edits(mlp=replacing(coders, replaced)))
        torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-4)


def test_nothing_is_handed_up_outside_a_pass(model):
    coder = tiny_transcoders(model, crosses=True)[0]
    with pytest.raises(ModelError, match="called on its own"):
        hand_up(coder, torch.zeros(1, 1, 12), torch.tensor([0]))


def test_what_is_handed_up_does_not_outlive_its_pass(model):
    coders, batch = tiny_transcoders(model, crosses=True), tiny_batch()
    edits = Edits(mlp=replacing(coders, {1}))
    first = model.run(batch.clean, edits)
    with pytest.raises(RuntimeError, match="cut"):  # layer 0 hands up, nobody takes it
        model.run(batch.clean, Edits(mlp={0: edits.mlp[0], 1: cut}))
    assert torch.equal(model.run(batch.clean, edits), first)


def cut(_x, _y):
    raise RuntimeError("cut")


def planted(*, tokens=600):
    """Layer 1's output is a function of layer 0's input alone, which layer 1 does not see."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, tokens, 6, generator=generator)
    read, write, far = (torch.randn(5, 6, generator=generator) for _ in range(3))
    a = (x[0] @ read.T).relu()
    position = torch.arange(tokens) % 3
    return Samples(
        x=x, y=torch.stack([a @ write, 7 * (a @ far)]) + 3, position=position, first=position == 0
    )


def unexplained(coders, samples):
    error = samples.y - coders.rebuild(coders.encode(samples.x), samples.x)
    y = samples.y - samples.y.mean(1, keepdim=True)
    return (error.square().sum((1, 2)) / y.square().sum((1, 2))).tolist()


def test_later_writes_are_learnt():
    samples = planted()
    crossing = unexplained(train_on_samples(samples, CLT, "m").transcoders, samples)
    own = dataclasses.replace(CLT, kind="topk")
    alone = unexplained(train_on_samples(samples, own, "m").transcoders, samples)
    assert max(crossing) < 0.05
    assert alone[1] > 0.5


def test_a_nested_prefix_of_all_layers_reconstructs_alone():
    samples = planted()
    nested = NestedSettings(prefix=(12, 4), lengths=(0.5, 1.0))
    settings = dataclasses.replace(CLT, nested=nested)
    coders = train_on_samples(samples, settings, "m").transcoders
    assert coders.prefixes == (12, 4)
    a = coders.encode(samples.x)
    kept = torch.arange(24) < torch.tensor(coders.prefixes)[:, None]
    left = samples.y - coders.rebuild(a * kept[:, None], samples.x)
    left, y = (v - samples.position_means(v)[:, samples.position] for v in (left, samples.y))
    rest = ~samples.first
    for layer in range(2):
        assert float(left[layer, rest].square().sum() / y[layer, rest].square().sum()) < 0.1


def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path):
    quick = dataclasses.replace(CLT, steps=20, batch=64)
    whole = train_on_samples(planted(), quick, "m").transcoders
    again = train_on_samples(planted(), quick, "m", resume_dir=tmp_path).transcoders
    resumed = train_on_samples(planted(), quick, "m", resume_dir=tmp_path).transcoders
    assert whole.key == again.key == resumed.key


def test_quality_counts_what_lower_layers_write(model):
    batch = tiny_batch(prompts=30)
    settings = dataclasses.replace(CLT, steps=60, features=40)
    coders = train_transcoders(model, (batch,), settings).transcoders
    report = measure_transcoders(model, coders, (batch,))
    samples = collect(model, (batch,))
    rest = ~samples.first
    error = (samples.y - coders.rebuild(coders.encode(samples.x), samples.x))[:, rest]
    away = samples.y[:, rest] - samples.y[:, rest].mean(1, keepdim=True)
    for layer in range(3):
        want = float(error[layer].square().sum() / away[layer].square().sum())
        assert report.layers[layer].fvu == pytest.approx(want, rel=1e-3)
    assert isinstance(coders[0].activation, TopK)
