"""Training on planted dictionaries and tiny models: it learns, resumes exactly, and refuses."""

import dataclasses

import pytest
import torch
from safetensors.torch import save_file

from core.errors import SettingsError, TranscoderError
from core.transcoders import (
    NestedSettings,
    PredictionSettings,
    Samples,
    TrainSettings,
    collect,
    pooled_ranks,
    train_on_samples,
    train_transcoders,
)
from core.transcoders import train as training
from core.transcoders.training_state import TrainingRun
from tests.tiny import tiny_batch, tiny_model

QUICK = TrainSettings(features=12, k=3, steps=30, batch=64, dead_after=5)
NESTED = dataclasses.replace(QUICK, kind="nested", nested=NestedSettings(prefix=(4, 5)))


def planted(*, layers=2, tokens=600, seed=0):
    """Outputs of five true ReLU features, at three positions after a constant first token."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(layers, tokens, 6, generator=generator)
    read, write = (torch.randn(layers, 5, 6, generator=generator) for _ in range(2))
    position = torch.arange(tokens) % 4
    x[:, position == 0] = 9.0
    y = torch.einsum("lnd,lfd->lnf", x, read).relu() @ write + 3
    return Samples(x=x, y=y, position=position, first=position == 0)


def unexplained(transcoder, samples, layer):
    y = samples.y[layer][~samples.first]
    error = y - transcoder(samples.x[layer])[~samples.first]
    return float(error.square().sum() / (y - y.mean(0)).square().sum())


@pytest.mark.parametrize("kind", ["topk", "nested"])
def test_planted_features_are_reconstructed(kind):
    samples = planted()
    nested = NestedSettings(prefix=(10, 10), lengths=(0.5, 1.0))
    settings = TrainSettings(
        kind=kind, features=24, k=8, steps=400, batch=256, learning_rate=1e-2, nested=nested
    )
    transcoders, report = train_on_samples(samples, settings, "planted")
    for layer in range(2):
        assert unexplained(transcoders[layer], samples, layer) < 0.02
    assert report.losses[-1] < report.losses[0] / 20
    assert transcoders.kind == kind


def test_a_nested_prefix_reconstructs_alone():
    samples = planted(layers=1)
    nested = NestedSettings(prefix=(10,), lengths=(0.5, 1.0))
    settings = TrainSettings(
        kind="nested", features=24, k=8, steps=400, batch=256, learning_rate=1e-2, nested=nested
    )
    (layer,) = train_on_samples(samples, settings, "planted").transcoders
    a = layer.encode(samples.x[0])
    a[:, layer.prefix :] = 0
    kept = ~samples.first
    left = (samples.y[0] - layer.decode(a, samples.x[0]))[kept]
    for position in range(1, 4):
        here = left[samples.position[kept] == position]
        y = samples.y[0][samples.position == position]
        unexplained = (here - here.mean(0)).square().sum() / (y - y.mean(0)).square().sum()
        assert unexplained < 0.03


def test_the_first_token_is_reconstructed_too():
    samples = planted(layers=1)
    settings = TrainSettings(features=24, k=8, steps=400, batch=256, learning_rate=1e-2)
    (layer,) = train_on_samples(samples, settings, "planted").transcoders
    y = samples.y[0][samples.first]
    error = y - layer(samples.x[0][samples.first])
    assert float(error.norm(dim=1).max()) < 0.3 * float(y.norm(dim=1).max())


def test_an_affine_map_is_learnt_by_the_skip():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, 400, 6, generator=generator)
    y = x @ torch.randn(6, 6, generator=generator) + 1
    places = torch.arange(400) % 2
    samples = Samples(x=x, y=y, position=places, first=places == 0)
    settings = TrainSettings(
        features=6, k=1, steps=400, batch=128, learning_rate=1e-2, skip="affine"
    )
    (layer,) = train_on_samples(samples, settings, "affine").transcoders
    assert layer.W_skip is not None
    assert unexplained(layer, samples, 0) < 0.05


class Cut(Exception):
    """Raised by a test to kill a run."""


@pytest.mark.parametrize(
    "settings",
    [QUICK, NESTED, dataclasses.replace(QUICK, prediction=PredictionSettings(weight=1.0, rank=4))],
)
def test_a_resumed_run_equals_an_uninterrupted_one(settings, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "CHECKPOINT_EVERY", 10)
    monkeypatch.setattr(training, "REPORT_EVERY", 15)
    samples = planted()
    whole = train_on_samples(samples, settings, "m")

    def cut(progress):
        raise Cut

    with pytest.raises(Cut):
        train_on_samples(samples, settings, "m", progress=cut, resume_dir=tmp_path)
    seen = []
    resumed = train_on_samples(samples, settings, "m", progress=seen.append, resume_dir=tmp_path)
    assert [p.step for p in seen] == [15, 30]
    assert len(resumed.report.losses) > 0
    assert resumed.transcoders.key == whole.transcoders.key
    finished = train_on_samples(samples, settings, "m", resume_dir=tmp_path)
    assert finished.transcoders.key == whole.transcoders.key


def test_dead_features_come_back():
    samples = planted(layers=1)
    quick = TrainSettings(features=24, k=3, steps=300, batch=128, learning_rate=1e-2)
    dead = []
    for weight in (0.0, 1 / 32):
        settings = dataclasses.replace(quick, aux_weight=weight, dead_after=10)
        (layer,) = train_on_samples(samples, settings, "m").transcoders
        dead.append(int((layer.encode(samples.x[0]) == 0).all(0).sum()))
    assert dead[1] < dead[0]


def test_seeds_differ_and_repeat():
    samples = planted()
    keys = [
        train_on_samples(samples, dataclasses.replace(QUICK, seed=seed), "m").transcoders.key
        for seed in (0, 0, 1)
    ]
    assert keys[0] == keys[1] != keys[2]


def test_trained_on_a_model_every_layer_fits():
    model = tiny_model("llama")
    batches = (tiny_batch(prompts=20), tiny_batch(prompts=10, length=4, shift=1))
    seen = []
    transcoders, report = train_transcoders(model, batches, QUICK, seen.append)
    assert (transcoders.n_layers, transcoders.d_model) == (model.n_layers, model.d_model)
    assert report.n_samples == 20 * 5 + 10 * 4
    assert seen[-1].step == seen[-1].steps == 30


def test_blends_resume_exactly_too(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "CHECKPOINT_EVERY", 10)
    monkeypatch.setattr(training, "REPORT_EVERY", 15)
    model, batches = tiny_model("gpt2"), (tiny_batch(prompts=20),)
    whole = train_transcoders(model, batches, QUICK).transcoders

    def cut(progress):
        raise Cut

    with pytest.raises(Cut):
        train_transcoders(model, batches, QUICK, cut, tmp_path)
    assert (
        train_transcoders(model, batches, QUICK, resume_dir=tmp_path).transcoders.key == whole.key
    )
    plain = dataclasses.replace(QUICK, blends=0.0)
    assert train_transcoders(model, batches, plain).transcoders.key != whole.key


def test_blends_ask_the_mlp_between_two_prompts_of_one_position():
    samples, asked = planted(layers=1), []

    def mlp(x):
        asked.append(x)
        return 2 * x

    run = TrainingRun(samples, dataclasses.replace(QUICK, blends=1.0), [mlp])
    draw = run._draw(3)
    batch = run._batch(0, draw)
    assert draw.blended == 32
    assert torch.equal(samples.position[draw.token], samples.position[draw.partner])
    scale, one, other = run.scales[0], samples.x[0][draw.token], samples.x[0][draw.partner]
    mean = samples.position_means(samples.x)[0][samples.position[draw.token]]
    by_hand = mean + draw.angle.cos() * (one - mean) + draw.angle.sin() * (other - mean)
    mixed = ~samples.first[draw.token]
    mixed[32:] = False
    torch.testing.assert_close(batch.x[mixed] * scale.x_size + scale.x_mean, by_hand[mixed])
    torch.testing.assert_close(batch.y[mixed] * scale.y_size + scale.y_mean, 2 * by_hand[mixed])
    torch.testing.assert_close(
        batch.y[32:] * scale.y_size + scale.y_mean, samples.y[0][draw.token][32:]
    )
    first = samples.first[draw.token]
    torch.testing.assert_close(batch.x[first] * scale.x_size + scale.x_mean, one[first])


def test_half_of_the_draws_go_to_the_sites():
    samples = planted()
    sites = ((0.0, 0.0, 1.0, 0.0), (0.0, 0.0, 1.0, 0.0))
    nested = NestedSettings(prefix=(4, 5), sites=sites)
    run = TrainingRun(samples, dataclasses.replace(NESTED, nested=nested), ())
    share = torch.zeros(4).index_add(0, samples.position, run.chances)
    # planted positions 1, 2, 3 weigh 1, 1 + 4, 1
    torch.testing.assert_close(share[1:], 63 / 64 * torch.tensor([1.0, 5.0, 1.0]) / 7)
    assert float(run.prefix_weights[0][samples.position != 2].abs().max()) == 0


def test_samples_align_at_the_right():
    model = tiny_model("gpt2")
    samples = collect(model, (tiny_batch(prompts=2), tiny_batch(prompts=3, length=4, shift=1)))
    assert samples.position.tolist() == [
        *range(5),
        *range(5),
        *range(1, 5),
        *range(1, 5),
        *range(1, 5),
    ]
    assert samples.position[samples.first].tolist() == [0, 0, 1, 1, 1]


def test_positions_are_drawn_equally_and_first_tokens_rarely():
    position = torch.tensor([0] * 3 + [1] * 10 + [2] * 30)
    empty = torch.zeros(1, 43, 2)
    chances = Samples(x=empty, y=empty, position=position, first=position == 0).chances()
    by_position = torch.zeros(3).index_add(0, position, chances)
    torch.testing.assert_close(by_position, torch.tensor([1 / 64, 63 / 128, 63 / 128]))


def test_prefixes_follow_the_ranks():
    nested = NestedSettings(per_rank=1.0)
    settings = dataclasses.replace(NESTED, features=24, nested=nested)
    samples = planted()
    expected = pooled_ranks(samples, torch.ones(2, 4), nested.variance)
    assert train_on_samples(samples, settings, "m").transcoders.prefixes == expected


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: TrainSettings(steps=0), "`steps` is 0"),
        (lambda: TrainSettings(k=300), "`features` is 256; it must be at least prefix"),
        (lambda: TrainSettings(learning_rate=0.0), "`learning_rate`"),
        (lambda: TrainSettings(seed=-1), "`seed` is -1"),
        (lambda: NestedSettings(lengths=(1.0, 0.5)), "`lengths`"),
        (lambda: NestedSettings(lengths=(0.5,)), "`lengths`"),
        (lambda: NestedSettings(prefix=(0,)), "`prefix`"),
        (lambda: NestedSettings(variance=1.0), "`variance`"),
        (lambda: NestedSettings(per_rank=0.0), "`per_rank`"),
        (lambda: NestedSettings(sites=((-1.0,),)), "`sites`"),
        (lambda: PredictionSettings(rank=0), "`prediction rank`"),
    ],
)
def test_settings_are_refused(make, match):
    with pytest.raises(SettingsError, match=match):
        make()


@pytest.mark.parametrize(
    ("nested", "match"),
    [
        (NestedSettings(prefix=(4,)), "1 sizes for 2 layers"),
        (NestedSettings(prefix=(4, 4), sites=((1.0,),)), "2 rows of 4 are required"),
    ],
)
def test_settings_that_do_not_fit_the_model_are_refused(nested, match):
    with pytest.raises(SettingsError, match=match):
        train_on_samples(planted(), dataclasses.replace(NESTED, nested=nested), "m")


def test_another_runs_checkpoint_is_refused(tmp_path):
    train_on_samples(planted(), QUICK, "m", resume_dir=tmp_path)
    with pytest.raises(TranscoderError, match="another training run"):
        train_on_samples(planted(), dataclasses.replace(QUICK, seed=1), "m", resume_dir=tmp_path)


@pytest.mark.parametrize("damage", [b"", b"x" * 100])
def test_a_damaged_checkpoint_is_refused(damage, tmp_path):
    (tmp_path / "checkpoint.safetensors").write_bytes(damage)
    with pytest.raises(TranscoderError, match="cannot be read"):
        train_on_samples(planted(), QUICK, "m", resume_dir=tmp_path)


def test_a_checkpoint_without_a_head_is_refused(tmp_path):
    save_file({"a": torch.zeros(1)}, tmp_path / "checkpoint.safetensors")
    with pytest.raises(TranscoderError, match="cannot be read"):
        train_on_samples(planted(), QUICK, "m", resume_dir=tmp_path)


def test_no_prompts_are_refused():
    with pytest.raises(TranscoderError, match="no prompts"):
        train_transcoders(tiny_model("gpt2"), (), QUICK)
