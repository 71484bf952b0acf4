"""What an error is made of: its mean, a part that the MLP's input gives linearly, and the rest.

1. The mean error at each position: a constant, which any bias could hold. Everything below is about
   deviations from it, of the error (ε) and of the MLP input (x).
2. ε = x B + ε_nl with one B a layer, by ridge regression on the features split; its strength is the
   one that predicts a fifth of those prompts best, held back. Engels et al. 2024
   (arXiv 2410.14670) split the errors of sparse autoencoders so.
3. The covariance of ε at each position, kept as a triangular factor, for noise of the same shape.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Ridge strengths tried, in shares of the input's mean variance."""
HELD_BACK = 5
"""One prompt in so many chooses the strength."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LayerSplit:
    """One layer's errors, as fitted on the features split."""

    mean: Float[Tensor, "pos d_model"]
    """Mean error."""
    read_mean: Float[Tensor, "pos d_model"]
    """Mean MLP input."""
    linear: Float[Tensor, "d_model d_model"]
    """B: input deviations to error deviations."""
    factor: Float[Tensor, "pos d_model d_model"]
    """R with RᵀR = the covariance of ε at each position."""

    def parts(
        self, read: Float[Tensor, "prompt pos d_model"], error: Float[Tensor, "prompt pos d_model"]
    ) -> tuple[Float[Tensor, "prompt pos d_model"], Float[Tensor, "prompt pos d_model"]]:
        """The linear and the nonlinear deviation: mean + linear + nonlinear = error."""
        linear = (read - self.read_mean) @ self.linear
        return linear, error - self.mean - linear


def fit_layer(
    read: Float[Tensor, "prompt pos d_model"],
    error: Float[Tensor, "prompt pos d_model"],
    present: Bool[Tensor, "prompt pos"],
) -> LayerSplit:
    """Fits one layer's split."""
    mean, read_mean = position_means(error, present), position_means(read, present)
    x, y = (read - read_mean) * present[..., None], (error - mean) * present[..., None]
    counts = present.sum(0).clamp(min=1)
    factors = [
        torch.linalg.qr(y[:, position], mode="r").R / count.sqrt()
        for position, count in enumerate(counts)
    ]
    d = error.shape[-1]
    # fewer prompts than dimensions give a short factor; rows of zeros add nothing to RᵀR
    square = [torch.nn.functional.pad(r, (0, 0, 0, d - len(r))) for r in factors]
    return LayerSplit(
        mean=mean, read_mean=read_mean, linear=_ridge(x, y), factor=torch.stack(square)
    )


def position_means(
    values: Float[Tensor, "prompt pos d_model"], present: Bool[Tensor, "prompt pos"]
) -> Float[Tensor, "pos d_model"]:
    """Mean over the prompts that have each position."""
    total = (values * present[..., None]).sum(0)
    return total / present.sum(0).clamp(min=1)[:, None]


def explained(
    part: Float[Tensor, "prompt pos d_model"],
    whole: Float[Tensor, "prompt pos d_model"],
    present: Bool[Tensor, "prompt pos"],
) -> float:
    """1 − |whole − part|² / |whole|², over what is present; 0 where there is nothing to explain."""
    mask = present[..., None]
    left, all_ = ((whole - part) * mask).square().sum(), (whole * mask).square().sum()
    return float(1 - left / all_) if all_ > 0 else 0.0


def _ridge(
    x: Float[Tensor, "prompt pos d_model"], y: Float[Tensor, "prompt pos d_model"]
) -> Float[Tensor, "d_model d_model"]:
    held = torch.arange(len(x)) % HELD_BACK == 0
    (x_fit, y_fit), (x_held, y_held) = (
        (x[rows].flatten(0, 1), y[rows].flatten(0, 1)) for rows in (~held, held)
    )
    tried = {s: ridge(x_fit, y_fit, s) for s in STRENGTHS}
    best = min(STRENGTHS, key=lambda s: float((y_held - x_held @ tried[s]).square().sum()))
    return ridge(x.flatten(0, 1), y.flatten(0, 1), best)


def ridge(
    x: Float[Tensor, "sample d_model"], y: Float[Tensor, "sample target"], strength: float
) -> Float[Tensor, "d_model target"]:
    """argmin |y − x w|² + s |w|², s = `strength` × mean diagonal of xᵀx."""
    gram = x.T @ x
    scale = gram.diagonal().mean().clamp(min=torch.finfo(x.dtype).tiny)
    gram = gram + strength * scale * torch.eye(len(gram))
    return torch.linalg.solve(gram, x.T @ y)
