"""How a transcoder turns pre-activations into feature activations.

1. TopK keeps the k largest pre-activations of a token and zeroes the rest (Gao et al. 2024,
   arXiv 2406.04093); negative ones among them are zeroed too.
2. Nested keeps a fixed prefix of features dense (plain ReLU) and applies TopK to the rest. The
   prefix is trained to reconstruct alone, so it is a small circuit by construction.
3. Relu and JumpRelu are what other projects' files use (JumpReLU: arXiv 2407.14435).
4. Neurons and Gated are not trained at all: the MLP's own units, with the MLP's own function.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from core.errors import TranscoderError

FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": functional.relu,
    "gelu": functional.gelu,
    "gelu_new": lambda x: functional.gelu(x, approximate="tanh"),
    "gelu_fast": lambda x: functional.gelu(x, approximate="tanh"),
    "gelu_pytorch_tanh": lambda x: functional.gelu(x, approximate="tanh"),
    "silu": functional.silu,
    "swish": functional.silu,
}
"""Pointwise functions of Hugging Face MLPs, by the name in their config."""


def keep_top(pre: Float[Tensor, "*batch feature"], k: int) -> Float[Tensor, "*batch feature"]:
    """Keep the k largest of the last axis, rectified; exactly k are chosen even among ties.

    On a CPU by a partition around the k-th largest (a fifth of `torch.topk`'s time), unless
    positive values tie with it.
    """
    quick = pre.device.type == "cpu" and pre.dtype is torch.float32
    if quick and pre.numel() and k < pre.shape[-1]:
        place = pre.shape[-1] - k
        ordered = np.partition(pre.detach().numpy(), place, axis=-1)
        least = torch.from_numpy(ordered[..., place : place + 1])
        chosen = pre.detach() >= least.clamp(min=torch.finfo(pre.dtype).tiny)
        if int(chosen.sum(-1).max()) <= k:
            return pre.relu() * chosen
    values, places = pre.topk(k, dim=-1, sorted=False)
    return torch.zeros_like(pre).scatter(-1, places, values.relu())


@dataclass(frozen=True, slots=True, kw_only=True)
class TopK:
    """`relu(topk_k(pre))`."""

    k: int
    """Features chosen for each token; at most this many are active."""

    def __post_init__(self) -> None:
        _at_least(self.k, 1, "k of a TopK activation")

    def __call__(self, pre: Float[Tensor, "*batch feature"]) -> Float[Tensor, "*batch feature"]:
        return keep_top(pre, self.k)


@dataclass(frozen=True, slots=True, kw_only=True)
class Nested:
    """ReLU on the first `prefix` features, TopK on the others."""

    prefix: int
    """Dense features, those that reconstruct alone."""
    k: int
    """Features chosen for each token among the others."""

    def __post_init__(self) -> None:
        _at_least(self.prefix, 1, "prefix of a Nested activation")
        _at_least(self.k, 1, "k of a Nested activation")

    def __call__(self, pre: Float[Tensor, "*batch feature"]) -> Float[Tensor, "*batch feature"]:
        dense = pre[..., : self.prefix].relu()
        return torch.cat([dense, keep_top(pre[..., self.prefix :], self.k)], dim=-1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Relu:
    """`relu(pre)`."""

    def __call__(self, pre: Float[Tensor, "*batch feature"]) -> Float[Tensor, "*batch feature"]:
        return pre.relu()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JumpRelu:
    """`pre` where it exceeds the feature's threshold, else 0."""

    threshold: Float[Tensor, " feature"]
    """In pre-activation units, one for each feature."""

    def __call__(self, pre: Float[Tensor, "*batch feature"]) -> Float[Tensor, "*batch feature"]:
        return pre * (pre > self.threshold)


@dataclass(frozen=True, slots=True, kw_only=True)
class Neurons:
    """The MLP's own pointwise function: features are its hidden units."""

    function: str
    """Name in FUNCTIONS."""

    def __post_init__(self) -> None:
        _known(self.function)

    def __call__(self, pre: Float[Tensor, "*batch feature"]) -> Float[Tensor, "*batch feature"]:
        return FUNCTIONS[self.function](pre)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Gated:
    """Hidden units of a gated MLP: function(gate) times up; not a function of the gate alone.

    Such features can be ablated, but have no linear encoder, so no attribution graph.
    """

    function: str
    """Name in FUNCTIONS, applied to the gate."""
    W_up: Float[Tensor, "feature d_model"]
    """Reads the factor each gated unit is multiplied by."""
    b_up: Float[Tensor, " feature"]
    """Zeros where the MLP has none."""

    def __post_init__(self) -> None:
        _known(self.function)

    def __call__(
        self, pre: Float[Tensor, "*batch feature"], x: Float[Tensor, "*batch d_model"]
    ) -> Float[Tensor, "*batch feature"]:
        return FUNCTIONS[self.function](pre) * (x @ self.W_up.T + self.b_up)


Activation = TopK | Nested | Relu | JumpRelu | Neurons | Gated


def _at_least(value: int, least: int, what: str) -> None:
    if value < least:
        raise TranscoderError(f"The {what} is {value}; it must be at least {least}. Choose more.")


def _known(function: str) -> None:
    if function not in FUNCTIONS:
        raise TranscoderError(
            f"The activation function is {function!r}; known ones are "
            f"{', '.join(sorted(FUNCTIONS))}. Train a dictionary on this model instead of "
            "using its neurons."
        )
