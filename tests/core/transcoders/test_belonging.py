"""A dictionary of another model is told from one of this model, by its record or by its FVU."""

from dataclasses import replace

import pytest
import torch

from core.errors import TranscoderError
from core.transcoders import (
    check_belongs,
    load_transcoders,
    measure_transcoders,
    neuron_transcoders,
    save_transcoders,
)
from core.transcoders.belonging import fvu_by_layer
from tests.tiny import tiny_batch, tiny_model, tiny_transcoders


@pytest.fixture
def model():
    return tiny_model("gpt2")


def other_record(coders):
    return replace(coders, model_key="0" * 64, model_name="another")


def test_a_set_that_records_this_model_is_not_even_run(model, monkeypatch):
    def never(*_):
        raise AssertionError("was run")

    monkeypatch.setattr("core.transcoders.belonging.fvu_by_layer", never)
    assert check_belongs(tiny_transcoders(model), model, [tiny_batch().clean]) == ()


def test_a_set_of_another_model_is_refused_with_its_fvu(model):
    coders = other_record(tiny_transcoders(model))
    worth = fvu_by_layer(coders, model, [tiny_batch().clean])
    assert min(worth) > 1
    with pytest.raises(TranscoderError, match=f"FVU {worth[0]:.2f}.*trained on 'another'"):
        check_belongs(coders, model, [tiny_batch().clean])


def test_a_set_that_records_no_model_is_kept_and_told(model):
    coders = replace(tiny_transcoders(model), model_key="")
    (note,) = check_belongs(coders, model, [tiny_batch().clean])
    assert "record no model" in note
    assert "may not belong" in note


def test_what_does_reconstruct_is_taken_whatever_it_records(model):
    exact = neuron_transcoders(model)
    assert check_belongs(replace(exact, model_key=""), model, [tiny_batch().clean]) == ()
    (note,) = check_belongs(other_record(exact), model, [tiny_batch().clean])
    assert "do stand in for it" in note


def test_the_figures_are_those_of_the_quality_report(model):
    coders, batch = tiny_transcoders(model), tiny_batch(prompts=6)
    report = measure_transcoders(model, coders, [batch])
    want = [row.fvu for row in report.layers]
    torch.testing.assert_close(
        torch.tensor(fvu_by_layer(coders, model, [batch.clean])), torch.tensor(want)
    )


def test_the_record_is_kept_in_the_folder_and_is_no_part_of_the_content_key(model, tmp_path):
    coders = tiny_transcoders(model)
    read = load_transcoders(save_transcoders(coders, tmp_path / "coders"), model)
    assert read.model_key == model.key
    assert read.key == replace(coders, model_key="").key
    bare = load_transcoders(save_transcoders(replace(coders, model_key=""), tmp_path / "bare"))
    assert bare.model_key == ""


def test_a_prompt_of_one_token_gives_no_figures(model):
    coders = other_record(tiny_transcoders(model))
    assert fvu_by_layer(coders, model, [torch.tensor([[1]])]) == ()
    (note,) = check_belongs(coders, model, [torch.tensor([[1]])])
    assert "none measured" in note


def test_most_layers_decide(model, monkeypatch):
    coders, ids = other_record(tiny_transcoders(model)), [tiny_batch().clean]
    found = "core.transcoders.belonging.fvu_by_layer"
    monkeypatch.setattr(found, lambda *_: (0.1, 0.2, 5.0))
    (note,) = check_belongs(coders, model, ids)
    assert "do stand in for it" in note
    monkeypatch.setattr(found, lambda *_: (0.1, 5.0, 5.0))
    with pytest.raises(TranscoderError, match="FVU 0.10, 5.00, 5.00"):
        check_belongs(coders, model, ids)
