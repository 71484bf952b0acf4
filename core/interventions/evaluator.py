"""Runs circuits on prompts: only the circuit is live, everything else is at its reference.

1. Per batch of equal-length prompts: the model's own answers, and the references.
2. Circuits run in chunks that bound memory (`passes.py`), side by side where that is faster.
3. Out come, per circuit and prompt, the logit difference answer − wrong, whether the answer is the
   top token, the divergence from the model and the agreement with its top token (`outcome.py`).
4. For searches: the loss of a soft circuit, and derivatives of loss and margins by every gate.
"""

from collections.abc import Iterator, Sequence
from copy import copy
from itertools import chain, islice
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from core.circuit import Attention, Bounds
from core.interventions.errors import ErrorRegime, Errors
from core.interventions.gates import Gates, gradients
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

SLOPES = 2**25
"""Gates times prompts whose derivatives are taken at once: 128 MiB a copy."""
STRICT = ErrorRegime.ABLATED


class _Job(NamedTuple):
    """Circuits to run on a batch."""

    part: PreparedBatch
    gates: Gates
    regime: ErrorRegime | Errors


class Evaluator:
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

    def loss(self, gates: Gates, ablation: Ablation) -> Float[Tensor, " prompt"]:
        """How far one soft circuit is from the model, prompt by prompt; carries gradients.

        KL(model ‖ circuit) plus the squared error of the logit difference, relative to the model's
        mean squared one: the first alone goes flat once the right token is on top, long before
        the circuit has the model's margin. Strict regime; `gates` without a front axis. The
        gradient by closed gates is left out (0).
        """
        found = [
            self._loss(part, self._passes.logits(part, gates[None], ablation, STRICT))
            for part in self._living(ablation)
        ]
        return torch.cat(found)

    def _living(self, ablation: Ablation) -> Iterator[PreparedBatch]:
        """What of every batch has to be run, in the strict regime."""
        for part in self._parts:
            yield self._passes.living(part, ablation, STRICT)

    def _loss(
        self, part: PreparedBatch, logits: Float[Tensor, "1 prompt d_vocab"]
    ) -> Float[Tensor, " prompt"]:
        score = scored(part, logits)
        want = scored(part, part.logits[None]).logit_diff
        margin = (score.logit_diff - want).pow(2) / want.pow(2).mean()
        return (score.kl + margin)[0]

    def importance(
        self, gates: Gates, ablation: Ablation, attention: Attention = Attention.LIVE
    ) -> Gates:
        """Σ over prompts of (∂ loss of the prompt / ∂ gate)², at a circuit; one figure a gate.

        Every prompt has gates of its own, so that one backward pass gives all their gradients.
        The gradient of the mean loss would be of no use: near a good circuit it vanishes, and with
        it every node's share.

        Args:
            gates: The circuit, without a front axis.
            ablation: Where what is not live goes.
            attention: LIVE: heads are no nodes, and their figures stay 0.
        """
        total = Gates(feature=torch.zeros_like(gates.feature), head=torch.zeros_like(gates.head))
        for part in self._living(ablation):
            logits, asked = self._gated(part, gates, ablation, attention, closed=True)
            found = gradients(self._loss(part, logits).sum(), asked)
            for into, gradient in zip((total.feature, total.head), found, strict=False):
                into[:, part.start :] += gradient[0].pow(2).sum(0)
        return total

    def margins(
        self,
        gates: Gates,
        ablation: Ablation,
        attention: Attention = Attention.LIVE,
        *,
        closed: bool = True,
    ) -> Iterator[tuple[Float[Tensor, " prompt"], Gates]]:
        """logit(answer) − logit(wrong) at a circuit, and its derivative by each prompt's gates.

        Yields some prompts at a time, `SLOPES` bounding the memory; one backward pass gives all of
        them. The derivatives have a front axis over prompts. Strict regime; arguments as of
        `importance`, and `closed`: whether closed gates' derivatives are wanted, which take most of
        the time; else they may come out as 0.
        """
        for part in self._living(ablation):
            here = gates.cut(part.start)
            size = max(1, SLOPES // (here.feature.numel() + here.head.numel()))
            for start in range(0, len(part.logits), size):
                few = part.take(slice(start, start + size))
                yield self._slopes(few, gates, ablation, attention, closed)

    def _slopes(
        self,
        part: PreparedBatch,
        gates: Gates,
        ablation: Ablation,
        attention: Attention,
        closed: bool,
    ) -> tuple[Float[Tensor, " prompt"], Gates]:
        logits, asked = self._gated(part, gates, ablation, attention, closed=closed)
        margin = scored(part, logits).logit_diff[0]
        found = gradients(margin.sum(), asked)
        # `found` lacks the heads where attention is live; their gates then move nothing.
        shapes = (gates.feature.shape, gates.head.shape)
        slope = [gates.feature.new_zeros(len(margin), *shape) for shape in shapes]
        for into, gradient in zip(slope, found, strict=False):
            into[:, :, part.start :] = gradient[0]
        return margin.detach(), Gates(feature=slope[0], head=slope[1])

    def _gated(
        self,
        part: PreparedBatch,
        gates: Gates,
        ablation: Ablation,
        attention: Attention,
        *,
        closed: bool,
    ) -> tuple[Float[Tensor, "1 prompt d_vocab"], list[Tensor]]:
        """One circuit's answers, and the gates, one set a prompt, that gradients are asked of."""
        here = _own_gates(gates.cut(part.start), len(part.logits))
        asked = [here.feature]
        if attention is Attention.CIRCUIT:
            asked.append(here.head)
        for gate in asked:
            gate.requires_grad_()
        edits = self._passes.edits(part, here, ablation, STRICT, closed=closed)
        return self._passes.run(part, edits, 1)[None], asked


def _own_gates(gates: Gates, n_prompts: int) -> Gates:
    """One circuit's gates, copied for each prompt; front axes circuit and prompt."""
    return Gates(
        feature=gates.feature.detach().repeat(1, n_prompts, 1, 1, 1),
        head=gates.head.detach().repeat(1, n_prompts, 1, 1, 1),
    )
