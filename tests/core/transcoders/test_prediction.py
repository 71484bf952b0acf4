"""By hand and round trip: the heads that predict the next layer's features."""

import dataclasses

import pytest
import torch
from safetensors.torch import save_file

from core.errors import TranscoderError
from core.transcoders import (
    PredictionHead,
    PredictionSettings,
    load_heads,
    save_heads,
    train_on_samples,
)
from tests.core.transcoders.test_train import QUICK, planted


def test_prediction_by_hand():
    head = PredictionHead(2, 1, torch.Generator())
    with torch.no_grad():
        head.V.copy_(torch.tensor([[1.0, 2.0]]))
        head.U.copy_(torch.tensor([[1.0], [-1.0]]))
        head.b.copy_(torch.tensor([0.5, 0.0]))
    a = torch.tensor([[1.0, 1.0]])
    assert head(a).tolist() == [[3.5, 0]]
    following = torch.tensor([[1.5, 1.0]])
    assert float(head.error(a, following).detach()) == pytest.approx(5 / 3.25)


def test_a_prediction_head_for_every_layer_but_the_last():
    settings = dataclasses.replace(QUICK, prediction=PredictionSettings(weight=1.0, rank=4))
    heads = train_on_samples(planted(layers=3), settings, "m").report.heads
    assert len(heads) == 2
    assert heads[0](torch.ones(2, 12)).shape == (2, 12)
    assert (heads[0](torch.randn(50, 12)) >= 0).all()


def test_the_prediction_target_is_not_trained():
    (head,) = train_on_samples(
        planted(), dataclasses.replace(QUICK, prediction=PredictionSettings(weight=1.0)), "m"
    ).report.heads
    here, following = (torch.rand(4, 12, requires_grad=True) for _ in range(2))
    head.error(here, following).backward()
    assert following.grad is None
    assert here.grad is not None


def test_round_trip(tmp_path):
    generator = torch.Generator().manual_seed(0)
    heads = [PredictionHead(6, 3, generator) for _ in range(2)]
    assert load_heads(tmp_path) == ()
    save_heads(heads, tmp_path)
    a = torch.randn(4, 6, generator=generator)
    for read, written in zip(load_heads(tmp_path), heads, strict=True):
        assert read.shape == (6, 3)
        assert torch.equal(read(a), written(a))


def test_another_file_is_refused(tmp_path):
    save_file({"0.U": torch.zeros(2, 1)}, tmp_path / "prediction_heads.safetensors")
    with pytest.raises(TranscoderError, match="U, V and b of each head"):
        load_heads(tmp_path)
