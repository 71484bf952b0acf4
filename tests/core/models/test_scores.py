"""Attention scores against the patterns of the Hugging Face modules, in every family."""

import math
from copy import copy

import pytest
import torch
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

from core.errors import AdapterMismatchError
from core.models import (
    FAMILIES,
    LanguageModel,
    attention_scores,
    causal_pattern,
    rotation,
    score_weights,
)
from core.models.check import check_model
from core.models.weights import reach
from tests.tiny import KINDS, tiny_model, tiny_tokenizer

IDS = torch.tensor([[1, 5, 9, 3, 7], [1, 8, 4, 4, 2]])


def neox(rotated: float, bias: bool) -> LanguageModel:
    """A tiny GPT-NeoX that turns this share of each head's dimensions."""
    torch.manual_seed(3)
    config = GPTNeoXConfig(
        vocab_size=20, hidden_size=32, intermediate_size=24, num_hidden_layers=2,
        num_attention_heads=2, max_position_embeddings=12, attention_bias=bias,
        rope_parameters={
            "rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": rotated
        },
    )  # fmt: skip
    hf = GPTNeoXForCausalLM(config).requires_grad_(False).eval()
    for value in hf.parameters():
        value += 0.2 * torch.randn_like(value)
    hf.set_attn_implementation("eager")
    family = next(f for f in FAMILIES if f.model_type == "gpt_neox")
    return LanguageModel(hf, tiny_tokenizer(), family, "tiny")


def assert_patterns(model):
    trace = model.trace(IDS)
    for layer in range(model.n_layers):
        scores = attention_scores(model, layer, trace.resid_pre[layer])
        torch.testing.assert_close(causal_pattern(scores), trace.pattern[layer])


@pytest.mark.parametrize("kind", KINDS)
def test_the_softmax_of_the_scores_is_the_models_own_pattern(kind):
    assert_patterns(tiny_model(kind))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("rotated", "width"), [(0.25, 4), (0.5, 8), (1.0, 16)])
def test_any_share_of_a_heads_dimensions_may_be_turned(rotated, width, bias):
    model = neox(rotated, bias)
    turn = rotation(model, 5)
    assert turn is not None
    assert turn.cos.shape == (5, width)
    assert_patterns(model)


def test_grouped_keys_are_shared_by_their_queries():
    weights = score_weights(tiny_model("llama"), 1)
    torch.testing.assert_close(weights.W_K[0], weights.W_K[1])
    assert not torch.equal(weights.W_K[1], weights.W_K[2])
    assert not torch.equal(weights.W_Q[0], weights.W_Q[1])


def test_by_layer_scaling_is_read_from_the_module():
    model = tiny_model("gpt2")
    assert score_weights(model, 1).scale == 0.5  # four dimensions a head
    model.blocks[1].attn.scaling /= 2
    assert score_weights(model, 1).scale == 0.25
    assert_patterns(model)


def test_a_rotation_depends_on_distance_only():
    turn = rotation(tiny_model("llama"), 9)
    assert turn is not None
    query, key = torch.randn(2, 4)
    turned = turn(torch.stack([query, key])[:, None].expand(2, 9, 4))
    products = turned[0] @ turned[1].T
    for distance in range(-4, 5):
        along = products.diagonal(distance)
        torch.testing.assert_close(along, along[:1].expand_as(along), rtol=1e-4, atol=1e-5)
    assert not math.isclose(float(products[0, 0]), float(products[0, 3]), rel_tol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_learned_positions_are_not_turned(kind):
    assert (rotation(tiny_model(kind), 5) is None) == (kind == "gpt2")


def test_a_wrong_scale_is_found_when_a_model_is_loaded(monkeypatch):
    model = tiny_model("gpt2")
    # The attention still uses its own scale; the adapter would read another one.
    monkeypatch.setattr("core.models.scores.reach", _reach_with_wrong_scale)
    with pytest.raises(AdapterMismatchError, match="pattern of layer 0"):
        check_model(model)


def _reach_with_wrong_scale(root, path):
    found = reach(root, path)
    if hasattr(found, "scaling"):
        found = copy(found)
        found.scaling = 2 * found.scaling
    return found
