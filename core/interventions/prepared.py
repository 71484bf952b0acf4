"""Prompts of one length, run once and made ready for any number of interventions.

Of each batch are kept: the clean run's residual stream at every layer (so that a changed run can
start at the first layer that differs), the model's own answers, and the values that everything
has on the clean run, on the corrupt run and on average.

Before the first position at which clean and corrupt prompts differ both runs are the same, and a
pass whose references are the corrupt prompts' has nothing to do there: such passes begin at that
position (`behind`), behind the known keys and values of what comes before.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from core.interventions.references import (
    Ablation,
    State,
    corrupt_state,
    observe,
    zero_state,
)
from core.models import LanguageModel
from core.models.hooks import Seen
from core.tasks import PromptBatch
from core.transcoders import TranscoderSet


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PreparedBatch:
    """Prompts of one length, made ready."""

    batch: PromptBatch
    """Token ids, and each prompt's number among the pairs they were made from."""
    start: int
    """First aligned position they have."""
    resid: Float[Tensor, "layer prompt pos d_model"]
    """Residual stream entering each block of the clean run."""
    attended: Float[Tensor, "prompt pos d_model"]
    """Residual stream of block 0 behind its attention, which reads the embeddings alone."""
    changed: int
    """First position at which some corrupt prompt differs from its clean one, the last if none
    does. Everything before it is the same on both."""
    before: tuple[Seen, ...]
    """By layer, what attention reads of the positions before that, where there are any."""
    behind: bool = False
    """Whether the part itself begins at that position."""
    logits: Float[Tensor, "prompt d_vocab"]
    """The model's own logits after the last position."""
    clean: State
    corrupt: State
    mean: State
    """Batch axis 1, cut to these positions."""

    def reference(self, ablation: Ablation) -> State:
        """Where an ablated value goes."""
        match ablation:
            case Ablation.RESAMPLE:
                return self.corrupt
            case Ablation.MEAN:
                return self.mean
            case Ablation.ZERO:
                return zero_state(self.mean)

    def from_change(self) -> "PreparedBatch":
        """The part from the first changed position on; token ids stay whole."""
        if not self.before or self.behind:
            return self
        first = self.changed
        return replace(
            self,
            start=self.start + first,
            resid=self.resid[:, :, first:],
            attended=self.attended[:, first:],
            clean=self.clean.cut(first),
            corrupt=self.corrupt.cut(first),
            mean=self.mean.cut(first),
            behind=True,
        )

    def take(self, rows: slice) -> "PreparedBatch":
        """Some of the prompts; views, nothing is copied."""
        return replace(
            self,
            batch=self.batch.take(rows),
            resid=self.resid[:, rows],
            attended=self.attended[rows],
            before=tuple(Seen(seen.key[rows], seen.value[rows]) for seen in self.before),
            logits=self.logits[rows],
            clean=State(*(value[:, rows] for value in self.clean)),
            corrupt=State(*(value[:, rows] for value in self.corrupt)),
        )


def prepare_batch(
    model: LanguageModel,
    transcoders: TranscoderSet,
    batch: PromptBatch,
    *,
    mean: State,
    length: int,
) -> PreparedBatch:
    """Runs a batch clean and corrupt; no gradient.

    Args:
        model: The model.
        transcoders: Its transcoders.
        batch: Prompts of one length.
        mean: The mean reference in the aligned frame.
        length: Aligned length of the task.
    """
    start, changed = length - batch.clean.shape[1], _first_change(batch)
    with torch.no_grad():
        trace = model.trace(batch.clean)
        return PreparedBatch(
            batch=batch,
            start=start,
            resid=trace.resid_pre,
            attended=trace.resid_mid[0],
            changed=changed,
            before=model.seen(batch.clean[:, :changed]) if changed else (),
            logits=trace.logits[:, -1],
            clean=observe(transcoders, trace),
            corrupt=corrupt_state(model, transcoders, batch.corrupt),
            mean=mean.cut(start),
        )


def _first_change(batch: PromptBatch) -> int:
    places = (batch.clean != batch.corrupt).any(0).nonzero()
    return int(places[0]) if len(places) else batch.clean.shape[1] - 1


def active_features(
    batches: Sequence[PreparedBatch], shape: tuple[int, int, int]
) -> Bool[Tensor, "layer pos feature"]:
    """Features that fire on at least one prompt, clean or corrupt; all others cannot matter."""
    found = torch.zeros(shape, dtype=torch.bool)
    for part in batches:
        for state in (part.clean, part.corrupt):
            found[:, part.start :] |= (state.activation != 0).any(1)
    return found


def mean_activation(
    batches: Sequence[PreparedBatch], shape: tuple[int, int, int]
) -> Float[Tensor, "layer pos feature"]:
    """Mean activation on the clean prompts, a prompt too short for a position counting as 0."""
    total = torch.zeros(shape)
    for part in batches:
        total[:, part.start :] += part.clean.activation.sum(1)
    return total / sum(len(part.batch.clean) for part in batches)
