"""Derivatives of what circuits answer, by the gates of features and heads, in the strict regime.

1. The loss of a soft circuit: how far it is from the model.
2. Every prompt has gates of its own, so that one backward pass gives all prompts' derivatives.
3. A closed gate changes nothing, but its derivative says what opening it would do. Most gates are
   closed: where nobody asks for their derivatives, their features are not computed at all.
"""

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from core.circuit import Attention
from core.interventions.errors import ErrorRegime
from core.interventions.gates import Gates, gradients
from core.interventions.outcome import scored
from core.interventions.passes import Passes
from core.interventions.prepared import PreparedBatch
from core.interventions.references import Ablation

SLOPES = 2**25
"""Gates times prompts whose derivatives are taken at once: 128 MiB a copy."""
STRICT = ErrorRegime.ABLATED


class Derivatives:
    """Of one model on prepared prompts; the part of an `Evaluator` that searches ask."""

    _parts: tuple[PreparedBatch, ...]
    _passes: Passes

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
        it every node's share. Only `benchmarks/search_study.py` ranks by it; a run asks for
        `margins`.

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
                logits, asked = self._gated(few, gates, ablation, attention, closed=closed)
                margin = scored(few, logits).logit_diff[0]
                found = gradients(margin.sum(), asked)
                yield margin.detach(), _in_frame(found, gates, part.start)

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


def _in_frame(slopes: Sequence[Tensor], gates: Gates, start: int) -> Gates:
    """Each prompt's derivatives from position `start` on, among zeros in the frame of the gates.

    Those of heads are lacking where attention is live; their gates then move nothing.
    """
    prompts = slopes[0].shape[1]
    frame = [gate.new_zeros(prompts, *gate.shape) for gate in (gates.feature, gates.head)]
    for into, slope in zip(frame, slopes, strict=False):
        into[:, :, start:] = slope[0]
    return Gates(feature=frame[0], head=frame[1])
