"""The model's own MLP units as a feature basis: nothing trained, nothing lost.

1. Read the weights of each block's MLP: two-layer (GPT-2, GPT-NeoX) or gated (Llama).
2. An un-gated unit is a feature with W_enc = its input weights, W_dec = its output weights and the
   MLP's own function as activation. Its reconstruction is exact.
3. A gated unit is function(gate) times up. It can be ablated the same way, but its activation is
   no function of one linear read, so no attribution graph is built on it.
4. Both are compared with the model's MLP outputs before they are returned.

The mandatory baseline: circuits of neurons can be as small as those of dictionaries (Arora et al.
2026, arXiv 2601.22594).
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from core.errors import TranscoderError
from core.models import LanguageModel
from core.transcoders.activations import FUNCTIONS, Gated, Neurons
from core.transcoders.transcoder import Transcoder, kind_of
from core.transcoders.transcoder_set import TranscoderSet

TOLERANCE = 1e-4
"""Largest allowed difference to the MLP, relative to its largest output."""


def neuron_transcoders(model: LanguageModel) -> TranscoderSet:
    """Raw MLP neurons as a transcoder set; kind `neurons`, or `gated` where the MLP is gated.

    Raises:
        TranscoderError: If the MLP is of a form we do not know, or the check against it fails.
    """
    layers = tuple(_neurons(block.mlp, model) for block in model.blocks)
    transcoders = TranscoderSet(
        layers=layers,
        model_name=model.name,
        model_key=model.key,
        kind=kind_of(layers[0].activation),
        scan=f"{model.name}-neurons",
    )
    _check(transcoders, model)
    return transcoders


def _neurons(mlp: Any, model: LanguageModel) -> Transcoder:
    config = model.hf.config
    name = str(getattr(config, "activation_function", None) or getattr(config, "hidden_act", None))
    if hasattr(mlp, "gate_proj"):
        return _gated(mlp, name)
    if hasattr(mlp, "c_fc"):  # GPT-2's Conv1D keeps [in, out]
        inner, outer = mlp.c_fc.weight.T, mlp.c_proj.weight.T
        return _plain(inner, mlp.c_fc.bias, outer, mlp.c_proj.bias, name)
    if hasattr(mlp, "dense_h_to_4h"):
        inner, outer = mlp.dense_h_to_4h, mlp.dense_4h_to_h
        return _plain(inner.weight, inner.bias, outer.weight, outer.bias, name)
    raise TranscoderError(
        f"The MLP of {model.name} is a {type(mlp).__name__}, whose weights we cannot name; "
        "a GPT-2, GPT-NeoX or Llama MLP is required. Train a dictionary on it instead."
    )


def _plain(
    inner: Float[Tensor, "neuron d_model"],
    inner_bias: Tensor | None,
    outer: Float[Tensor, "d_model neuron"],
    outer_bias: Tensor | None,
    function: str,
) -> Transcoder:
    return Transcoder(
        W_enc=inner.detach().float().contiguous(),
        b_enc=_or_zeros(inner_bias, inner),
        W_dec=outer.detach().T.float().contiguous(),
        b_dec=_or_zeros(outer_bias, outer),
        activation=Neurons(function=function),
    )


def _gated(mlp: Any, function: str) -> Transcoder:
    gate, up, down = mlp.gate_proj, mlp.up_proj, mlp.down_proj
    return Transcoder(
        W_enc=gate.weight.detach().float().contiguous(),
        b_enc=_or_zeros(gate.bias, gate.weight),
        W_dec=down.weight.detach().T.float().contiguous(),
        b_dec=_or_zeros(down.bias, down.weight),
        activation=Gated(
            function=function,
            W_up=up.weight.detach().float().contiguous(),
            b_up=_or_zeros(up.bias, up.weight),
        ),
    )


def _or_zeros(bias: Tensor | None, weight: Tensor) -> Tensor:
    if bias is None:
        return weight.new_zeros(weight.shape[0], dtype=torch.float32)
    return bias.detach().float().contiguous()


def _check(transcoders: TranscoderSet, model: LanguageModel) -> None:
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(model.d_vocab, (4, min(6, model.max_positions)), generator=generator)
    trace = model.trace(ids)
    for number, layer in enumerate(transcoders):
        y = trace.mlp_out[number].float()
        worst = float((layer(trace.mlp_in[number].float()) - y).abs().max() / y.abs().max())
        if not worst < TOLERANCE:
            raise TranscoderError(
                f"The neurons of layer {number} of {model.name} do not add up to its MLP output: "
                f"relative difference {worst:.1e}; below {TOLERANCE:.0e} is required (functions "
                f"known: {', '.join(sorted(FUNCTIONS))}). Train a dictionary on it instead."
            )
