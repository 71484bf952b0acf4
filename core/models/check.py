"""The check that every model passes when it is loaded.

On a few random prompts the adapter's view has to agree with the Hugging Face forward pass:
logits, the residual identity, the MLP's input norm, patterns rebuilt from split query and key
weights, and attention rebuilt from patterns and split value weights. A wrong row in `families`
is found here, before it can give a wrong number.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor

from core.errors import AdapterMismatchError
from core.models.language_model import LanguageModel, Trace
from core.models.scores import attention_scores, causal_pattern

TOLERANCE = 1e-3
"""Largest relative gap allowed; float32 passes give about 1e-6."""


class Gap(NamedTuple):
    """How far one identity is from holding."""

    what: str
    """The identity, in words."""
    relative: float
    """Largest difference over the largest value."""


def check_model(model: LanguageModel) -> None:
    """Raises AdapterMismatchError, naming the identity and the gap, unless all of them hold."""
    generator = torch.Generator().manual_seed(0)
    length = min(5, model.max_positions)
    ids = torch.randint(model.d_vocab, (2, length), generator=generator)
    with torch.no_grad():
        for gap in _gaps(model, ids):
            if not gap.relative < TOLERANCE:
                raise AdapterMismatchError(
                    f"{model.name}: {gap.what} is off by {gap.relative:.1e} (relative). "
                    f"At most {TOLERANCE:.0e} is allowed. The {model.family.name} adapter does not "
                    "describe this model; use another one, or report it with its config.json."
                )


def _gaps(model: LanguageModel, ids: Int[Tensor, "batch pos"]) -> Iterator[Gap]:
    trace = model.trace(ids)
    reference = model.hf(input_ids=ids, use_cache=False).logits
    yield _gap("the logits of the walked blocks", trace.logits, reference)
    total = trace.resid_pre + trace.attn_out + trace.mlp_out
    yield _gap("resid_post = resid_pre + attn_out + mlp_out", total, trace.resid_post)
    normed = model.final_norm(trace.resid_post[-1]) @ model.W_U.T + model.b_U
    yield _gap("logits = unembedding of the final norm", normed, reference)
    for layer in range(model.n_layers):
        yield from _layer_gaps(model, trace, layer)


def _layer_gaps(model: LanguageModel, trace: Trace, layer: int) -> Iterator[Gap]:
    weights = model.weights(layer)
    read = trace.resid_pre[layer] if model.parallel else trace.resid_mid[layer]
    yield _gap(f"the input of MLP {layer}", weights.norm2(read), trace.mlp_in[layer])
    scores = attention_scores(model, layer, trace.resid_pre[layer])
    yield _gap(f"the pattern of layer {layer}", causal_pattern(scores), trace.pattern[layer])
    normed = weights.norm1(trace.resid_pre[layer])
    value = torch.einsum("bpd,hde->bphe", normed, weights.W_V) + weights.b_V
    z = torch.einsum("bhqp,bphe->bqhe", trace.pattern[layer], value)
    yield _gap(f"the heads of layer {layer}", z, trace.z[layer])
    out = torch.einsum("bqhe,hed->bqd", z, weights.W_O) + weights.b_O
    yield _gap(f"the output of attention {layer}", out, trace.attn_out[layer])


def _gap(what: str, got: Tensor, want: Tensor) -> Gap:
    return Gap(what, float((got - want).abs().max() / want.abs().max().clamp(min=1e-6)))
