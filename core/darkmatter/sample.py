"""What a model's MLPs read and write on some prompts, and what its transcoders leave over.

Positions are aligned at the right (`core.tasks.encode`): prompts of different lengths share their
last position, and the places that a short prompt lacks hold zeros and are marked as absent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from core.interventions import observe
from core.models import LanguageModel
from core.tasks import PromptBatch
from core.transcoders import TranscoderSet

Value = int | float | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompts:
    """Prompts of one split, with what their task declares of each."""

    batches: Sequence[PromptBatch]
    variables: Sequence[Mapping[str, Value]]
    """In the order of the batches."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """Errors and what stands beside them, on the clean prompts; in the order of the batches."""

    read: Float[Tensor, "layer prompt pos d_model"]
    """MLP inputs."""
    written: Float[Tensor, "layer prompt pos d_model"]
    """What the transcoders reconstruct."""
    error: Float[Tensor, "layer prompt pos d_model"]
    """The MLP's output less that."""
    corrupt: Float[Tensor, "layer prompt pos d_model"]
    """The error on the corrupt prompt."""
    present: Bool[Tensor, "prompt pos"]
    """Positions that a prompt has."""
    length: Int[Tensor, " prompt"]
    """Tokens of each prompt."""


def observe_errors(
    model: LanguageModel, coders: TranscoderSet, batches: Sequence[PromptBatch], length: int
) -> Sample:
    """Runs the clean and the corrupt prompts once.

    Args:
        model: The model.
        coders: Its transcoders.
        batches: Prompts, each batch of one length.
        length: Aligned length of the task.
    """
    with torch.no_grad():
        parts = [_observed(model, coders, batch, length) for batch in batches]
    read, written, error, corrupt = (torch.cat([part[i] for part in parts], 1) for i in range(4))
    tokens = torch.cat([torch.full((len(b.clean),), b.clean.shape[1]) for b in batches])
    present = torch.arange(length) >= length - tokens[:, None]
    return Sample(
        read=read, written=written, error=error, corrupt=corrupt, present=present, length=tokens
    )


def _observed(
    model: LanguageModel, coders: TranscoderSet, batch: PromptBatch, length: int
) -> list[Tensor]:
    """Read, written, error and corrupt error, with zeros in front of short prompts."""
    clean = observe(coders, model.trace(batch.clean))
    corrupt = observe(coders, model.trace(batch.corrupt)).error
    found = [clean.mlp_in, clean.mlp_out - clean.error, clean.error, corrupt]
    front = length - batch.clean.shape[1]
    return [torch.nn.functional.pad(value, (0, 0, front, 0)) for value in found]
