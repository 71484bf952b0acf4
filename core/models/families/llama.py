"""The row of Llama."""

from core.models.families.spec import FamilySpec, Projection, Projections
from core.models.norms import HfModule


def _separate(module: HfModule, n_heads: int, d_head: int) -> Projections:
    """Llama keeps each projection apart."""
    parts = (module.q_proj, module.k_proj, module.v_proj, module.o_proj)
    return Projections(*(Projection(part.weight, part.bias) for part in parts))


LLAMA = FamilySpec(
    name="Llama",
    model_type="llama",
    norm="rms_norm",
    norm_eps="rms_norm_eps",
    layers="model.layers",
    final_norm="model.norm",
    norm1="input_layernorm",
    norm2="post_attention_layernorm",
    attention="self_attn",
    output="o_proj",
    position_table=None,
    rotary="model.rotary_emb",
    read_attention=_separate,
    handled=frozenset(
        [
            "hidden_size",
            "intermediate_size",
            "num_hidden_layers",
            "num_attention_heads",
            "num_key_value_heads",
            "hidden_act",
            "max_position_embeddings",
            "rms_norm_eps",
            "rope_parameters",
            "rope_scaling",
            "rope_theta",
            "attention_bias",
            "mlp_bias",
            "head_dim",
        ]
    ),
    refused={"pretraining_tp": 1},
)
