"""One block's attention weights split into heads, whatever family keeps them in whatever form."""

from dataclasses import dataclass
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

from core.models.families import FamilySpec, Projection
from core.models.norms import HfModule, NormWeights, norm_of


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LayerWeights:
    """The linear parts of one block, as attribution needs them."""

    norm1: NormWeights
    """Norm in front of attention."""
    norm2: NormWeights
    """Norm in front of the MLP."""
    W_V: Float[Tensor, "head d_model d_head"]
    """Normed residual to value; key-value heads repeated to one per query head."""
    b_V: Float[Tensor, "head d_head"]
    """Value bias; zeros where there is none."""
    W_O: Float[Tensor, "head d_head d_model"]
    """Head output to residual."""
    b_O: Float[Tensor, " d_model"]
    """Output bias of attention; zeros where there is none."""


class HeadWeights(NamedTuple):
    """A projection of every query head."""

    weight: Float[Tensor, "head d_model d_head"]
    bias: Float[Tensor, "head d_head"]


def reach(root: HfModule, path: str) -> HfModule:
    """The attribute at a dotted path."""
    for name in path.split("."):
        root = getattr(root, name)
    return root


def layer_weights(
    block: HfModule, row: FamilySpec, n_heads: int, d_head: int, eps: float
) -> LayerWeights:
    """Splits one block's attention weights into heads, repeating grouped value heads."""
    raw = row.read_attention(reach(block, row.attention), n_heads, d_head)
    W_V, b_V = split_heads(raw.value, n_heads, d_head)
    output = raw.output.weight
    d_model = len(output)
    return LayerWeights(
        norm1=norm_of(reach(block, row.norm1), eps, row.norm),
        norm2=norm_of(reach(block, row.norm2), eps, row.norm),
        W_V=W_V,
        b_V=b_V,
        W_O=output.T.reshape(n_heads, d_head, d_model),
        b_O=output.new_zeros(d_model) if raw.output.bias is None else raw.output.bias,
    )


def split_heads(projection: Projection, n_heads: int, d_head: int) -> HeadWeights:
    """Splits queries, keys or values into heads, grouped ones repeated to one per query head."""
    weight = projection.weight.view(-1, d_head, projection.weight.shape[1]).transpose(1, 2)
    repeats = n_heads // len(weight)
    bias = projection.bias
    bias = weight.new_zeros(len(weight), d_head) if bias is None else bias.view(-1, d_head)
    return HeadWeights(
        weight.repeat_interleave(repeats, dim=0), bias.repeat_interleave(repeats, dim=0)
    )
