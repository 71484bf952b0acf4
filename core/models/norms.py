"""Layer norm and RMS norm, whole and with their scale frozen.

A norm is x → w · c(x) · s(x) + b, with c the centring (layer norm only) and s(x) the reciprocal
standard deviation (layer norm) or root mean square (RMS norm). Attribution freezes s at its value
on the prompt; what is left is linear, and its adjoint carries a gradient back through the norm.
"""

from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

NormKind = Literal["layer_norm", "rms_norm"]
HfModule = Any
"""A Hugging Face module: its parts are named per family and unknown to a type checker."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NormWeights:
    """One normalisation layer of a model."""

    kind: NormKind
    """Whether the mean is taken out first (layer norm) or not (RMS norm)."""
    weight: Float[Tensor, " d_model"]
    """Multiplies each direction after scaling."""
    bias: Float[Tensor, " d_model"]
    """Added last; zeros where the family has none."""
    eps: float
    """Added to the mean square before the root."""

    def centre(self, x: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch d_model"]:
        """x less its mean (layer norm), or x as it is (RMS norm)."""
        return x - x.mean(-1, keepdim=True) if self.kind == "layer_norm" else x

    def scale(self, x: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch 1"]:
        """The reciprocal root mean square of the centred input; unit 1 / residual."""
        return (self.centre(x).pow(2).mean(-1, keepdim=True) + self.eps).rsqrt()

    def __call__(self, x: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch d_model"]:
        """The norm as the model computes it."""
        return self.linear(x, self.scale(x)) + self.bias

    def linear(
        self, x: Float[Tensor, "*batch d_model"], scale: Float[Tensor, "*scale 1"]
    ) -> Float[Tensor, "*batch d_model"]:
        """The norm with its scale frozen, without the bias: linear in x."""
        return self.centre(x) * scale * self.weight

    def transpose(
        self, gradient: Float[Tensor, "*batch d_model"], scale: Float[Tensor, "*scale 1"]
    ) -> Float[Tensor, "*batch d_model"]:
        """Adjoint of `linear`: the gradient on the input, given the one on the output."""
        return self.centre(gradient * self.weight) * scale


def norm_of(module: HfModule, eps: float, kind: NormKind) -> NormWeights:
    """Reads a Hugging Face norm module, layer norm or RMS norm."""
    weight = module.weight.detach()
    bias = getattr(module, "bias", None)
    return NormWeights(
        kind=kind,
        weight=weight,
        bias=torch.zeros_like(weight) if bias is None else bias.detach(),
        eps=eps,
    )
