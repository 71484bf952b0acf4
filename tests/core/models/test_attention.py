"""Our attention is the library's own, for short prompts and for long ones."""

import pytest
import torch
from transformers import AttentionInterface

from core.models.attention import ATTENTION, SHORT, attend, softmax
from core.models.load import load_model
from tests.tiny import KINDS, tiny_hf


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("length", [1, 5, 12])
def test_a_model_answers_as_with_the_library_s_own(kind, length):
    hf = tiny_hf(kind).eval()
    ids = torch.randint(0, 19, (3, length), generator=torch.Generator().manual_seed(length))
    hf.set_attn_implementation("eager")
    want = hf(input_ids=ids, output_attentions=True)
    hf.set_attn_implementation(ATTENTION)
    got = hf(input_ids=ids, output_attentions=True)
    torch.testing.assert_close(got.logits, want.logits, rtol=1e-5, atol=1e-6)
    for pattern, known in zip(got.attentions, want.attentions, strict=True):
        torch.testing.assert_close(pattern, known, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("keys", [1, 3, SHORT - 1, SHORT, SHORT + 5])
def test_softmax_and_its_gradient_are_torch_s(keys):
    scores = torch.randn(4, 2, 3, keys, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(4, 2, 3, keys, dtype=torch.float64)
    want = torch.autograd.grad((scores.softmax(-1) * weight).sum(), scores)[0]
    got = torch.autograd.grad((softmax(scores) * weight).sum(), scores)[0]
    torch.testing.assert_close(softmax(scores), scores.softmax(-1))
    torch.testing.assert_close(got, want)


def test_large_scores_do_not_overflow():
    assert softmax(torch.tensor([[1e30, 0.0, -1e30]])).tolist() == [[1.0, 0.0, 0.0]]


def test_heads_that_share_a_group_read_its_keys():
    query = torch.randn(2, 4, 3, 8)
    key, value = torch.randn(2, 2, 5, 8), torch.randn(2, 2, 5, 8)
    got, pattern = attend(torch.nn.Identity(), query, key, value, None)
    keys, values = key.repeat_interleave(2, dim=1), value.repeat_interleave(2, dim=1)
    want = torch.nn.functional.scaled_dot_product_attention(query, keys, values)
    torch.testing.assert_close(got, want.transpose(1, 2))
    assert pattern.shape == (2, 4, 3, 5)


def test_bundled_models_have_it():
    assert AttentionInterface()[ATTENTION] is attend
    assert load_model("gpt2-parity").hf.config._attn_implementation == ATTENTION
