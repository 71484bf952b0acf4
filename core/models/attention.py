"""The attention of Hugging Face models, as quick for short prompts as for long ones.

torch's softmax takes rows of fewer than 16 numbers one by one, and its `exp` is slow where a mask
has put −3e38: on prompts of 15 tokens that was over a third of all time that circuits ran. With
powers of two over whole tensors it is the same sum, some ten times as fast there:

    p = 2^((s − max s) log₂ e) / Σ 2^((s − max s) log₂ e)

Everything else is what `attn_implementation="eager"` does; models are loaded with this one by name
(transformers' `AttentionInterface`). The check at load holds its patterns against ones rebuilt
from the weights.
"""

import math
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn
from transformers import AttentionInterface
from transformers.masking_utils import AttentionMaskInterface, eager_mask

ATTENTION = "hagd"
"""Its name among transformers' implementations."""
SHORT = 16
"""Rows shorter than this are written out: as many float32 numbers as torch takes at once."""


def softmax(scores: Float[Tensor, "*row key"]) -> Float[Tensor, "*row key"]:
    """Softmax over the last axis; gradients flow through."""
    if scores.shape[-1] >= SHORT:
        return scores.softmax(-1)
    grown = ((scores - scores.detach().amax(-1, keepdim=True)) * math.log2(math.e)).exp2()
    return grown / grown.sum(-1, keepdim=True)


def attend(
    module: nn.Module,
    query: Float[Tensor, "batch head query d_head"],
    key: Float[Tensor, "batch group key d_head"],
    value: Float[Tensor, "batch group key d_head"],
    attention_mask: Float[Tensor, "#batch #head query key"] | None,
    scaling: float | None = None,
    **_rest: Any,
) -> tuple[Float[Tensor, "batch query head d_head"], Float[Tensor, "batch head query key"]]:
    """What heads put out, and their patterns; several heads may share a key and value group."""
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    # Heads that share a key and value group are put behind each other, as further queries of it.
    grouped = query.reshape(*key.shape[:2], -1, query.shape[-1])
    scores = (grouped @ key.transpose(-1, -2) * scale).view(*query.shape[:3], -1)
    if attention_mask is not None:
        scores = scores + attention_mask
    pattern = softmax(scores.float()).to(query.dtype)
    out = pattern.view(*grouped.shape[:3], -1) @ value
    return out.view(query.shape).transpose(1, 2).contiguous(), pattern


AttentionInterface.register(ATTENTION, attend)
AttentionMaskInterface.register(ATTENTION, eager_mask)
