"""Trains one transcoder a layer on what the model's MLPs read and write.

1. Collect MLP inputs and outputs of the prompts (`samples.py`), centre and scale them.
2. Start: encoder rows are random input directions with a zero on a random token, so that every
   feature splits the data; the decoder starts at zero and its bias at the mean.
3. Adam on the reconstruction objective (`objective.py`), each position drawn equally often; the
   learning rate warms up, then falls linearly over the second half.
4. Half of each batch are blends of prompts, for which the MLP itself is asked
   (`training_state.py`).
5. The batch of a step depends on the seed and the step alone, so that a run that is cut and
   resumed gives exactly the weights of one that is not.
6. Fold the normalisation into the weights.

Dictionaries are trained on reconstruction only, never on what the model answers.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from jaxtyping import Float
from torch import Tensor

from core.models import LanguageModel
from core.tasks import PromptBatch
from core.transcoders.checkpoint import load_checkpoint, save_checkpoint
from core.transcoders.prediction import PredictionHead
from core.transcoders.samples import Samples, collect
from core.transcoders.settings import TrainSettings
from core.transcoders.training_state import Mlp, TrainingRun
from core.transcoders.transcoder_set import TranscoderSet

REPORT_EVERY = 50
"""Steps between two progress reports."""
CHECKPOINT_EVERY = 500
"""Steps between two checkpoints, where a folder to resume from is given."""


class Progress(NamedTuple):
    """How far training is."""

    step: int
    """Steps done."""
    steps: int
    """Steps in all."""
    loss: float
    """Mean over layers; relative to the variance, so 1 is as good as the mean."""
    seconds: float
    """Since this process began to train."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainReport:
    """What a run did."""

    settings: TrainSettings
    """What it was told, and the prefix that was made of it."""
    seconds: float
    """Wall clock of this process; a resumed run counts its last part."""
    n_samples: int
    """Tokens to draw from."""
    prefixes: tuple[int, ...]
    """Dense features of each layer; zeros unless nested."""
    losses: tuple[float, ...]
    """Mean loss of each tenth of the run."""
    heads: tuple[PredictionHead, ...]
    """Next-layer prediction heads, one fewer than layers; empty if none were trained."""


class Trained(NamedTuple):
    """A trained set and how it came about."""

    transcoders: TranscoderSet
    report: TrainReport


def train_transcoders(
    model: LanguageModel,
    batches: Sequence[PromptBatch],
    settings: TrainSettings,
    progress: Callable[[Progress], None] = lambda _: None,
    resume_dir: Path | None = None,
) -> Trained:
    """Train a transcoder for every layer of a model on its own activations.

    Args:
        model: Only run, never changed.
        batches: The prompts; clean sides only. Never those a circuit is judged on.
        settings: What to train.
        progress: Called every few dozen steps and at the end.
        resume_dir: Where to keep checkpoints; a run with the same settings continues there.

    Raises:
        SettingsError: If the settings do not fit the model.
        TranscoderError: If there is nothing to train on, or the checkpoint is of another run.
    """
    return train_on_samples(
        collect(model, batches),
        settings,
        model.name,
        model_key=model.key,
        mlps=[partial(_ask, block.mlp) for block in model.blocks],
        progress=progress,
        resume_dir=resume_dir,
    )


def _ask(mlp: Any, x: Float[Tensor, "token d_model"]) -> Float[Tensor, "token d_model"]:
    """The MLP's own output, in its own float type."""
    dtype = next(mlp.parameters()).dtype
    return mlp(x[None].to(dtype))[0].float()


def train_on_samples(
    samples: Samples,
    settings: TrainSettings,
    model_name: str,
    *,
    model_key: str = "",
    mlps: Sequence[Mlp] = (),
    progress: Callable[[Progress], None] = lambda _: None,
    resume_dir: Path | None = None,
) -> Trained:
    """As `train_transcoders`, on activations already collected.

    Without the MLPs themselves (`mlps`, one a layer) there are no blends.
    """
    run = TrainingRun(samples, settings, mlps)
    start = load_checkpoint(resume_dir, run.state(), settings) if resume_dir else 0
    began, losses = time.monotonic(), []
    for step in range(start, settings.steps):
        losses.append(run.step(step))
        done = step + 1
        if resume_dir and done % CHECKPOINT_EVERY == 0:
            save_checkpoint(resume_dir, run.state(), settings, done)
        if done % REPORT_EVERY == 0 or done == settings.steps:
            recent = sum(losses[-REPORT_EVERY:]) / len(losses[-REPORT_EVERY:])
            progress(Progress(done, settings.steps, recent, time.monotonic() - began))
    if resume_dir:
        save_checkpoint(resume_dir, run.state(), settings, settings.steps)
    report = TrainReport(
        settings=run.settings,
        seconds=time.monotonic() - began,
        n_samples=samples.x.shape[1],
        prefixes=run.prefixes,
        losses=_tenths(losses),
        heads=tuple(run.heads),
    )
    return Trained(run.finished(model_name, model_key), report)


def _tenths(losses: Sequence[float]) -> tuple[float, ...]:
    size = max(1, len(losses) // 10)
    parts = [losses[at : at + size] for at in range(0, len(losses), size)]
    return tuple(sum(part) / len(part) for part in parts)
