"""Which MLP outputs a model's behaviour rests on, and how many directions each of them has.

1. For each (layer, position), the MLP output alone is replaced by its mean over the features split,
   and by its value on the corrupt prompt; accuracy and the share of logit(answer) - logit(wrong)
   that is kept say whether the site matters.
2. The sites that matter are kept and all others set to their means at once: `kept` says whether
   the list is complete.
3. The principal directions that hold 97 % and 99 % of a site's variance bound how small a circuit
   of its features can be: fewer features than directions cannot carry what the site says.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

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


class _Effect(NamedTuple):
    accuracy: float
    kept: float


def scan_sites(model: LanguageModel, fit: PromptBatch, judge: PromptBatch) -> SiteScan:
    """Ablates every (layer, position) MLP output of the model.

    Args:
        model: Any supported model.
        fit: Prompts that give the means and the principal directions.
        judge: Prompts of the same length that behaviour is measured on.
    """
    outputs = model.trace(fit.clean).mlp_out
    means, corrupt = outputs.mean(1), model.trace(judge.corrupt).mlp_out
    none = torch.zeros(means.shape[:2], dtype=torch.bool)
    full = _behaviour(model, judge, none, means).kept

    def effect(replaced: Bool[Tensor, "layer pos"], values: Tensor) -> _Effect:
        found = _behaviour(model, judge, replaced, values)
        return _Effect(found.accuracy, found.kept / full)

    sites = tuple(
        _site(
            layer, position, outputs[layer, :, position], effect(one, means), effect(one, corrupt)
        )
        for layer, position, one in _one_by_one(none)
    )
    idle = torch.tensor([not site.matters for site in sites]).view_as(none)
    needed = effect(idle, means)
    return SiteScan(
        sites=sites,
        accuracy_needed_only=needed.accuracy,
        kept_needed_only=needed.kept,
        accuracy_none=effect(~none, means).accuracy,
    )


def pca_rank(outputs: Float[Tensor, "prompt d_model"], share: float) -> int:
    """Principal directions that hold `share` of the variance; 0 for a constant output.

    Of raw outputs at one site, less their mean. A prefix is sized by another rank
    (`core.transcoders.sizing`): of outputs that are centred and scaled already, so that several
    sites can share it, where "constant" is told on that scale.
    """
    variance = torch.linalg.svdvals((outputs - outputs.mean(0)).double()).square()
    if variance.sum() < 1e-8 * max(1.0, float(outputs.square().sum())):
        return 0
    return int((variance.cumsum(0) < share * variance.sum()).sum()) + 1


def _site(
    layer: int,
    position: int,
    outputs: Float[Tensor, "prompt d_model"],
    by_mean: _Effect,
    by_corrupt: _Effect,
) -> Site:
    return Site(
        layer=layer,
        position=position,
        accuracy_mean=by_mean.accuracy,
        accuracy_resample=by_corrupt.accuracy,
        kept_mean=by_mean.kept,
        kept_resample=by_corrupt.kept,
        rank_97=pca_rank(outputs, 0.97),
        rank_99=pca_rank(outputs, 0.99),
    )


def _one_by_one(
    none: Bool[Tensor, "layer pos"],
) -> Iterator[tuple[int, int, Bool[Tensor, "layer pos"]]]:
    """Each (layer, position) with the mask that holds it alone."""
    for layer, position in itertools.product(*map(range, none.shape)):
        one = none.clone()
        one[layer, position] = True
        yield layer, position, one


def _behaviour(
    model: LanguageModel,
    batch: PromptBatch,
    replaced: Bool[Tensor, "layer pos"],
    values: Float[Tensor, "layer *batch pos d_model"],
) -> _Effect:
    """Accuracy and mean logit difference with these sites at these values."""

    def replacing(layer: int) -> Callable[[Tensor, Tensor], Tensor]:
        return lambda _, out: torch.where(replaced[layer, :, None], values[layer], out)

    edited = [layer for layer in range(len(replaced)) if replaced[layer].any()]
    logits = model.run(batch.clean, Edits(mlp={layer: replacing(layer) for layer in edited}))
    right = logits.argmax(-1) == batch.answer
    return _Effect(float(right.float().mean()), float(batch.margin(logits).mean()))
