"""What a head does causally: ablate it, and look at the answer and at other heads.

1. Each head alone, at every position, is set to what it was on the corrupt prompt (`RESAMPLE`) or
   to its mean over the prompts (`MEAN`).
2. *lost*: the share of logit(answer) - logit(wrong) that goes.
3. *steers*: how much the heads that move the answer (`kinds`) lose of their preference for it, that
   is attention at the last position to the answer less attention to the first place of the wrong
   answer. A head that attends to the wrong answer's later place and steers others away from it
   is an S-inhibition head (Wang et al. 2022, arXiv 2211.00593).
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from core.interventions import Ablation
from core.models import Edits, LanguageModel
from core.tasks import PromptBatch


class HeadEffect(NamedTuple):
    """One head, ablated alone."""

    layer: int
    head: int
    lost: float
    """Share of the mean logit difference lost; negative where the head worked against it."""
    accuracy: float
    """Accuracy without the head, in [0, 1]."""
    steers: float
    """Preference of the movers above it for the answer that goes with it, in attention; NaN where
    there is no mover above, or no prompt names both answers."""


def head_effects(
    model: LanguageModel,
    batch: PromptBatch,
    ablation: Ablation,
    movers: Sequence[tuple[int, int]] = (),
) -> tuple[HeadEffect, ...]:
    """Every head of a model, ablated alone; layer by layer.

    Args:
        model: The model.
        batch: Prompts of one length.
        ablation: Where ablated heads go.
        movers: (layer, head) of those that move the answer.
    """
    clean = model.trace(batch.clean)
    resting = {
        Ablation.RESAMPLE: lambda: model.trace(batch.corrupt).z,
        Ablation.MEAN: lambda: clean.z.mean(1, keepdim=True).expand_as(clean.z),
        Ablation.ZERO: lambda: torch.zeros_like(clean.z),
    }[ablation]()
    full = batch.margin(clean.logits[:, -1]).mean()
    found = []
    for layer in range(model.n_layers):
        above = [mover for mover in movers if mover[0] > layer]
        before = preference(clean.pattern, batch, above)
        for head in range(model.n_heads):
            edits = Edits(heads={layer: _without(head, resting[layer])})
            run = model.trace(batch.clean, edits)
            logits = run.logits[:, -1]
            effect = HeadEffect(
                layer=layer,
                head=head,
                lost=float(1 - batch.margin(logits).mean() / full),
                accuracy=float((logits.argmax(-1) == batch.answer).float().mean()),
                steers=before - preference(run.pattern, batch, above),
            )
            found.append(effect)
    return tuple(found)


def _without(
    head: int, resting: Float[Tensor, "prompt pos head d_head"]
) -> Callable[[Tensor], Tensor]:
    def edit(z: Tensor) -> Tensor:
        z = z.clone()
        z[:, :, head] = resting[:, :, head]
        return z

    return edit


def preference(
    pattern: Float[Tensor, "layer prompt head query key"],
    batch: PromptBatch,
    movers: Sequence[tuple[int, int]],
) -> float:
    """Attention from the last position to the answer less that to the wrong answer's first place.

    Mean over movers and over the prompts that hold both; NaN where there are none.
    """
    answer = batch.clean == batch.answer[:, None]
    wrong = batch.clean == batch.wrong[:, None]
    first = wrong & (wrong.cumsum(1) == 1)
    both = answer.any(1) & first.any(1)
    if not movers or not both.any():
        return float("nan")
    rows = torch.stack([pattern[layer, both, head, -1] for layer, head in movers])
    return float((rows * (answer[both].float() - first[both].float())).sum(-1).mean())
