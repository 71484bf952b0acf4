"""The parameters of one layer in training and what they are trained for.

All in normalised units: inputs and outputs of the layer centred and divided by their size.

    L = mean w ‖y − ŷ‖²  +  weight · mean over lengths m of mean w ‖y − ŷ_m‖²  +  aux · L_aux
        +  group · mean over sites of Σ_f √(variance of feature f's write at the site)

ŷ uses all features (in a cross-layer transcoder those of all layers up to this one, each layer's
loss training them all); ŷ_m the first m dense ones alone, with a free bias for each position (an
ablation keeps a site's mean, so only what varies there has to be carried). L_aux lets the
d_model / 2 strongest dead features reconstruct what is left of y (AuxK; Gao et al. 2024,
arXiv 2406.04093). w is 1 over the position's variance. The last term is a group lasso (Yuan & Lin
2006) whose groups are the features at a site: it pays to use few of them. Nothing here knows the
model's answers: the loss is reconstruction alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from core.transcoders.activations import Nested, TopK
from core.transcoders.transcoder import Transcoder


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scale:
    """Centre and size of one layer's inputs and outputs."""

    x_mean: Float[Tensor, " d_model"]
    x_size: float
    y_mean: Float[Tensor, " d_model"]
    y_size: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LayerBatch:
    """Tokens of one step at one layer, normalised."""

    x: Float[Tensor, "sample d_model"]
    y: Float[Tensor, "sample d_model"]
    position: Int[Tensor, " sample"]
    """Aligned position."""
    weight: Float[Tensor, " sample"]
    """Weight of each token's squared error."""
    prefix_weight: Float[Tensor, " sample"]
    """The same for the prefixes' error."""


class LayerInTraining(nn.Module):
    """One layer's weights, in normalised units."""

    def __init__(
        self,
        activation: TopK | Nested,
        lengths: tuple[int, ...],
        start: dict[str, Tensor],
        position_means: Float[Tensor, "pos d_model"],
    ) -> None:
        super().__init__()
        self.activation, self.lengths = activation, lengths
        self.W_enc = nn.Parameter(start["W_enc"])
        self.b_enc = nn.Parameter(start["b_enc"])
        self.W_dec = nn.Parameter(start["W_dec"])
        self.b_dec = nn.Parameter(torch.zeros(start["W_dec"].shape[1]))
        self.W_skip = nn.Parameter(start["W_skip"]) if "W_skip" in start else None
        self.W_later = nn.Parameter(start["W_later"]) if "W_later" in start else None
        """[feature above d_model], each slot in the units of the layer it writes to."""
        free = position_means.repeat(len(lengths), 1, 1)
        self.b_prefix = nn.Parameter(free)
        """[length pos d_model], used in training only."""

    def read(self, x: Float[Tensor, "sample d_model"]) -> Float[Tensor, "sample feature"]:
        """Pre-activations."""
        return torch.addmm(self.b_enc, x, self.W_enc.T)

    def write(
        self, a: Float[Tensor, "sample feature"], x: Float[Tensor, "sample d_model"]
    ) -> Float[Tensor, "sample d_model"]:
        """Reconstruction from all features."""
        y = torch.addmm(self.b_dec, a, self.W_dec)
        return y if self.W_skip is None else y + x @ self.W_skip.T

    def later(
        self, a: Float[Tensor, "sample feature"], step: int, length: int | None = None
    ) -> Float[Tensor, "sample d_model"]:
        """What the features, or the first few, write `step` layers further up."""
        assert self.W_later is not None
        return a[:, :length] @ self.W_later[:length, step - 1]

    def prefix_error(
        self,
        a: Float[Tensor, "sample feature"],
        batch: LayerBatch,
        below: Sequence[Float[Tensor, "sample d_model"]],
    ) -> Float[Tensor, ""]:
        """Weighted squared error of the leading features alone, averaged over the lengths.

        `below` is what lower layers' leading features write here, for each length; or nothing.
        """
        y = torch.zeros_like(batch.y)
        total, start = y.new_zeros(()), 0
        for number, length in enumerate(self.lengths):
            y = y + a[:, start:length] @ self.W_dec[start:length]
            error = batch.y - y - self.b_prefix[number, batch.position]
            error = error - below[number] if below else error
            total = total + (error.square().sum(-1) * batch.prefix_weight).mean()
            start = length
        return total / max(len(self.lengths), 1)

    def spread(self, a: Float[Tensor, "sample feature"], batch: LayerBatch) -> Float[Tensor, ""]:
        """Group lasso: what each feature's write varies by at a site, summed over features.

        In units of the site's own size: 1 if one feature carries all, √n if n alike ones do.
        """
        wanted = batch.prefix_weight > 0
        place, count = batch.position[wanted].unique(return_inverse=True, return_counts=True)[1:]
        scaled = a[wanted] * batch.prefix_weight[wanted].sqrt()[:, None]
        sums = scaled.new_zeros(2, len(count), a.shape[1])
        sums[0] = sums[0].index_add(0, place, scaled)
        sums[1] = sums[1].index_add(0, place, scaled.square())
        mean, square = sums / count[:, None].clamp(min=1)
        # The root has no slope at 0, where a feature that is silent here lies.
        size = (square - mean.square()).clamp(min=0).add(1e-8).sqrt() - 1e-4
        written = self.W_dec.square().sum(1)
        if self.W_later is not None:
            written = written + self.W_later.square().sum((1, 2))
        return (size @ written.add(1e-12).sqrt()).sum() / max(len(count), 1)

    def revive(
        self,
        pre: Float[Tensor, "sample feature"],
        error: Float[Tensor, "sample d_model"],
        dead: Bool[Tensor, " feature"],
        weight: Float[Tensor, " sample"],
    ) -> Float[Tensor, ""]:
        """AuxK: the dead features' error in reconstructing the residual, relative to it.

        They are not rectified here: a feature that never crosses zero would get no gradient and
        stay dead (on modular addition two thirds of a dictionary did).
        """
        count, d_model = int(dead.sum()), error.shape[1]
        if not count:
            return error.new_zeros(())
        half = max(d_model // 2, 1)
        values, places = pre[:, dead].topk(min(count, half), dim=-1, sorted=False)
        a = torch.zeros_like(pre[:, dead]).scatter(-1, places, values)
        residual = error.detach()
        left = residual - a @ self.W_dec[dead]
        size = (residual.square().sum(-1) * weight).mean().clamp(min=1e-12)
        return min(count / half, 1.0) * (left.square().sum(-1) * weight).mean() / size

    def finished(self, scale: Scale, above: Sequence[Scale]) -> Transcoder:
        """The transcoder in the model's own units: normalisation folded into the weights.

        Args:
            scale: Of this layer.
            above: Of the later layers.
        """
        W_enc = self.W_enc.detach() / scale.x_size
        b_dec = scale.y_mean + scale.y_size * self.b_dec.detach()
        W_skip = None
        if self.W_skip is not None:
            W_skip = self.W_skip.detach() * (scale.y_size / scale.x_size)
            b_dec = b_dec - W_skip @ scale.x_mean
        return Transcoder(
            W_enc=W_enc,
            b_enc=self.b_enc.detach() - W_enc @ scale.x_mean,
            W_dec=self.W_dec.detach() * scale.y_size,
            b_dec=b_dec,
            W_skip=W_skip,
            W_later=self._later_in_units(above),
            activation=self.activation,
        )

    def _later_in_units(
        self, above: Sequence[Scale]
    ) -> Float[Tensor, "feature above d_model"] | None:
        if self.W_later is None:
            return None
        sizes = self.W_later.new_tensor([scale.y_size for scale in above])
        return self.W_later.detach() * sizes[:, None]
