"""Adapters against the Hugging Face forward pass, on tiny random models of all families."""

import threading

import pytest
import torch

from core.errors import AdapterMismatchError
from core.models import Edits
from core.models.check import check_model
from tests.tiny import KINDS, tiny_model

IDS = torch.tensor([[1, 5, 9, 3, 7], [1, 8, 4, 4, 2]])


@pytest.mark.parametrize("kind", KINDS)
def test_logits_equal_hugging_face(kind):
    model = tiny_model(kind)
    want = model.hf(input_ids=IDS).logits
    torch.testing.assert_close(model.trace(IDS).logits, want, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(model.logits(IDS), want[:, -1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_the_load_check_passes(kind):
    check_model(tiny_model(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_norm_is_found(kind):
    model = tiny_model(kind)
    model._eps = 0.7
    with pytest.raises(AdapterMismatchError, match="input of MLP 0|heads of layer 0|final norm"):
        check_model(model)


@pytest.mark.parametrize("kind", KINDS)
def test_a_pass_can_start_and_end_at_any_layer(kind):
    model = tiny_model(kind)
    trace = model.trace(IDS)
    for layer in range(model.n_layers):
        torch.testing.assert_close(model.run_to(layer, IDS, Edits()), trace.resid_pre[layer])
        got = model.run_from(layer, trace.resid_pre[layer], Edits())
        torch.testing.assert_close(got, trace.logits[:, -1], rtol=1e-4, atol=1e-5)


def test_patterns_are_causal_and_sum_to_one():
    pattern = tiny_model("llama").trace(IDS).pattern
    assert pattern.triu(1).abs().max() == 0
    torch.testing.assert_close(pattern.sum(-1), torch.ones(pattern.shape[:-1]))


def test_an_edited_mlp_equals_a_model_without_it():
    model = tiny_model("gpt2")
    got = model.run(IDS, Edits(mlp={1: lambda _x, out: torch.zeros_like(out)}))
    block = model.blocks[1].mlp
    block.c_proj.weight.zero_()
    block.c_proj.bias.zero_()
    torch.testing.assert_close(got, model.hf(input_ids=IDS).logits[:, -1], rtol=1e-4, atol=1e-5)


def test_an_edited_head_equals_a_model_without_it():
    model = tiny_model("gpt2")

    def drop_second(z):
        return torch.cat([z[:, :, :1], torch.zeros_like(z[:, :, 1:2]), z[:, :, 2:]], dim=2)

    got = model.run(IDS, Edits(heads={0: drop_second}))
    model.blocks[0].attn.c_proj.weight[4:8].zero_()
    torch.testing.assert_close(got, model.hf(input_ids=IDS).logits[:, -1], rtol=1e-4, atol=1e-5)


def test_edits_never_leak_between_threads():
    model = tiny_model("neox-parallel")
    clean = model.logits(IDS)
    scale = {n: model.run(IDS, Edits(mlp={0: lambda _x, y, n=n: n * y})) for n in range(4)}
    wrong: list[int] = []

    def work(n: int) -> None:
        for _ in range(30):
            got = model.run(IDS, Edits(mlp={0: lambda _x, y: n * y}))
            wrong.extend([n] * (not torch.equal(got, scale[n])))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert torch.equal(model.logits(IDS), clean)


def test_a_failing_edit_leaves_the_model_as_it_was():
    model = tiny_model("llama")
    clean = model.logits(IDS)
    with pytest.raises(RuntimeError, match="boom"):
        model.run(IDS, Edits(mlp={0: lambda _x, _y: (_ for _ in ()).throw(RuntimeError("boom"))}))
    assert torch.equal(model.logits(IDS), clean)


def test_the_key_names_the_weights():
    assert tiny_model("gpt2").key == tiny_model("gpt2").key
    assert tiny_model("gpt2").key != tiny_model("gpt2", seed=1).key
