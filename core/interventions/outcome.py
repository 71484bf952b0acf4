"""What circuits answer on prompts: logit difference, right or not, distance from the model."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from core.interventions.prepared import PreparedBatch


class Outcome(NamedTuple):
    """What circuits answer, prompt by prompt; prompts in the order of the batches."""

    logit_diff: Float[Tensor, "circuit prompt"]
    """logit(answer) − logit(wrong)."""
    correct: Bool[Tensor, "circuit prompt"]
    """The answer has the largest logit."""
    kl: Float[Tensor, "circuit prompt"]
    """KL(model ‖ circuit) of the next-token distribution, in nats."""
    agree: Bool[Tensor, "circuit prompt"]
    """The top token is the model's own."""


def scored(part: PreparedBatch, logits: Float[Tensor, "circuit prompt d_vocab"]) -> Outcome:
    """The outcome of circuits that gave these logits on a batch; carries gradients."""
    own = part.logits.log_softmax(-1)
    kl = (own.exp() * (own - logits.log_softmax(-1))).sum(-1)
    top = logits.argmax(-1)
    return Outcome(
        logit_diff=part.batch.margin(logits),
        correct=top == part.batch.answer,
        kl=kl,
        agree=top == part.logits.argmax(-1),
    )


def stacked(chunks: Sequence[Outcome]) -> Outcome:
    """Other circuits on the same prompts, one after another."""
    return Outcome(*(torch.cat(rows) for rows in zip(*chunks, strict=True)))


def joined(parts: Sequence[Outcome]) -> Outcome:
    """The same circuits on other prompts, side by side."""
    return Outcome(*(torch.cat(columns, dim=1) for columns in zip(*parts, strict=True)))
