"""Figures of an answer, from its logits."""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def p_answers(
    logits: Float[Tensor, "variant prompt d_vocab"], answer: Int[Tensor, " prompt"]
) -> Float[Tensor, "variant prompt"]:
    """Probability of the answer."""
    return logits.softmax(-1)[:, torch.arange(len(answer)), answer]
