"""What differs between model families, as one row each.

A row names where a family keeps its parts and how it splits its attention weights. Nothing here
computes a forward pass: that is always done by the Hugging Face modules. A config attribute that a
row does not list is refused by name, so that a new feature of a family can never pass unnoticed
and give wrong numbers.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from jaxtyping import Float
from torch import Tensor

from core.errors import UnsupportedModelError
from core.models.norms import HfModule, NormKind, NormWeights, norm_of


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


class Projection(NamedTuple):
    """A linear map of an attention module, its heads not yet split."""

    weight: Tensor
    """[out, in]."""
    bias: Tensor | None
    """[out]; None where there is none."""


class Attention(NamedTuple):
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
    read_attention: Callable[[HfModule, int, int], Attention]
    """(attention module, n_heads, d_head) → its weights."""
    handled: frozenset[str]
    """Config attributes that the adapter or the Hugging Face modules take care of."""
    refused: Mapping[str, Any]
    """Config attributes with the only value we can handle."""


def _conv1d(module: HfModule, n_heads: int, d_head: int) -> Attention:
    """GPT-2 keeps q, k and v side by side in one transposed weight."""
    width = n_heads * d_head
    weights, biases = module.c_attn.weight.T.split(width), module.c_attn.bias.split(width)
    query, key, value = map(Projection, weights, biases)
    return Attention(query, key, value, Projection(module.c_proj.weight.T, module.c_proj.bias))


def _split_per_head(module: HfModule, n_heads: int, d_head: int) -> Attention:
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
    return Attention(query, key, value, Projection(module.dense.weight, module.dense.bias))


def _separate(module: HfModule, n_heads: int, d_head: int) -> Attention:
    """Llama keeps each projection apart."""
    parts = (module.q_proj, module.k_proj, module.v_proj, module.o_proj)
    return Attention(*(Projection(part.weight, part.bias) for part in parts))


# Attributes that any config may carry and that change no number of a forward pass in eval mode.
HARMLESS = frozenset(
    [
        "architectures",
        "model_type",
        "transformers_version",
        "dtype",
        "torch_dtype",
        "use_cache",
        "bos_token_id",
        "eos_token_id",
        "pad_token_id",
        "tie_word_embeddings",
        "initializer_range",
        "return_dict",
        "output_hidden_states",
        "output_attentions",
        "chunk_size_feed_forward",
        "problem_type",
        "id2label",
        "label2id",
        "is_encoder_decoder",
        "_name_or_path",
        "name_or_path",
        "task_specific_params",
        "finetuning_task",
        "gradient_checkpointing",
        "_attn_implementation_autoset",
        "is_decoder",
        "hidden_dropout_prob",
        "summary_type",
        "summary_use_proj",
        "summary_activation",
        "summary_proj_to_labels",
        "summary_first_dropout",
        "classifier_dropout",
        "resid_pdrop",
        "embd_pdrop",
        "attn_pdrop",
        "attention_dropout",
        "hidden_dropout",
        "n_ctx",
        "vocab_size",
        "sep_token_id",
        "cross_attention_hidden_size",
        "torchscript",
        "tokenizer_class",
        "prefix",
        "num_labels",
    ]
)

FAMILIES: tuple[FamilySpec, ...] = (
    FamilySpec(
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
    ),
    FamilySpec(
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
    ),
    FamilySpec(
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
    ),
)


def family_of(config: Mapping[str, Any], where: str) -> FamilySpec:
    """The row for a config, once every attribute of it is known to be handled.

    Args:
        config: The raw `config.json` as a mapping.
        where: What to call the model in a message.

    Raises:
        UnsupportedModelError: For another architecture, an attribute that no row lists, or a
            value that the row cannot handle; the message names them.
    """
    rows = {row.model_type: row for row in FAMILIES}
    kind = config.get("model_type")
    if kind not in rows:
        raise UnsupportedModelError(
            f"{where} has architecture {kind!r}. Supported are "
            f"{', '.join(f'{r.name} ({r.model_type})' for r in FAMILIES)}. "
            "Choose a model of one of these families."
        )
    row = rows[kind]
    _refuse_unknown(config, row, where)
    return row


def _refuse_unknown(config: Mapping[str, Any], row: FamilySpec, where: str) -> None:
    known = HARMLESS | row.handled | set(row.refused)
    unknown = sorted(key for key, value in config.items() if key not in known and value is not None)
    if unknown:
        raise UnsupportedModelError(
            f"{where} sets config attributes that the {row.name} adapter does not know: "
            f"{', '.join(unknown)}. They might change the forward pass, so the model is refused. "
            "Remove them from config.json if they have no effect, or use another model."
        )
    wrong = {k: config[k] for k, v in row.refused.items() if config.get(k, v) != v}
    if wrong:
        required = ", ".join(f"{key}={row.refused[key]!r}" for key in wrong)
        got = ", ".join(f"{key}={value!r}" for key, value in wrong.items())
        raise UnsupportedModelError(
            f"{where} sets {got}, which the {row.name} adapter cannot handle; it requires "
            f"{required}. Use a model without this option."
        )


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


class HeadWeights(NamedTuple):
    """A projection of every query head."""

    weight: Float[Tensor, "head d_model d_head"]
    bias: Float[Tensor, "head d_head"]


def split_heads(projection: Projection, n_heads: int, d_head: int) -> HeadWeights:
    """Splits queries, keys or values into heads, grouped ones repeated to one per query head."""
    weight = projection.weight.view(-1, d_head, projection.weight.shape[1]).transpose(1, 2)
    repeats = n_heads // len(weight)
    bias = projection.bias
    bias = weight.new_zeros(len(weight), d_head) if bias is None else bias.view(-1, d_head)
    return HeadWeights(
        weight.repeat_interleave(repeats, dim=0), bias.repeat_interleave(repeats, dim=0)
    )
