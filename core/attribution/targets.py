"""What a graph explains: output tokens, or a direction between them, at the last position.

A target is a vector in front of the unembedding: the column of a token less the mean column, since
the softmax sees only differences (circuit-tracer), or one token's column less another's.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.errors import GraphError
from core.models import LanguageModel


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Targets:
    """Directions in logit space with their weights."""

    vector: Float[Tensor, "target d_model"]
    """Gradient of each target by the final norm's output."""
    bias: Float[Tensor, " target"]
    """What the unembedding's bias adds to each target."""
    index: Int[Tensor, " target"]
    """Vocabulary id; -1 for a direction."""
    weight: Float[Tensor, " target"]
    """Probability of the token; 1 for a direction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SalientLogits:
    """The most likely tokens, as many as the settings ask for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Given output tokens, each weighted by its probability."""

    ids: tuple[int, ...]
    """Vocabulary ids, none twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Direction:
    """The logit of one token less that of another."""

    answer: int
    """Vocabulary id."""
    wrong: int
    """Vocabulary id."""


TargetChoice = SalientLogits | Tokens | Direction
SALIENT = SalientLogits()
"""What is explained unless something else is asked for."""


def choose_targets(
    model: LanguageModel,
    logits: Float[Tensor, " d_vocab"],
    choice: TargetChoice,
    *,
    max_logits: int = 10,
    logit_mass: float = 0.95,
) -> Targets:
    """The targets of one prompt.

    Args:
        model: Gives the unembedding.
        logits: After the last token of the prompt.
        choice: Which targets.
        max_logits: Most tokens taken by `SalientLogits`.
        logit_mass: Probability they should reach together.

    Raises:
        GraphError: If a token id is outside the vocabulary, given twice, or both ends of a
            direction are the same.
    """
    if isinstance(choice, Direction):
        return _direction(model, choice)
    chance = logits.softmax(0)
    if isinstance(choice, Tokens):
        ids = _checked(model, choice.ids)
    else:
        top = chance.topk(min(max_logits, len(chance)))
        wanted = int(torch.searchsorted(top.values.cumsum(0), logit_mass)) + 1
        ids = top.indices[:wanted]
    return Targets(
        vector=model.W_U[ids] - model.W_U.mean(0),
        bias=model.b_U[ids] - model.b_U.mean(),
        index=ids,
        weight=chance[ids],
    )


def _direction(model: LanguageModel, choice: Direction) -> Targets:
    answer, wrong = _checked(model, (choice.answer, choice.wrong))
    return Targets(
        vector=(model.W_U[answer] - model.W_U[wrong])[None],
        bias=(model.b_U[answer] - model.b_U[wrong])[None],
        index=torch.tensor([-1]),
        weight=torch.ones(1, dtype=model.W_U.dtype),
    )


def _checked(model: LanguageModel, ids: Sequence[int]) -> Int[Tensor, " target"]:
    outside = [i for i in ids if not 0 <= i < model.d_vocab]
    if outside or len(set(ids)) != len(ids) or not ids:
        raise GraphError(
            f"The targets are token ids {list(ids)}; they must be different ids in "
            f"0..{model.d_vocab - 1}, at least one. Choose tokens of this model's vocabulary."
        )
    return torch.tensor(list(ids))
