"""What one row says of a model family: where it keeps its parts, which config it may have."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import Tensor

from core.models.norms import HfModule, NormKind


class Projection(NamedTuple):
    """A linear map of an attention module, its heads not yet split."""

    weight: Tensor
    """[out, in]."""
    bias: Tensor | None
    """[out]; None where there is none."""


class Projections(NamedTuple):
    """The four projections of one attention module."""

    query: Projection
    """d_model to head * d_head."""
    key: Projection
    """d_model to kv_head * d_head."""
    value: Projection
    """d_model to kv_head * d_head."""
    output: Projection
    """head * d_head to d_model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilySpec:
    """Where one architecture keeps its parts."""

    name: str
    """Our short name of the family."""
    model_type: str
    """`model_type` in the Hugging Face config."""
    norm: NormKind
    """Kind of all its norms."""
    norm_eps: str
    """Config attribute holding the norms' epsilon."""
    layers: str
    """Path to the list of blocks, from the causal language model."""
    final_norm: str
    """Path to the norm in front of the unembedding."""
    norm1: str
    """Attribute of a block: norm in front of attention."""
    norm2: str
    """Attribute of a block: norm in front of the MLP."""
    attention: str
    """Attribute of a block: the attention module."""
    output: str
    """Attribute of the attention module: its output projection."""
    position_table: str | None
    """Path to learned position embeddings, None for rotary families."""
    rotary: str | None
    """Path to the rotary embedding module, None for learned positions."""
    read_attention: Callable[[HfModule, int, int], Projections]
    """(attention module, n_heads, d_head) → its weights."""
    handled: frozenset[str]
    """Config attributes that the adapter or the Hugging Face modules take care of."""
    refused: Mapping[str, Any]
    """Config attributes with the only value we can handle."""
