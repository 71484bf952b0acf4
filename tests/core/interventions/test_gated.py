"""Gated features multiplied out position by position, against the whole product."""

import pytest
import torch

from core.interventions.gated import gated_change
from core.transcoders import JumpRelu, Nested, Relu, TopK, Transcoder

ACTIVATIONS = {
    "topk": TopK(k=3),
    "nested": Nested(prefix=6, k=2),
    "relu": Relu(),
    "jump": JumpRelu(threshold=torch.full((16,), 0.2)),
}
AT = torch.tensor([0, 2])


def parts(name, few):
    draw = torch.Generator().manual_seed(1)
    coder = Transcoder(
        W_enc=torch.randn(16, 8, generator=draw), b_enc=torch.randn(16, generator=draw),
        W_dec=torch.randn(16, 8, generator=draw), b_dec=torch.zeros(8),
        activation=ACTIVATIONS[name],
    )  # fmt: skip
    x = torch.randn(2 * 4, 3, 8, generator=draw)
    gate = torch.rand(2, 1, 3, 16, generator=draw)
    gate[..., few:] = 0
    return coder, x, gate, torch.rand(4, 3, 16, generator=draw)


@pytest.mark.parametrize("few", [3, 8, 16])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_change_is_that_of_the_whole_product(name, few):
    coder, x, gate, resting = parts(name, few)
    a = coder.encode(x).view(2, 4, 3, 16)
    want = ((gate * (a - resting)) @ coder.W_dec).flatten(0, 1)[:, AT]
    torch.testing.assert_close(gated_change(coder, x, gate, resting, AT), want)


def test_known_activations_are_taken_for_every_circuit():
    coder, x, gate, resting = parts("topk", 4)
    known = coder.encode(x[:4])
    want = ((gate * (known - resting)) @ coder.W_dec).flatten(0, 1)[:, AT]
    torch.testing.assert_close(gated_change(coder, x, gate, resting, AT, known), want)


@pytest.mark.parametrize("closed", [True, False])
def test_closed_gates_have_derivatives_where_they_are_asked_for(closed):
    coder, x, gate, resting = parts("nested", 3)
    gate.requires_grad_()
    gated_change(coder, x, gate, resting, AT, closed=closed).sum().backward()
    assert gate.grad is not None
    a = coder.encode(x).view(2, 4, 3, 16)
    want = ((a - resting) * coder.W_dec.sum(1)).sum(1)[:, AT]
    if not closed:
        want[..., 3:] = 0
    torch.testing.assert_close(gate.grad[:, 0, AT], want)
    assert not gate.grad[:, :, 1].any()
