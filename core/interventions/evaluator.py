"""Runs circuits on prompts: only the circuit is live, everything else is at its reference.

1. Per batch of equal-length prompts: the model's own answers, and the references.
2. Circuits run in chunks that bound memory (`passes.py`), side by side where that is faster.
3. Out come, per circuit and prompt, the logit difference answer − wrong, whether the answer is the
   top token, the divergence from the model and the agreement with its top token (`outcome.py`).
4. For searches: losses and derivatives (`derivatives.py`).
"""

from collections.abc import Iterator, Sequence
from copy import copy
from itertools import chain, islice
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from core.circuit import Bounds
from core.interventions.derivatives import Derivatives
from core.interventions.errors import ErrorRegime, Errors
from core.interventions.gates import Gates
from core.interventions.outcome import Outcome, joined, scored, stacked
from core.interventions.passes import Passes, chunk_size
from core.interventions.prepared import (
    PreparedBatch,
    active_features,
    mean_activation,
    prepare_batch,
)
from core.interventions.references import Ablation, State, mean_state
from core.models import LanguageModel
from core.models.threads import mapped
from core.tasks import PromptBatch
from core.transcoders import TranscoderSet


class _Job(NamedTuple):
    """Circuits to run on a batch."""

    part: PreparedBatch
    gates: Gates
    regime: ErrorRegime | Errors


class Evaluator(Derivatives):
    """Circuits of one model, run on one split of one task.

    Immutable once made; safe to share between threads.

    Args:
        model: The model.
        transcoders: One transcoder a layer, equal numbers of features.
        batches: The prompts to evaluate on.
        mean_over: Prompts of another split, for the mean reference; or that reference.
        length: Aligned length of the task; its longest prompt.
        passes: How circuits are run; a study may run them otherwise.
    """

    def __init__(
        self,
        model: LanguageModel,
        transcoders: TranscoderSet,
        batches: Sequence[PromptBatch],
        *,
        mean_over: Sequence[PromptBatch] | State,
        length: int,
        passes: type[Passes] = Passes,
    ) -> None:
        self.model, self.transcoders, self.length = model, transcoders, length
        self._passes = passes(model, transcoders)
        given = isinstance(mean_over, State)
        mean = mean_over if given else mean_state(model, transcoders, mean_over, length)
        self._parts = tuple(
            prepare_batch(model, transcoders, batch, mean=mean, length=length) for batch in batches
        )

    @property
    def n_prompts(self) -> int:
        """How many prompts every circuit is run on."""
        return sum(len(part.batch.clean) for part in self._parts)

    def few(self, prompts: int) -> "Evaluator":
        """The same on at most about so many prompts, of each length in its share."""
        if self.n_prompts <= prompts:
            return self
        share, found = prompts / self.n_prompts, copy(self)
        found._parts = tuple(
            part.take(slice(max(1, round(share * len(part.logits))))) for part in self._parts
        )
        return found

    def chance(self) -> float:
        """How often the commonest answer is right; 0 without prompts."""
        answers = torch.cat([part.batch.answer for part in self._parts])
        counts = answers.unique(return_counts=True)[1]
        return float(counts.max() / len(answers)) if len(answers) else 0.0

    @property
    def bounds(self) -> Bounds:
        """How many of each thing gates are made for."""
        return Bounds(
            n_layers=self.model.n_layers,
            n_positions=self.length,
            n_features=self.transcoders.n_features,
            n_heads=self.model.n_heads,
            n_vocab=self.model.d_vocab,
        )

    def active(self) -> Bool[Tensor, "layer pos feature"]:
        """Features that fire on at least one prompt, clean or corrupt."""
        return active_features(self._parts, self.bounds[:3])

    def mean_activation(self) -> Float[Tensor, "layer pos feature"]:
        """Mean activation on the clean prompts; for matching."""
        return mean_activation(self._parts, self.bounds[:3])

    def model_outcome(self) -> Outcome:
        """The unchanged model, as a single circuit."""
        return joined([scored(part, part.logits[None]) for part in self._parts])

    def outcome(
        self,
        gates: Gates,
        ablation: Ablation,
        regime: ErrorRegime | Errors = ErrorRegime.ABLATED,
    ) -> Outcome:
        """What each circuit answers; no gradient. `gates` has one front axis, over circuits.

        Given `Errors` go to the circuits in order, a draw each; a single circuit runs with every
        draw, and a single draw in every circuit.

        Raises:
            SettingsError: If there are several of both, but not equally many.
        """
        jobs = [
            self._jobs(self._passes.living(part, ablation, mine), gates, mine)
            for part, mine in self._parted(regime)
        ]

        def run(job: _Job) -> Outcome:
            with torch.no_grad():  # which each thread says for itself
                return scored(job.part, self._answers(job, ablation))

        found = mapped(self.model, run, chain.from_iterable(jobs))
        return joined([stacked(list(islice(found, len(mine)))) for mine in jobs])

    def _parted(
        self, regime: ErrorRegime | Errors
    ) -> Iterator[tuple[PreparedBatch, ErrorRegime | Errors]]:
        """Every batch with its part of given errors."""
        done = 0
        for part in self._parts:
            rows = slice(done, done + len(part.logits))
            yield part, regime.cut(rows, part.start) if isinstance(regime, Errors) else regime
            done = rows.stop

    def _jobs(self, part: PreparedBatch, gates: Gates, regime: ErrorRegime | Errors) -> list[_Job]:
        """The circuits in chunks; given errors share a lower part of the model and stay one job."""
        size = chunk_size(part)
        chunks = [gates] if isinstance(regime, Errors) else gates.split(size)
        return [_Job(part, some, regime) for some in chunks]

    def _answers(self, job: _Job, ablation: Ablation) -> Float[Tensor, "circuit prompt d_vocab"]:
        if isinstance(job.regime, Errors):
            return self._passes.drawn(job.part, job.gates, ablation, job.regime)
        return self._passes.logits(job.part, job.gates, ablation, job.regime)
