"""The row of GPT-NeoX (Pythia)."""

from core.models.families.spec import FamilySpec, Projection, Projections
from core.models.norms import HfModule


def _split_per_head(module: HfModule, n_heads: int, d_head: int) -> Projections:
    """GPT-NeoX interleaves q, k and v head by head."""
    joint = module.query_key_value
    weight = joint.weight.view(n_heads, 3, d_head, -1)
    bias = None if joint.bias is None else joint.bias.view(n_heads, 3, d_head)
    query, key, value = (
        Projection(
            weight[:, which].reshape(n_heads * d_head, -1),
            None if bias is None else bias[:, which].reshape(-1),
        )
        for which in range(3)
    )
    return Projections(query, key, value, Projection(module.dense.weight, module.dense.bias))


GPT_NEOX = FamilySpec(
    name="GPT-NeoX",
    model_type="gpt_neox",
    norm="layer_norm",
    norm_eps="layer_norm_eps",
    layers="gpt_neox.layers",
    final_norm="gpt_neox.final_layer_norm",
    norm1="input_layernorm",
    norm2="post_attention_layernorm",
    attention="attention",
    output="dense",
    position_table=None,
    rotary="gpt_neox.rotary_emb",
    read_attention=_split_per_head,
    handled=frozenset(
        [
            "hidden_size",
            "num_hidden_layers",
            "num_attention_heads",
            "intermediate_size",
            "hidden_act",
            "rotary_pct",
            "rotary_emb_base",
            "max_position_embeddings",
            "layer_norm_eps",
            "use_parallel_residual",
            "rope_parameters",
            "rope_scaling",
            "attention_bias",
            "rope_theta",
            "partial_rotary_factor",
        ]
    ),
    refused={},
)
