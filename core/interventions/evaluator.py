"""Runs circuits on prompts: only the circuit is live, everything else is at its reference.

1. Per batch of equal-length prompts: the model's own answers, and the references.
2. The gates of a circuit become one MLP edit a layer and, where a head is not live, one head edit;
   many circuits run as one batch, in chunks that bound memory.
3. Out come, per circuit and prompt, the logit difference answer − wrong, whether the answer is the
   top token, the divergence from the model and the agreement with its top token.

A live head recomputes its pattern and values on what the circuit writes.
"""

from collections.abc import Iterator, Sequence
from copy import copy
from itertools import chain, islice
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from core.circuit import Attention, Bounds
from core.errors import SettingsError
from core.interventions.edits import (
    circuit_edit,
    head_edit,
    is_strict,
    regime_base,
    skip_edit,
)
from core.interventions.errors import ErrorRegime, Errors
from core.interventions.gates import Gates
from core.interventions.prepared import (
    PreparedBatch,
    active_features,
    mean_activation,
    prepare_batch,
)
from core.interventions.references import Ablation, State, mean_state
from core.models import Edits, LanguageModel
from core.models.threads import mapped
from core.tasks import PromptBatch
from core.transcoders import TranscoderSet

CHUNK_TOKENS = 16384
"""Tokens run at once; bounds the memory of a chunk of circuits."""
SLOPES = 2**25
"""Gates times prompts whose derivatives are taken at once: 128 MiB a copy."""


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
    """

    def __init__(
        self,
        model: LanguageModel,
        transcoders: TranscoderSet,
        batches: Sequence[PromptBatch],
        *,
        mean_over: Sequence[PromptBatch] | State,
        length: int,
    ) -> None:
        self.model, self.transcoders, self.length = model, transcoders, length
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
        return _join([self._score(part, part.logits[None]) for part in self._parts])

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
        jobs = [self._jobs(part, gates, mine) for part, mine in self._parted(regime)]

        def run(job: _Job) -> Outcome:
            with torch.no_grad():  # which each thread says for itself
                return self._score(job.part, self._answers(job, ablation))

        found = mapped(self.model, run, chain.from_iterable(jobs))
        return _join([_stack(list(islice(found, len(mine)))) for mine in jobs])

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
        size = self._chunk(part)
        chunks = [gates] if isinstance(regime, Errors) else gates.split(size)
        return [_Job(part, some, regime) for some in chunks]

    def _answers(self, job: _Job, ablation: Ablation) -> Float[Tensor, "circuit prompt d_vocab"]:
        if isinstance(job.regime, Errors):
            return self._drawn(job.part, job.gates, ablation, job.regime)
        return self._logits(job.part, job.gates, ablation, job.regime)

    @staticmethod
    def _chunk(part: PreparedBatch) -> int:
        """Circuits run at once."""
        return max(1, CHUNK_TOKENS // part.batch.clean.numel())

    def _drawn(
        self, part: PreparedBatch, gates: Gates, ablation: Ablation, errors: Errors
    ) -> Float[Tensor, "circuit prompt d_vocab"]:
        """A circuit or a draw each; below the first given layer all draws agree."""
        n, size = max(len(gates), len(errors)), self._chunk(part)
        _check_draws(len(gates), len(errors))
        start, resid = 0, None
        # A cross-layer feature below would have to hand its part up into every draw's own pass.
        if len(gates) == 1 and errors.first > 0 and not self.transcoders.crosses:
            below = self._edits(part, gates[:, None].cut(part.start), ablation, errors.rest)
            start = errors.first
            resid = self.model.trace(part.batch.clean, below).resid_pre[start]

        def run(rows: slice) -> Tensor:
            with torch.no_grad():
                some = gates[rows] if len(gates) == n else gates[[0] * (rows.stop - rows.start)]
                mine = errors[rows] if len(errors) == n else errors
                return self._logits(part, some, ablation, mine, start, resid)

        chunks = (slice(row, min(row + size, n)) for row in range(0, n, size))
        return torch.cat(list(mapped(self.model, run, chunks)))

    def _logits(
        self,
        part: PreparedBatch,
        gates: Gates,
        ablation: Ablation,
        regime: ErrorRegime | Errors,
        start: int = 0,
        resid: Float[Tensor, "prompt pos d_model"] | None = None,
    ) -> Float[Tensor, "circuit prompt d_vocab"]:
        """From block `start` on, which `resid` enters in every circuit; the embedding if None."""
        edits = self._edits(part, gates[:, None].cut(part.start), ablation, regime)
        if resid is None:
            logits = self._run(part, edits, len(gates))
        else:
            logits = self.model.run_from(start, resid.repeat(len(gates), 1, 1), edits)
        return logits.view(len(gates), len(part.logits), -1)

    def _run(
        self, part: PreparedBatch, edits: Edits, n: int
    ) -> Float[Tensor, "circuit_prompt d_vocab"]:
        """The whole model; block 0's attention is not run again where no edit changes it."""
        if 0 in edits.heads or self.transcoders.crosses:
            return self.model.run_from(0, part.resid[0].repeat(n, 1, 1), edits)
        written = edits.replaced[0](part.clean.mlp_in[0].repeat(n, 1, 1))
        return self.model.run_from(1, part.attended.repeat(n, 1, 1) + written, edits)

    def _edits(
        self, part: PreparedBatch, gates: Gates, ablation: Ablation, regime: ErrorRegime | Errors
    ) -> Edits:
        """Edits of every layer; the front axes of `gates` are circuit and gated, cut to `part`."""
        reference = part.reference(ablation)
        heads = {
            layer: head_edit(gates.head[:, :, layer], reference.z[layer])
            for layer in _layers_with_gated_heads(gates)
        }
        replaced = {}
        for layer, coder in enumerate(self.transcoders.layers):
            inner = circuit_edit(
                coder,
                gates.feature[:, :, layer],
                reference.activation[layer],
                regime_base(regime, layer, reference, part.clean, part.corrupt, part.mean),
                within=_within(part, layer, self.model.n_layers, ablation, regime),
                known=part.clean.activation[0] if layer == 0 and 0 not in heads else None,
            )
            live_skip = skip_edit(coder, inner, reference.mlp_in[layer])
            replaced[layer] = inner if is_strict(regime) else live_skip
        return Edits(replaced=replaced, heads=heads)

    def _score(
        self, part: PreparedBatch, logits: Float[Tensor, "circuit prompt d_vocab"]
    ) -> Outcome:
        answer, wrong = part.batch.answer, part.batch.wrong
        rows = torch.arange(len(answer))
        own = part.logits.log_softmax(-1)
        kl = (own.exp() * (own - logits.log_softmax(-1))).sum(-1)
        top = logits.argmax(-1)
        return Outcome(
            logit_diff=logits[:, rows, answer] - logits[:, rows, wrong],
            correct=top == answer,
            kl=kl,
            agree=top == part.logits.argmax(-1),
        )

    def loss(self, gates: Gates, ablation: Ablation) -> Float[Tensor, " prompt"]:
        """How far one soft circuit is from the model, prompt by prompt; carries gradients.

        KL(model ‖ circuit) plus the squared error of the logit difference, relative to the model's
        mean squared one: the first alone goes flat once the right token is on top, long before
        the circuit has the model's margin. Strict regime; `gates` without a front axis.
        """
        return torch.cat(
            [
                self._loss(part, self._logits(part, gates[None], ablation, ErrorRegime.ABLATED))
                for part in self._parts
            ]
        )

    def _loss(
        self, part: PreparedBatch, logits: Float[Tensor, "1 prompt d_vocab"]
    ) -> Float[Tensor, " prompt"]:
        score = self._score(part, logits)
        want = self._score(part, part.logits[None]).logit_diff
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
        for part in self._parts:
            logits, asked = self._gated(part, gates, ablation, attention)
            found = torch.autograd.grad(self._loss(part, logits).sum(), asked)
            for into, gradient in zip((total.feature, total.head), found, strict=False):
                into[:, part.start :] += gradient[0].pow(2).sum(0)
        return total

    def margins(
        self, gates: Gates, ablation: Ablation, attention: Attention = Attention.LIVE
    ) -> Iterator[tuple[Float[Tensor, " prompt"], Gates]]:
        """logit(answer) − logit(wrong) at a circuit, and its derivative by each prompt's gates.

        Yields some prompts at a time, `SLOPES` bounding the memory; one backward pass gives all of
        them. The derivatives have a front axis over prompts. Strict regime; arguments as of
        `importance`.
        """
        for part in self._parts:
            here = gates.cut(part.start)
            size = max(1, SLOPES // (here.feature.numel() + here.head.numel()))
            for start in range(0, len(part.logits), size):
                few = part.take(slice(start, start + size))
                yield self._slopes(few, gates, ablation, attention)

    def _slopes(
        self, part: PreparedBatch, gates: Gates, ablation: Ablation, attention: Attention
    ) -> tuple[Float[Tensor, " prompt"], Gates]:
        logits, asked = self._gated(part, gates, ablation, attention)
        margin = self._score(part, logits).logit_diff[0]
        found = torch.autograd.grad(margin.sum(), asked)
        # `found` lacks the heads where attention is live; their gates then move nothing.
        shapes = (gates.feature.shape, gates.head.shape)
        slope = [gates.feature.new_zeros(len(margin), *shape) for shape in shapes]
        for into, gradient in zip(slope, found, strict=False):
            into[:, :, part.start :] = gradient[0]
        return margin.detach(), Gates(feature=slope[0], head=slope[1])

    def _gated(
        self, part: PreparedBatch, gates: Gates, ablation: Ablation, attention: Attention
    ) -> tuple[Float[Tensor, "1 prompt d_vocab"], list[Tensor]]:
        """One circuit's answers, and the gates, one set a prompt, that gradients are asked of."""
        here = _own_gates(gates.cut(part.start), len(part.logits))
        asked = [here.feature]
        if attention is Attention.CIRCUIT:
            asked.append(here.head)
        for gate in asked:
            gate.requires_grad_()
        edits = self._edits(part, here, ablation, ErrorRegime.ABLATED)
        return self._run(part, edits, 1)[None], asked


def _within(
    part: PreparedBatch,
    layer: int,
    n_layers: int,
    ablation: Ablation,
    regime: ErrorRegime | Errors,
) -> slice:
    """The positions of a layer at which gates can matter.

    In the last layer only what is written at the last position is read. Where every reference is
    the corrupt prompt's and errors are the corrupt or the clean one's, all is as on both of them
    before the first position at which they differ.
    """
    length = part.attended.shape[1]
    plain = regime in (ErrorRegime.ABLATED, ErrorRegime.KEPT, ErrorRegime.RESAMPLE)
    first = part.changed if plain and ablation is Ablation.RESAMPLE else 0
    return slice(max(first, length - 1 if layer == n_layers - 1 else 0), length)


def _check_draws(circuits: int, draws: int) -> None:
    if circuits not in (1, draws) and draws != 1:
        raise SettingsError(
            f"{draws} draws of errors were given for {circuits} circuits; one of the two must be 1 "
            "or both equal. Run the circuits one by one."
        )


def _own_gates(gates: Gates, n_prompts: int) -> Gates:
    """One circuit's gates, copied for each prompt; front axes circuit and prompt."""
    return Gates(
        feature=gates.feature.detach().repeat(1, n_prompts, 1, 1, 1),
        head=gates.head.detach().repeat(1, n_prompts, 1, 1, 1),
    )


def _layers_with_gated_heads(gates: Gates) -> list[int]:
    """Layers in which some head is not simply live; elsewhere heads need no edit."""
    n_layers = gates.head.shape[2]
    if gates.head.requires_grad:
        return list(range(n_layers))
    gated = (gates.head != 1).transpose(0, 2).flatten(1).any(1)
    return [layer for layer in range(n_layers) if gated[layer]]


def _stack(chunks: Sequence[Outcome]) -> Outcome:
    return Outcome(*(torch.cat(rows) for rows in zip(*chunks, strict=True)))


def _join(parts: Sequence[Outcome]) -> Outcome:
    return Outcome(*(torch.cat(columns, dim=1) for columns in zip(*parts, strict=True)))
