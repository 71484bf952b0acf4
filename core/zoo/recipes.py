"""The bundled models, as data: architecture, task and how each was trained."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from core.errors import SettingsError


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Everything that, with a seed, determines a trained model."""

    name: str
    """Folder name under `assets/models`."""
    task: str
    """Bundled task the model is trained for."""
    architecture: Literal["gpt2", "llama"]
    """Hugging Face architecture."""
    config: Mapping[str, Any]
    """Keyword arguments of the architecture's config, besides the vocabulary size."""
    steps: int
    """Optimiser steps."""
    batch: int = 0
    """Prompts of a step; 0 takes every training prompt at each step."""
    lr: float = 1e-3
    """AdamW learning rate after warm-up."""
    warmup: int = 100
    """Steps of linear warm-up."""
    decay: float = 0.25
    """Last share of the steps over which the learning rate falls linearly, in [0, 1]."""
    weight_decay: float = 1.0
    """Decoupled weight decay of all matrices."""
    betas: tuple[float, float] = (0.9, 0.98)
    """AdamW moment decay rates."""
    text_weight: float = 0.0
    """Weight of the other tokens' loss beside the answer's, per token."""
    seed: int = 0
    """Seeds the initial weights and the batches; `--seed` overrides it."""
    gate: float = field(default=0.98)
    """Least held-out accuracy for the model to be offered, in [0, 1]."""


GPT2_SMALL = {
    "n_positions": 32, "n_embd": 64, "n_head": 4, "n_inner": 256,
    "resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0,
}  # fmt: skip
LLAMA_SMALL = {
    "max_position_embeddings": 32, "hidden_size": 64, "num_attention_heads": 4,
    "num_key_value_heads": 2, "intermediate_size": 128,
}  # fmt: skip

RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="gpt2-modadd",
            task="modular-addition",
            architecture="gpt2",
            config=GPT2_SMALL | {"n_layer": 2, "tie_word_embeddings": False},
            steps=3200,
            decay=0.4,
        ),
        Recipe(
            name="llama-modadd",
            task="modular-addition",
            architecture="llama",
            config=LLAMA_SMALL | {"num_hidden_layers": 2, "tie_word_embeddings": False},
            steps=3000,
            decay=0.4,
        ),
        Recipe(
            name="gpt2-coref",
            task="coreference",
            architecture="gpt2",
            config=GPT2_SMALL | {"n_layer": 3, "initializer_range": 0.1},
            steps=2500,
            decay=0.4,
            batch=256,
            lr=2e-3,
            weight_decay=0.05,
            text_weight=0.02,
            gate=0.95,
        ),
    )
}


def recipe_named(name: str) -> Recipe:
    """The recipe of a bundled model.

    Raises:
        SettingsError: If there is none of that name.
    """
    if name not in RECIPES:
        raise SettingsError(
            f"Unknown model {name!r}: got a name with no recipe. Required: one of "
            f"{', '.join(RECIPES)}. Choose one of them."
        )
    return RECIPES[name]
