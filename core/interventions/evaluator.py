"""Runs circuits on prompts: only the circuit is live, everything else is at its reference.

1. Per batch of equal-length prompts: the model's own answers, and the references.
2. A mask [layer, aligned position, feature] per circuit becomes one MLP edit a layer; many circuits
   run as one batch, in chunks that bound memory.
3. Out come, per circuit and prompt, the logit difference answer − wrong, whether the answer is the
   top token, the divergence from the model and the agreement with its top token.

Attention stays live: heads recompute their patterns on what the circuit writes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from core.interventions.edits import ErrorRegime, circuit_edit, regime_base, skip_edit
from core.interventions.references import (
    Ablation,
    State,
    corrupt_state,
    mean_state,
    observe,
    zero_state,
)
from core.models import Edits, LanguageModel
from core.tasks import PromptBatch
from core.transcoders import TranscoderSet

CHUNK_TOKENS = 16384
"""Tokens run at once; bounds the memory of a chunk of circuits."""


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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Part:
    """One batch of prompts, made ready."""

    batch: PromptBatch
    start: int
    """First aligned position these prompts have."""
    resid: Float[Tensor, "prompt pos d_model"]
    """Residual stream entering block 0."""
    log_probs: Float[Tensor, "prompt d_vocab"]
    """The model's own answer."""
    logits: Float[Tensor, "prompt d_vocab"]
    clean: State
    corrupt: State
    mean: State
    """Cut to this batch's positions."""

    def reference(self, ablation: Ablation) -> State:
        match ablation:
            case Ablation.RESAMPLE:
                return self.corrupt
            case Ablation.MEAN:
                return self.mean
            case Ablation.ZERO:
                return zero_state(self.mean)


class Evaluator:
    """Circuits of one model, run on one split of one task.

    Immutable once made; safe to share between threads.

    Args:
        model: The model.
        transcoders: One transcoder a layer, equal numbers of features.
        batches: The prompts to evaluate on.
        mean_over: Prompts of another split, for the mean reference.
        length: Aligned length of the task; its longest prompt.
    """

    def __init__(
        self,
        model: LanguageModel,
        transcoders: TranscoderSet,
        batches: Sequence[PromptBatch],
        *,
        mean_over: Sequence[PromptBatch],
        length: int,
    ) -> None:
        self.model, self.transcoders, self.length = model, transcoders, length
        mean = mean_state(model, transcoders, mean_over, length)
        with torch.no_grad():
            self._parts = tuple(self._part(batch, mean) for batch in batches)

    def _part(self, batch: PromptBatch, mean: State) -> _Part:
        trace = self.model.trace(batch.clean)
        start = self.length - batch.clean.shape[1]
        logits = trace.logits[:, -1]
        return _Part(
            batch=batch,
            start=start,
            resid=trace.resid_pre[0],
            log_probs=logits.log_softmax(-1),
            logits=logits,
            clean=observe(self.transcoders, trace),
            corrupt=corrupt_state(self.model, self.transcoders, batch.corrupt),
            mean=mean.cut(start),
        )

    @property
    def n_prompts(self) -> int:
        """How many prompts every circuit is run on."""
        return sum(len(part.batch.clean) for part in self._parts)

    @property
    def mask_shape(self) -> tuple[int, int, int]:
        """(layers, aligned positions, features): the shape of one circuit's mask."""
        return (self.model.n_layers, self.length, self.transcoders.layers[0].n_features)

    def active(self) -> Bool[Tensor, "layer pos feature"]:
        """Features that fire on at least one clean prompt; all others cannot matter."""
        found = torch.zeros(self.mask_shape, dtype=torch.bool)
        for part in self._parts:
            found[:, part.start :] |= (part.clean.activation != 0).any(1)
            found[:, part.start :] |= (part.corrupt.activation != 0).any(1)
        return found

    def mean_activation(self) -> Float[Tensor, "layer pos feature"]:
        """Mean activation on the clean prompts, 0 where no prompt reaches; for matching."""
        total = torch.zeros(self.mask_shape)
        for part in self._parts:
            total[:, part.start :] += part.clean.activation.sum(1)
        return total / self.n_prompts

    def model_outcome(self) -> Outcome:
        """The unchanged model, as a single circuit."""
        return _join([self._score(part, part.logits[None]) for part in self._parts])

    def outcome(
        self,
        masks: Float[Tensor, "circuit layer pos feature"],
        ablation: Ablation,
        regime: ErrorRegime = ErrorRegime.ABLATED,
    ) -> Outcome:
        """What each circuit answers; no gradient."""
        with torch.no_grad():
            return _join(
                [
                    self._score(part, self._chunked(part, masks, ablation, regime))
                    for part in self._parts
                ]
            )

    def _chunked(
        self, part: _Part, masks: Tensor, ablation: Ablation, regime: ErrorRegime
    ) -> Float[Tensor, "circuit prompt d_vocab"]:
        size = max(1, CHUNK_TOKENS // part.batch.clean.numel())
        chunks = [self._logits(part, m, ablation, regime) for m in masks.split(size)]
        return torch.cat(chunks)

    def _logits(
        self, part: _Part, masks: Tensor, ablation: Ablation, regime: ErrorRegime
    ) -> Float[Tensor, "circuit prompt d_vocab"]:
        edits = self._edits(part, masks[:, None, :, part.start :], ablation, regime)
        resid = part.resid.repeat(len(masks), 1, 1)
        logits = self.model.run_from(0, resid, edits)
        return logits.view(len(masks), len(part.resid), -1)

    def _edits(self, part: _Part, masks: Tensor, ablation: Ablation, regime: ErrorRegime) -> Edits:
        reference = part.reference(ablation)
        replaced = {}
        for layer, coder in enumerate(self.transcoders.layers):
            base = regime_base(regime, layer, reference, part.clean, part.corrupt, part.mean)
            activation = reference.activation[layer]
            inner = circuit_edit(coder, masks[:, :, layer], activation, base)
            strict = regime is ErrorRegime.ABLATED
            replaced[layer] = inner if strict else skip_edit(coder, inner, reference.mlp_in[layer])
        return Edits(replaced=replaced)

    def _score(self, part: _Part, logits: Tensor) -> Outcome:
        answer, wrong = part.batch.answer, part.batch.wrong
        rows = torch.arange(len(answer))
        log_probs = logits.log_softmax(-1)
        kl = (part.log_probs.exp() * (part.log_probs - log_probs)).sum(-1)
        top = logits.argmax(-1)
        return Outcome(
            logit_diff=logits[:, rows, answer] - logits[:, rows, wrong],
            correct=top == answer,
            kl=kl,
            agree=top == part.logits.argmax(-1),
        )

    def loss(
        self,
        mask: Float[Tensor, "layer pos feature"],
        ablation: Ablation,
    ) -> Float[Tensor, " prompt"]:
        """How far one soft circuit is from the model, prompt by prompt; carries gradients.

        KL(model ‖ circuit) plus the squared error of the logit difference, relative to the model's
        mean squared one: the first alone goes flat once the right token is on top, long before
        the circuit has the model's margin. Strict regime.
        """
        return torch.cat(
            [
                self._loss(part, self._logits(part, mask[None], ablation, ErrorRegime.ABLATED))
                for part in self._parts
            ]
        )

    def _loss(
        self, part: _Part, logits: Float[Tensor, "1 prompt d_vocab"]
    ) -> Float[Tensor, " prompt"]:
        score = self._score(part, logits)
        want = self._score(part, part.logits[None]).logit_diff
        margin = (score.logit_diff - want).pow(2) / want.pow(2).mean()
        return (score.kl + margin)[0]

    def importance(
        self, mask: Float[Tensor, "layer pos feature"], ablation: Ablation
    ) -> Float[Tensor, "layer pos feature"]:
        """Σ over prompts of (∂ loss of the prompt / ∂ gate)², at a circuit.

        Every prompt has gates of its own, so that one backward pass gives all their gradients.
        The gradient of the mean loss would be of no use: near a good circuit it vanishes, and with
        it every node's share.
        """
        total = torch.zeros(self.mask_shape)
        for part in self._parts:
            here = mask.detach()[None, None, :, part.start :]
            gates = here.repeat(1, len(part.resid), 1, 1, 1).requires_grad_()
            edits = self._edits(part, gates, ablation, ErrorRegime.ABLATED)
            logits = self.model.run_from(0, part.resid, edits)[None]
            (gradient,) = torch.autograd.grad(self._loss(part, logits).sum(), gates)
            total[:, part.start :] += gradient[0].pow(2).sum(0)
        return total


def _join(parts: Sequence[Outcome]) -> Outcome:
    return Outcome(*(torch.cat(columns, dim=1) for columns in zip(*parts, strict=True)))
