"""Which MLP outputs a model's behaviour rests on, and how many directions each of them has.

1. For each (layer, position), the MLP output alone is replaced by its mean over the features split,
   and by its value on the corrupt prompt; accuracy and the share of logit(answer) - logit(wrong)
   that is kept say whether the site matters.
2. The sites that matter are kept and all others set to their means at once: `kept` says whether
   the list is complete.
3. The principal directions that hold 97 % and 99 % of a site's variance bound how small a circuit
   of its features can be (measured on small models in reference spikes of this project).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from core.models import Edits, LanguageModel
from core.tasks import PromptBatch

MATTERS = 0.99
"""A site matters if replacing it keeps less than this share of the logit difference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The MLP output of one layer at one position."""

    layer: int
    position: int
    accuracy_mean: float
    """Accuracy with this site at its mean, in [0, 1]."""
    accuracy_resample: float
    """Accuracy with this site from the corrupt prompt, in [0, 1]."""
    kept_mean: float
    """Share of the mean logit difference kept with this site at its mean."""
    kept_resample: float
    """Share kept with this site from the corrupt prompt."""
    rank_97: int
    """Principal directions holding 97 % of the variance over the prompts."""
    rank_99: int
    """Principal directions holding 99 %."""

    @property
    def matters(self) -> bool:
        """Whether either replacement loses more than 1 % of the logit difference."""
        return min(self.kept_mean, self.kept_resample) < MATTERS


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteScan:
    """All sites of a model on one task."""

    sites: tuple[Site, ...]
    """Layer by layer, position by position."""
    accuracy_needed_only: float
    """Accuracy with every site that does not matter at its mean, all at once."""
    kept_needed_only: float
    """Share of the logit difference kept then."""
    accuracy_none: float
    """Accuracy with every site at its mean: what attention and embeddings do alone."""


def scan_sites(model: LanguageModel, fit: PromptBatch, judge: PromptBatch) -> SiteScan:
    """Ablates every (layer, position) MLP output of the model.

    Args:
        model: Any supported model.
        fit: Prompts that give the means and the principal directions.
        judge: Prompts of the same length that behaviour is measured on.
    """
    outputs = model.trace(fit.clean).mlp_out
    means = outputs.mean(1)
    corrupt = model.trace(judge.corrupt).mlp_out
    none = torch.zeros(means.shape[:2], dtype=torch.bool)
    _, full = _behaviour(model, judge, none, {})
    sites = []
    for layer, position in _grid(none):
        one = none.clone()
        one[layer, position] = True
        by_mean = _behaviour(model, judge, one, dict(enumerate(means)))
        by_corrupt = _behaviour(model, judge, one, dict(enumerate(corrupt)))
        sites.append(
            Site(
                layer=layer,
                position=position,
                accuracy_mean=by_mean[0],
                accuracy_resample=by_corrupt[0],
                kept_mean=by_mean[1] / full,
                kept_resample=by_corrupt[1] / full,
                rank_97=pca_rank(outputs[layer, :, position], 0.97),
                rank_99=pca_rank(outputs[layer, :, position], 0.99),
            )
        )
    idle = torch.tensor([not site.matters for site in sites]).view_as(none)
    accuracy, difference = _behaviour(model, judge, idle, dict(enumerate(means)))
    return SiteScan(
        sites=tuple(sites),
        accuracy_needed_only=accuracy,
        kept_needed_only=difference / full,
        accuracy_none=_behaviour(model, judge, ~none, dict(enumerate(means)))[0],
    )


def pca_rank(outputs: Float[Tensor, "prompt d_model"], share: float) -> int:
    """Principal directions that hold `share` of the variance; 0 for a constant output."""
    variance = torch.linalg.svdvals((outputs - outputs.mean(0)).double()).square()
    if variance.sum() < 1e-8 * max(1.0, float(outputs.square().sum())):
        return 0
    return int((variance.cumsum(0) < share * variance.sum()).sum()) + 1


def _grid(sites: Bool[Tensor, "layer pos"]) -> list[tuple[int, int]]:
    layers, positions = sites.shape
    return [(layer, position) for layer in range(layers) for position in range(positions)]


def _behaviour(
    model: LanguageModel,
    batch: PromptBatch,
    replaced: Bool[Tensor, "layer pos"],
    values: Mapping[int, Float[Tensor, "*batch pos d_model"]],
) -> tuple[float, float]:
    """Accuracy and mean logit difference with these sites at these values."""

    def replacing(layer: int):
        def edit(_: Tensor, out: Tensor) -> Tensor:
            return torch.where(replaced[layer, :, None], values[layer], out)

        return edit

    edited = [layer for layer in range(len(replaced)) if replaced[layer].any()]
    logits = model.run(batch.clean, Edits(mlp={layer: replacing(layer) for layer in edited}))
    rows = torch.arange(len(logits))
    difference = logits[rows, batch.answer] - logits[rows, batch.wrong]
    right = logits.argmax(-1) == batch.answer
    return float(right.float().mean()), float(difference.mean())
