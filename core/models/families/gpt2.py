"""The row of GPT-2."""

from core.models.families.spec import FamilySpec, Projection, Projections
from core.models.norms import HfModule


def _conv1d(module: HfModule, n_heads: int, d_head: int) -> Projections:
    """GPT-2 keeps q, k and v side by side in one transposed weight."""
    width = n_heads * d_head
    weights, biases = module.c_attn.weight.T.split(width), module.c_attn.bias.split(width)
    query, key, value = map(Projection, weights, biases)
    return Projections(query, key, value, Projection(module.c_proj.weight.T, module.c_proj.bias))


GPT2 = FamilySpec(
    name="GPT-2",
    model_type="gpt2",
    norm="layer_norm",
    norm_eps="layer_norm_epsilon",
    layers="transformer.h",
    final_norm="transformer.ln_f",
    norm1="ln_1",
    norm2="ln_2",
    attention="attn",
    output="c_proj",
    position_table="transformer.wpe",
    rotary=None,
    read_attention=_conv1d,
    handled=frozenset(
        [
            "n_positions",
            "n_embd",
            "n_layer",
            "n_head",
            "n_inner",
            "activation_function",
            "layer_norm_epsilon",
            "scale_attn_weights",
            "scale_attn_by_inverse_layer_idx",
            "reorder_and_upcast_attn",
        ]
    ),
    refused={"add_cross_attention": False},
)
