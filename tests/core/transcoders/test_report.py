"""Quality figures: exact stand-ins are perfect, silent ones are the mean, numbers by hand."""

import pytest
import torch

from core.errors import TranscoderError
from core.transcoders import (
    Nested,
    Relu,
    Transcoder,
    TranscoderSet,
    collect,
    measure_transcoders,
    neuron_transcoders,
)
from tests.tiny import KINDS, tiny_batch, tiny_model, tiny_transcoders


def silent(model, batch, first=0):
    """Transcoders that write the mean MLP output whatever they read; `first` dense features."""
    samples = collect(model, (batch,))
    n, d = 4, model.d_model
    layers = []
    for y in samples.y:
        weights = {"W_enc": torch.zeros(n, d), "b_enc": torch.zeros(n), "W_dec": torch.ones(n, d)}
        activation = Nested(prefix=first, k=1) if first else Relu()
        b_dec = y[~samples.first].mean(0)
        layers.append(Transcoder(**weights, b_dec=b_dec, activation=activation))
    kind = "nested" if first else "relu"
    return TranscoderSet(layers=tuple(layers), model_name=model.name, kind=kind)


@pytest.mark.parametrize("kind", KINDS)
def test_neurons_lose_nothing(kind):
    model, batch = tiny_model(kind), tiny_batch(prompts=8)
    report = measure_transcoders(model, neuron_transcoders(model), (batch,))
    assert report.replacement_accuracy == 1
    assert report.answer_accuracy == report.model_accuracy
    assert abs(report.delta_ce) < 1e-4
    for layer in report.layers:
        assert layer.fvu < 1e-8
        assert abs(layer.delta_ce) < 1e-4
    assert report.n_prompts == 8


def test_a_silent_dictionary_is_as_good_as_the_mean():
    model, batch = tiny_model("gpt2"), tiny_batch(prompts=60, length=2)  # one position counts
    report = measure_transcoders(model, silent(model, batch), (batch,))
    for layer in report.layers:
        assert layer.fvu == pytest.approx(1, abs=1e-4)
        assert layer.fvu_by_position[0] is None  # only the first token is there
        assert layer.fvu_by_position[1] == pytest.approx(1, abs=1e-4)
        assert (layer.l0, layer.dead_share) == (0, 1)
        assert layer.prefix_fvu_by_position == ()


def test_a_silent_prefix_alone_is_as_good_as_the_mean():
    model, batch = tiny_model("gpt2"), tiny_batch(prompts=60)
    layer = measure_transcoders(model, silent(model, batch, first=2), (batch,)).layers[1]
    assert layer.prefix == 2
    assert layer.prefix_fvu_by_position[0] is None
    assert layer.prefix_fvu_by_position[1:] == pytest.approx((1, 1, 1, 1), abs=1e-4)


def test_l0_and_behaviour_of_random_transcoders():
    model, batch = tiny_model("gpt2"), tiny_batch(prompts=40)
    report = measure_transcoders(model, tiny_transcoders(model, k=4), (batch,))
    assert all(0 < layer.l0 <= 4 for layer in report.layers)
    assert all(layer.fvu > 0.5 for layer in report.layers)
    assert report.replacement_accuracy < 1


def test_batches_of_two_lengths_are_aligned():
    model = tiny_model("gpt2")
    batches = (tiny_batch(prompts=9, length=4, shift=1), tiny_batch(prompts=9))
    report = measure_transcoders(model, neuron_transcoders(model), batches)
    assert len(report.layers[0].fvu_by_position) == 5
    assert report.n_prompts == 18


def test_a_set_for_another_model_is_refused():
    model = tiny_model("gpt2", layers=3)
    with pytest.raises(TranscoderError, match="do not fit"):
        measure_transcoders(model, tiny_transcoders(tiny_model("gpt2")), (tiny_batch(),))


def test_no_prompts_are_refused():
    model = tiny_model("gpt2")
    with pytest.raises(TranscoderError, match="no prompts"):
        measure_transcoders(model, tiny_transcoders(model), ())
