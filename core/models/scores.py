"""Why a head looks where it looks, as weights: attention scores before the softmax.

    score[q, k] = scale · rot_q(n(x_q) · W_Q + b_Q) · rot_k(n(x_k) · W_K + b_K)

with n the norm in front of attention and rot_p the rotation that rotary families turn the first
dimensions of a query or key by at position p (none where positions are learned; Su et al. 2021,
arXiv 2104.09864). The Hugging Face modules compute these scores inside attention and do not give
them out; that ours lead to the same pattern is checked when a model is loaded (`check`).
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from core.models.language_model import LanguageModel
from core.models.norms import NormWeights, norm_of
from core.models.weights import reach, split_heads


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoreWeights:
    """The part of one block that makes attention scores."""

    norm: NormWeights
    """Norm in front of attention."""
    W_Q: Float[Tensor, "head d_model d_head"]
    """Normed residual to query."""
    b_Q: Float[Tensor, "head d_head"]
    """Query bias; zeros where there is none."""
    W_K: Float[Tensor, "head d_model d_head"]
    """Normed residual to key; key-value heads repeated to one per query head."""
    b_K: Float[Tensor, "head d_head"]
    """Key bias; zeros where there is none."""
    scale: float
    """Multiplies query times key."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rotation:
    """What rotary families do to queries and keys at each position: linear, the same both ways."""

    cos: Float[Tensor, "pos rotated"]
    sin: Float[Tensor, "pos rotated"]

    def __call__(self, x: Float[Tensor, "*batch pos d_head"]) -> Float[Tensor, "*batch pos d_head"]:
        """Queries or keys of all positions, turned; dimensions beyond `rotated` stay."""
        width = self.cos.shape[-1]
        turned, kept = x[..., :width], x[..., width:]
        first, second = turned.chunk(2, dim=-1)
        turned = turned * self.cos + torch.cat([-second, first], dim=-1) * self.sin
        return torch.cat([turned, kept], dim=-1)


def score_weights(model: LanguageModel, layer: int) -> ScoreWeights:
    """What makes the scores of one layer; views of the model's own weights where possible."""
    family, block = model.family, model.blocks[layer]
    module = reach(block, family.attention)
    raw = family.read_attention(module, model.n_heads, model.d_head)
    query = split_heads(raw.query, model.n_heads, model.d_head)
    key = split_heads(raw.key, model.n_heads, model.d_head)
    eps = float(getattr(model.hf.config, family.norm_eps))
    return ScoreWeights(
        norm=norm_of(reach(block, family.norm1), eps, family.norm),
        W_Q=query.weight.detach(),
        b_Q=query.bias.detach(),
        W_K=key.weight.detach(),
        b_K=key.bias.detach(),
        scale=float(module.scaling),
    )


def rotation(model: LanguageModel, n_pos: int) -> Rotation | None:
    """How queries and keys of a prompt of this length are turned; None for learned positions."""
    if model.family.rotary is None:
        return None
    like = model.W_U.new_zeros(1, n_pos, 1)
    places = torch.arange(n_pos, device=like.device)[None]
    with torch.no_grad():
        cos, sin = reach(model.hf, model.family.rotary)(like, position_ids=places)
    return Rotation(cos=cos[0], sin=sin[0])


def attention_scores(
    model: LanguageModel, layer: int, resid_pre: Float[Tensor, "*batch pos d_model"]
) -> Float[Tensor, "*batch head query key"]:
    """Scores of every head of a layer, not yet masked, from what enters its block."""
    weights = score_weights(model, layer)
    return scores_of(model, weights, weights.norm(resid_pre))


def scores_of(
    model: LanguageModel, weights: ScoreWeights, normed: Float[Tensor, "*batch pos d_model"]
) -> Float[Tensor, "*batch head query key"]:
    """The same from the norm's output."""
    x = normed.unsqueeze(-3)
    query = x @ weights.W_Q + weights.b_Q[:, None]
    key = x @ weights.W_K + weights.b_K[:, None]
    if (turn := rotation(model, x.shape[-2])) is not None:
        query, key = turn(query), turn(key)
    return weights.scale * query @ key.transpose(-1, -2)


def causal_pattern(
    scores: Float[Tensor, "*batch query key"],
) -> Float[Tensor, "*batch query key"]:
    """Attention weights: the softmax over the keys that a query may see."""
    later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1)
    return scores.masked_fill(later, float("-inf")).softmax(-1)
