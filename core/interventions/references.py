"""What takes the place of whatever is ablated.

A feature, an error or a head that is ablated goes to its *reference*:

    resample   its value on the prompt's corrupt twin
    mean       its mean at that aligned position over prompts of another split
    zero       no activation and no error; the dictionary's constant b_dec, no node, stays

One `State` holds the values of everything on a set of prompts; a reference is a state whose batch
axis is the prompts themselves (resample) or a single row that serves them all (mean, zero).
Positions are aligned at the right, so that prompts of different lengths share their last position.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core import choices
from core.errors import TaskError
from core.models import LanguageModel, Trace
from core.tasks import PromptBatch
from core.transcoders import TranscoderSet


class Ablation(StrEnum):
    """Where the value of an ablated thing comes from."""

    RESAMPLE = "resample"
    """The corrupt prompt of the same pair."""
    MEAN = "mean"
    """The mean over prompts of another split, at the same aligned position."""
    ZERO = "zero"
    """Zero."""


JUDGED = tuple(map(Ablation, choices.JUDGED))
"""Those that a circuit is searched, sized and judged under, so that it cannot lean on what one of
them leaves standing."""


class State(NamedTuple):
    """Values of every feature, error, MLP output and head; `batch` is 1 for a shared reference."""

    activation: Float[Tensor, "layer batch pos feature"]
    """Feature activations."""
    mlp_in: Float[Tensor, "layer batch pos d_model"]
    """What each MLP reads."""
    mlp_out: Float[Tensor, "layer batch pos d_model"]
    """What each MLP writes: features + biases (+ skip) + error."""
    error: Float[Tensor, "layer batch pos d_model"]
    """mlp_out less what the transcoder reconstructs."""
    z: Float[Tensor, "layer batch pos head d_head"]
    """Head outputs before the output projection."""
    constant: Float[Tensor, "layer batch pos d_model"]
    """What each transcoder writes with no feature on: its decoder bias."""

    def cut(self, shift: int) -> "State":
        """The part of an aligned state that prompts `shift` tokens shorter have."""
        return State(*(value[:, :, shift:] for value in self))


def observe(transcoders: TranscoderSet, trace: Trace) -> State:
    """The state of one forward pass."""
    activation = transcoders.encode(trace.mlp_in)
    error = trace.mlp_out - transcoders.rebuild(activation, trace.mlp_in)
    pairs = zip(transcoders.layers, trace.mlp_in, strict=True)
    constant = torch.stack([coder.b_dec.expand_as(x) for coder, x in pairs])
    return State(activation, trace.mlp_in, trace.mlp_out, error, trace.z, constant)


def corrupt_state(
    model: LanguageModel, transcoders: TranscoderSet, corrupt: Int[Tensor, "prompt pos"]
) -> State:
    """The resample reference: the corrupt prompts' own values."""
    with torch.no_grad():
        return observe(transcoders, model.trace(corrupt))


def mean_state(
    model: LanguageModel, transcoders: TranscoderSet, batches: Sequence[PromptBatch], length: int
) -> State:
    """The mean reference in the aligned frame, over the clean prompts of `batches`.

    Args:
        model: The model.
        transcoders: Its transcoders.
        batches: Prompts of a split that is not the one evaluated.
        length: Aligned length; the longest prompt of the task.

    Raises:
        TaskError: If no prompt reaches some aligned position.
    """
    sums: list[Tensor] | None = None
    counts = torch.zeros(length)
    for batch in batches:
        state = corrupt_state(model, transcoders, batch.clean)
        start = length - batch.clean.shape[1]
        counts[start:] += len(batch.clean)
        sums = sums or [v.new_zeros(v.shape[0], 1, length, *v.shape[3:]) for v in state]
        for total, value in zip(sums, state, strict=True):
            total[:, :, start:] += value.sum(1, keepdim=True)
    if sums is None or not counts.all():
        raise TaskError(
            "The mean reference has no prompt for some position: the split it is taken over has "
            f"prompts of at most {int(counts.count_nonzero())} tokens, the task of {length}. "
            "Put prompts of every length into every split."
        )
    return State(*(v / counts.view(1, 1, -1, *[1] * (v.ndim - 3)) for v in sums))


def zero_state(like: State) -> State:
    """The zero reference: every feature, error and head at zero, MLPs writing their constant."""
    nothing = State(*(torch.zeros_like(value[:, :1]) for value in like))
    constant = like.constant[:, :1]
    return nothing._replace(mlp_out=constant, constant=constant)
