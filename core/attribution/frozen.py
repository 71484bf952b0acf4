"""A model made linear around one prompt.

Attention patterns and the scales of all norms keep the values they have on the prompt; MLPs are
taken out (features and errors stand for their output) except for a transcoder's affine skip. What
is left moves the residual stream by matrices only:

1. Attention: S[q] += Σ_h Σ_p mix[h, q, p] · S[p] · V_h · O_h, where the centring and the weight of
   the norm are folded into V and its scale at position p into mix.
2. Skip: S[p] += scale₂[p] · S[p] · K.

Read the other way round, the same matrices carry gradients down. Constants that these maps add
(norm biases, value and output biases) are kept beside them, so that sums close.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.models import LanguageModel, LayerWeights, NormWeights, Trace
from core.models.language_model import Embedding
from core.transcoders import Transcoder, TranscoderSet


class FoldedLayer(NamedTuple):
    """What a block's linear maps are on any prompt."""

    value: Float[Tensor, "d_model head_d_head"]
    """Residual to the values of all heads, norm folded in, its scale left out."""
    output: Float[Tensor, "head_d_head d_model"]
    """Values of all heads to the residual."""
    skip: Float[Tensor, "d_model d_model"] | None
    """Affine skip with the norm folded in, applied as `scale2 * (S @ skip)`."""
    norm1: NormWeights
    """In front of attention."""
    norm2: NormWeights
    """In front of the MLP."""
    attention_constant: Float[Tensor, " d_model"]
    """What attention adds at every position whatever it reads."""
    mlp_constant: Float[Tensor, " d_model"]
    """What the transcoder adds at every position whatever it reads."""


class Folded:
    """Folded layers of one model, each made once and then shared by all prompts of a call."""

    def __init__(self, model: LanguageModel, transcoders: TranscoderSet) -> None:
        self.model, self.transcoders = model, transcoders
        self._made: dict[int, FoldedLayer] = {}

    def __getitem__(self, layer: int) -> FoldedLayer:
        if layer not in self._made:
            weights, transcoder = self.model.weights(layer), self.transcoders[layer]
            constant, skip = _mlp_path(weights.norm2, transcoder)
            self._made[layer] = FoldedLayer(
                value=_folded_value(weights),
                output=weights.W_O.reshape(-1, weights.W_O.shape[-1]),
                skip=skip,
                norm1=weights.norm1,
                norm2=weights.norm2,
                attention_constant=_attention_constant(weights),
                mlp_constant=constant,
            )
        return self._made[layer]


class FrozenLayer(NamedTuple):
    """One block on one prompt."""

    folded: FoldedLayer
    """Its matrices."""
    mix: Float[Tensor, "head query key"]
    """Attention pattern times the norm scale at the key."""
    scale2: Float[Tensor, " pos"]
    """Scale of the norm in front of the MLP."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frozen:
    """A prompt's linear model: one `FrozenLayer` a block, made when asked for."""

    folded: Folded
    """Shared by the prompts of a call."""
    trace: Trace
    """With a batch axis; `prompt` says which entry is meant."""
    prompt: int
    """Entry of the batch."""
    ids: Int[Tensor, " pos"]
    """The prompt's tokens."""
    embedding: Embedding
    """Token and position embeddings of this prompt, [pos d_model]."""

    @property
    def model(self) -> LanguageModel:
        return self.folded.model

    @property
    def transcoders(self) -> TranscoderSet:
        return self.folded.transcoders

    @property
    def n_pos(self) -> int:
        return len(self.ids)

    def at(self, site: Float[Tensor, "layer batch pos d_model"], layer: int) -> Tensor:
        """One site of this prompt, [pos d_model]."""
        return site[layer, self.prompt]

    def mlp_norm_scale(self, layer: int) -> Float[Tensor, "pos 1"]:
        """1 / scale of the residual that the MLP of a layer reads."""
        site = self.trace.resid_pre if self.model.parallel else self.trace.resid_mid
        return self.folded[layer].norm2.scale(self.at(site, layer))

    def layer(self, layer: int) -> FrozenLayer:
        """The linear maps of one block on this prompt."""
        scale1 = self.folded[layer].norm1.scale(self.at(self.trace.resid_pre, layer))
        mix = self.trace.pattern[layer, self.prompt] * scale1[:, 0]
        return FrozenLayer(self.folded[layer], mix, self.mlp_norm_scale(layer)[:, 0])

    def layers_up(self, stop: int) -> Iterator[tuple[int, FrozenLayer]]:
        """Blocks 0 … stop-1."""
        return ((layer, self.layer(layer)) for layer in range(stop))

    def layers_down(self, stop: int) -> Iterator[tuple[int, FrozenLayer]]:
        """Blocks from the last down to `stop`."""
        return ((layer, self.layer(layer)) for layer in reversed(range(stop, self.model.n_layers)))


def fold_in(
    norm: NormWeights, matrix: Float[Tensor, "d_model out"]
) -> Float[Tensor, "d_model out"]:
    """The matrix that reads the raw residual where `matrix` reads the norm with scale 1."""
    return norm.transpose(matrix.T, matrix.new_ones(1, 1)).T


def _folded_value(weights: LayerWeights) -> Float[Tensor, "d_model head_d_head"]:
    joint = weights.W_V.permute(1, 0, 2).reshape(weights.W_V.shape[1], -1)
    return fold_in(weights.norm1, joint).contiguous()


def _attention_constant(weights: LayerWeights) -> Float[Tensor, " d_model"]:
    """Rows of a pattern sum to 1, so constant values give one constant output."""
    value = torch.einsum("d,hde->he", weights.norm1.bias, weights.W_V) + weights.b_V
    return torch.einsum("he,hed->d", value, weights.W_O) + weights.b_O


def _mlp_path(norm: NormWeights, transcoder: Transcoder) -> tuple[Tensor, Tensor | None]:
    """The transcoder's constant, and its skip as seen from the raw residual."""
    if transcoder.W_skip is None:
        return transcoder.b_dec, None
    constant = transcoder.b_dec + transcoder.W_skip @ norm.bias
    return constant, fold_in(norm, transcoder.W_skip.T)


def freeze_batch(
    model: LanguageModel, transcoders: TranscoderSet, ids: Int[Tensor, "prompt pos"]
) -> tuple[Frozen, ...]:
    """The linear model of each prompt, from one forward pass."""
    trace, folded = model.trace(ids), Folded(model, transcoders)
    token, position = model.embed(ids)
    return tuple(
        Frozen(
            folded=folded,
            trace=trace,
            prompt=prompt,
            ids=row,
            embedding=Embedding(token[prompt], position[prompt]),
        )
        for prompt, row in enumerate(ids)
    )


def freeze(model: LanguageModel, transcoders: TranscoderSet, ids: Int[Tensor, " pos"]) -> Frozen:
    """The linear model of one prompt."""
    return freeze_batch(model, transcoders, ids[None])[0]
