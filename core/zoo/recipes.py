"""How one bundled model is trained, as data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRecipe:
    """Everything that, with a seed, determines a trained model."""

    name: str
    """Folder name under `assets/models`."""
    task: str
    """Bundled task the model is trained for."""
    architecture: Literal["gpt2", "gpt_neox", "llama"]
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
    settle: int = 0
    """Steps over which the rate falls, from the moment that the selection split is done; 0: it
    falls over the last share of `steps`, whatever the model does."""
    enough: float = 1.0
    """Accuracy on the selection split from which it counts as done, in [0, 1]."""
    weight_decay: float = 1.0
    """Decoupled weight decay of all matrices."""
    betas: tuple[float, float] = (0.9, 0.98)
    """AdamW moment decay rates."""
    text_weight: float = 0.0
    """Weight of the other tokens' loss beside the answer's, per token."""
    seed: int = 0
    """Seeds the initial weights and the batches; `--seed` overrides it."""
    stored: Literal["float32", "float16"] = "float32"
    """Type of the weights in the files; they are loaded as float32, and measured as loaded."""
    gate: float = 0.98
    """Least held-out accuracy for the model to be offered, in [0, 1]."""
