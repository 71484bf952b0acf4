"""By hand, and refusals: one transcoder, its activations and a set of them."""

import pytest
import torch

from core.errors import TranscoderError
from core.transcoders import (
    Gated,
    JumpRelu,
    Nested,
    Neurons,
    Relu,
    TopK,
    Transcoder,
    TranscoderSet,
    neuron_transcoders,
)
from core.transcoders.transcoder import check_shapes
from tests.tiny import KINDS, tiny_batch, tiny_model, tiny_transcoders


def by_hand(activation, **extra):
    """Three features of two dimensions: x, y and -x."""
    return Transcoder(
        W_enc=torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]),
        b_enc=torch.tensor([0.0, 1.0, 2.0]),
        W_dec=torch.tensor([[10.0, 0.0], [0.0, 100.0], [1.0, 1.0]]),
        b_dec=torch.tensor([0.5, -0.5]),
        activation=activation,
        **extra,
    )


def test_encode_and_decode_by_hand():
    transcoder = by_hand(TopK(k=1))
    x = torch.tensor([[3.0, 1.0], [-4.0, 0.0]])
    assert transcoder.pre_activation(x).tolist() == [[3, 2, -1], [-4, 1, 6]]
    assert transcoder.encode(x).tolist() == [[3, 0, 0], [0, 0, 6]]
    assert transcoder(x).tolist() == [[30.5, -0.5], [6.5, 5.5]]


def test_skip_is_applied_transposed_by_hand():
    skip = torch.tensor([[0.0, 1.0], [0.0, 0.0]])  # writes y into the first dimension
    transcoder = by_hand(TopK(k=1), W_skip=skip)
    assert transcoder(torch.tensor([[3.0, 7.0]])).tolist() == [[7.5, 799.5]]


def test_topk_rectifies_what_it_keeps():
    assert TopK(k=2)(torch.tensor([[-1.0, 5.0, -2.0]])).tolist() == [[0, 5, 0]]


def test_topk_keeps_exactly_k_of_ties_and_always_the_same():
    pre = torch.ones(7, 10)
    kept = TopK(k=3)(pre)
    assert (kept > 0).sum(-1).tolist() == [3] * 7
    assert torch.equal(kept, TopK(k=3)(pre))


def test_topk_equals_torch_topk_and_its_gradient():
    generator = torch.Generator().manual_seed(0)
    pre = torch.randn(3, 50, 20, generator=generator)
    weight = torch.randn(3, 50, 20, generator=generator)
    for values in (pre, pre.round(decimals=1)):  # the second has ties
        fast, slow = (values.clone().requires_grad_() for _ in range(2))
        top = slow.topk(4, dim=-1)
        expected = torch.zeros_like(slow).scatter(-1, top.indices, top.values.relu())
        found = TopK(k=4)(fast)
        assert torch.equal(found.sort(-1).values, expected.sort(-1).values)
        if values is pre:
            (found * weight).sum().backward()
            (expected * weight).sum().backward()
            assert torch.equal(fast.grad, slow.grad)


def test_topk_of_nothing_is_nothing():
    assert TopK(k=2)(torch.zeros(0, 3)).shape == (0, 3)
    assert TopK(k=3)(torch.tensor([[1.0, -1.0, 2.0]])).tolist() == [[1, 0, 2]]


def test_nested_is_relu_on_the_prefix_and_topk_on_the_rest():
    pre = torch.tensor([[1.0, -1.0, 2.0, 3.0, 4.0]])
    assert Nested(prefix=2, k=1)(pre).tolist() == [[1, 0, 0, 0, 4]]


def test_jumprelu_is_strict_at_its_threshold():
    activation = JumpRelu(threshold=torch.tensor([1.0, 1.0, 0.0]))
    assert activation(torch.tensor([[1.0, 1.5, -1.0]])).tolist() == [[0, 1.5, 0]]


def test_relu_by_hand():
    assert Relu()(torch.tensor([[-1.0, 2.0]])).tolist() == [[0, 2]]


@pytest.mark.parametrize("kind", KINDS)
def test_neurons_add_up_to_the_mlp(kind):
    model = tiny_model(kind)
    trace = model.trace(tiny_batch().clean)
    transcoders = neuron_transcoders(model)
    for number, layer in enumerate(transcoders):
        torch.testing.assert_close(layer(trace.mlp_in[number]), trace.mlp_out[number])
    assert transcoders.reads_linearly == (kind != "llama")
    assert transcoders.kind == ("gated" if kind == "llama" else "neurons")


def test_gated_needs_the_input():
    activation = Gated(function="relu", W_up=torch.tensor([[2.0, 0.0]] * 3), b_up=torch.zeros(3))
    transcoder = by_hand(activation)
    assert transcoder.encode(torch.tensor([[3.0, 1.0]])).tolist() == [[18, 12, 0]]


def test_key_changes_with_weights_and_activation_only():
    model = tiny_model("gpt2")
    first, again = tiny_transcoders(model), tiny_transcoders(model)
    renamed = TranscoderSet(layers=first.layers, model_name="other", kind="topk")
    assert first.key == again.key == renamed.key
    assert first.key != tiny_transcoders(model, k=5).key
    assert first.key != tiny_transcoders(model, skip=True).key


def test_moving_keeps_every_tensor():
    threshold = JumpRelu(threshold=torch.ones(3))
    gate = Gated(function="silu", W_up=torch.ones(3, 2), b_up=torch.ones(3))
    for activation in (threshold, gate, TopK(k=1)):
        moved = by_hand(activation).to(torch.float64)
        assert {tensor.dtype for tensor in moved.tensors().values()} == {torch.float64}
        assert set(moved.tensors()) == set(by_hand(activation).tensors())


def test_wrong_shapes_are_refused():
    tensors = by_hand(TopK(k=1)).tensors() | {"b_dec": torch.zeros(3)}
    with pytest.raises(TranscoderError, match=r"b_dec has shape \[3\], required \[2\]"):
        check_shapes(tensors, "layer 0")


def test_a_matrix_is_required_before_anything_is_compared_with_it():
    with pytest.raises(TranscoderError, match=r"has shape \[3\]; \[feature, d_model\] is required"):
        check_shapes({"W_enc": torch.zeros(3)}, "layer 0")


def test_more_features_than_there_are_is_refused():
    with pytest.raises(TranscoderError, match="asks for 4 features"):
        by_hand(Nested(prefix=2, k=2))


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: TopK(k=0), "k of a TopK activation is 0"),
        (lambda: Nested(prefix=0, k=1), "prefix of a Nested activation is 0"),
        (lambda: Neurons(function="cube"), "activation function is 'cube'"),
        (lambda: TranscoderSet(layers=(), model_name="", kind="topk"), "no layers"),
        (lambda: TranscoderSet(layers=(), model_name="", kind="sae"), "kind of transcoder"),
    ],
)
def test_refusals(make, match):
    with pytest.raises(TranscoderError, match=match):
        make()


def test_unequal_layers_are_refused():
    small = Transcoder(
        W_enc=torch.zeros(1, 2),
        b_enc=torch.zeros(1),
        W_dec=torch.zeros(1, 2),
        b_dec=torch.zeros(2),
        activation=TopK(k=1),
    )
    with pytest.raises(TranscoderError, match="equal feature counts"):
        TranscoderSet(layers=(by_hand(TopK(k=1)), small), model_name="", kind="topk")
