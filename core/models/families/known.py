"""The family of a config, once every attribute of it is known.

A config attribute that neither a row nor `HARMLESS` lists is refused by name, so that a new feature
of a family can never pass unnoticed and give wrong numbers.
"""

from collections.abc import Mapping
from typing import Any

from core.errors import UnsupportedModelError
from core.models.families.gpt2 import GPT2
from core.models.families.gpt_neox import GPT_NEOX
from core.models.families.llama import LLAMA
from core.models.families.spec import FamilySpec

FAMILIES: tuple[FamilySpec, ...] = (GPT2, GPT_NEOX, LLAMA)
"""Of every family, in the order they are named to people."""

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
