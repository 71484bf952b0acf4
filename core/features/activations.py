"""Values of features on the Lab's prompts, in the Lab's order."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from core.circuit import FeatureNode
from core.lab import Lab


class Values(NamedTuple):
    """One feature on every prompt that has its position."""

    prompt: tuple[int, ...]
    """Numbers of those prompts."""
    value: Float[Tensor, " prompt"]
    """Its activation at its position on the clean prompt."""


def role_of(lab: Lab, position: int) -> str:
    """Name of an aligned position."""
    return lab.task.roles[position] if position < len(lab.task.roles) else f"pos {position}"


def values_of(lab: Lab, node: FeatureNode) -> Values:
    """A feature's activations at its own position."""
    prompts, rows = [], []
    for part in lab.parts:
        at = node.position - part.start
        if at >= 0:
            prompts += part.batch.index.tolist()
            rows.append(part.clean.activation[node.layer, :, at, node.feature])
    return Values(tuple(prompts), torch.cat(rows))


def along(lab: Lab, node: FeatureNode, prompt: int) -> Float[Tensor, " pos"]:
    """A feature's activation on every token of one prompt."""
    number, row = lab.place(prompt)
    return lab.parts[number].clean.activation[node.layer, row, :, node.feature]


def peak(lab: Lab, node: FeatureNode) -> float:
    """Its largest absolute activation on any token of any prompt."""
    tops = [part.clean.activation[node.layer, ..., node.feature].abs().max() for part in lab.parts]
    return float(torch.stack(tops).max())


def firing_anywhere(lab: Lab, node: FeatureNode) -> float:
    """Share of all tokens on which it is active."""
    fires: list[Bool[Tensor, " token"]] = [
        (part.clean.activation[node.layer, ..., node.feature] != 0).flatten() for part in lab.parts
    ]
    return float(torch.cat(fires).float().mean())
