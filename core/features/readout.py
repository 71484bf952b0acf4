"""How well a group of features tells a variable, beside the same with the variable shuffled.

1. One ridge regression from the group's standardised activations to every target at once: cosine
   and sine of each frequency of a whole-number variable, one indicator per value of any other.
2. Each prompt is predicted from all the others, in closed form (leave one out): with H the
   regression's hat matrix, the error of prompt p is its residual / (1 − H_pp).
3. The score of a frequency is R², the mean of its cosine's and sine's; of other variables the share
   of prompts whose value is predicted best.
4. The control is the largest score that any shuffle of the prompts' variables reaches.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.features.variables import SHUFFLES, Column, orders

RIDGE = 1.0
"""Added to every standardised feature's sum of squares; the prompts are hundreds."""


class Decoded(NamedTuple):
    """One target read off a group."""

    variable: str
    """Name, as the task declares it."""
    frequency: int | None
    """Of the cosine and sine that are read; None where the value itself is."""
    score: float
    """R² of a frequency, share of prompts right otherwise; prompts left out one by one."""
    control: float
    """The largest score of any target of this variable when it is shuffled."""

    @property
    def found(self) -> bool:
        """Whether it beats the control."""
        return self.score > self.control


class Target(NamedTuple):
    """What is to be read of one variable, first as it is, then shuffled."""

    variable: str
    frequencies: tuple[int, ...]
    """Empty where the value itself is read."""
    columns: Float[Tensor, "prompt column"]
    """Of every copy: cosine and sine of each frequency, or one indicator per value."""
    value: Int[Tensor, "prompt copy"]
    """Which of its values each prompt has."""


def target_of(column: Column, shuffles: int = SHUFFLES) -> Target:
    """A variable made ready to be read off any group on the same prompts."""
    n = len(column.group)
    copies = [torch.arange(n), *orders(n, shuffles)]
    if column.angle is None:
        plain = torch.nn.functional.one_hot(column.group, len(column.values)).float()
        turns = 0
    else:
        plain = torch.stack([column.angle.cos(), column.angle.sin()], 2).flatten(1).float()
        turns = column.angle.shape[1]
    return Target(
        variable=column.name,
        frequencies=tuple(range(1, turns + 1)),
        columns=torch.cat([plain[order] for order in copies], 1),
        value=torch.stack([column.group[order] for order in copies], 1),
    )


def decoded(
    activation: Float[Tensor, "prompt node"], targets: Sequence[Target]
) -> tuple[Decoded, ...]:
    """Every variable, or every frequency of it, as read off these features.

    Args:
        activation: Of the group, standardised; two prompts or more.
        targets: The variables on the same prompts.
    """
    read, leverage = _hat(activation)
    found: list[Decoded] = []
    for target in targets:
        scores = _scores(_left_out(activation, read, leverage, target.columns), target)
        control = float(scores[1:].max())
        found += [
            Decoded(target.variable, k, float(score), control)
            for k, score in zip(target.frequencies or [None], scores[0], strict=True)
        ]
    return tuple(found)


def standardised(activation: Float[Tensor, "prompt node"]) -> Float[Tensor, "prompt node"]:
    """Each feature with mean 0 and variance 1; a constant one is 0 throughout."""
    centred = activation.double() - activation.double().mean(0)
    spread = centred.square().mean(0).sqrt()  # std() warns where there is no node at all
    return centred / spread.clamp(min=1e-9)


def _hat(
    x: Float[Tensor, "prompt node"],
) -> tuple[Float[Tensor, "node prompt"], Float[Tensor, " prompt"]]:
    """The regression's weights from targets, and each prompt's pull on its own prediction."""
    n, m = x.shape
    read = torch.linalg.solve(x.T @ x + RIDGE * torch.eye(m, dtype=x.dtype), x.T)
    return read, (x * read.T).sum(1) + 1 / n


def _left_out(
    x: Float[Tensor, "prompt node"],
    read: Float[Tensor, "node prompt"],
    leverage: Float[Tensor, " prompt"],
    y: Float[Tensor, "prompt column"],
) -> Float[Tensor, "prompt column"]:
    """What each prompt is predicted to be by all the others."""
    plain = x.float() @ (read.float() @ y) + y.mean(0)
    return y - (y - plain) / (1 - leverage).clamp(min=1e-3)[:, None].float()


def _scores(guess: Float[Tensor, "prompt column"], target: Target) -> Float[Tensor, "copy score"]:
    """R² of each frequency, or the share of prompts right, of the true and the shuffled values."""
    copies = target.value.shape[1]
    if not target.frequencies:
        best = guess.reshape(len(guess), copies, -1).argmax(2)
        return (best == target.value).float().mean(0)[:, None]
    left = (target.columns - guess).pow(2).sum(0)
    whole = (target.columns - target.columns.mean(0)).pow(2).sum(0).clamp(min=1e-9)
    return (1 - left / whole).reshape(copies, -1, 2).mean(2)
