"""The attention of Hugging Face models, as quick for short prompts as for long ones.

torch's softmax takes rows of fewer than 16 numbers one by one, and its `exp` is slow where a mask
has put −3e38: on prompts of 15 tokens that was over a third of all time that circuits ran. With
powers of two over whole tensors it is the same sum, some ten times as fast there:

    p = 2^((s − max s) log₂ e) / Σ 2^((s − max s) log₂ e)

A pass may say (`hooks.Session`) that positions before its first are known: their keys and values
are put in front. Where it reads the last position alone of what leaves a block, the block's other
queries are not asked, and zeros stand in their place.

Everything else is what `attn_implementation="eager"` does; models are loaded with this one by name
(transformers' `AttentionInterface`). The check at load holds its patterns against ones rebuilt
from the weights.
"""

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface
from transformers.masking_utils import AttentionMaskInterface, eager_mask

from core.models.hooks import Seen, Session, running

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
    key: Float[Tensor, "batch group new d_head"],
    value: Float[Tensor, "batch group new d_head"],
    attention_mask: Float[Tensor, "#batch #head query key"] | None,
    scaling: float | None = None,
    **_rest: Any,
) -> tuple[Float[Tensor, "batch query head d_head"], Float[Tensor, "batch head asked key"]]:
    """What heads put out, and their patterns; several heads may share a key and value group."""
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    now = running()
    if now is not None:
        layer: int = getattr(module, "layer_idx", -1)
        key, value = _with_before(now, layer, Seen(key, value))
        if now.ends == layer:
            return _last_alone(query, Seen(key, value), scale)
    return _attend(query, Seen(key, value), attention_mask, scale)


def _with_before(now: Session, layer: int, own: Seen) -> Seen:
    """Keys and values with those in front of them; the pass's own are noted if it wants them."""
    if now.seen is not None:
        now.seen[layer] = own
    if not now.before:
        return own
    known = now.before[layer]
    times = (len(own.key) // len(known.key), 1, 1, 1)
    return Seen(*(torch.cat([a.repeat(times), b], 2) for a, b in zip(known, own, strict=True)))


def _last_alone(
    query: Float[Tensor, "batch head query d_head"], read: Seen, scale: float
) -> tuple[Float[Tensor, "batch query head d_head"], Float[Tensor, "batch head 1 key"]]:
    """The last position sees all others: no mask."""
    out, pattern = _attend(query[:, :, -1:], read, None, scale)
    return functional.pad(out, (0, 0, 0, 0, query.shape[2] - 1, 0)), pattern


def _attend(
    query: Float[Tensor, "batch head query d_head"],
    read: Seen,
    mask: Float[Tensor, "#batch #head query key"] | None,
    scale: float,
) -> tuple[Float[Tensor, "batch query head d_head"], Float[Tensor, "batch head query key"]]:
    # Heads that share a key and value group are put behind each other, as further queries of it.
    grouped = query.reshape(*read.key.shape[:2], -1, query.shape[-1])
    scores = (grouped @ read.key.transpose(-1, -2) * scale).view(*query.shape[:3], -1)
    if mask is not None:
        scores = scores + mask
    pattern = softmax(scores.float()).to(query.dtype)
    out = pattern.view(*grouped.shape[:3], -1) @ read.value
    return out.view(query.shape).transpose(1, 2).contiguous(), pattern


AttentionInterface.register(ATTENTION, attend)
AttentionMaskInterface.register(ATTENTION, eager_mask)
