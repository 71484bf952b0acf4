"""Interventions that no discovery stage makes, run on prompts of one split.

1. Each prompt gets a *third* prompt of its length: neither itself nor its corrupt twin, and with an
   answer that is neither its answer nor its wrong one where there is such a prompt (a task of two
   answers has none). It is chosen from token ids alone.
2. A group of nodes is put to its values on the third prompt (interchange), or its live values are
   multiplied. Everything else runs on: other features, heads and errors recompute.
3. The effect is Δ(logit answer − logit wrong), the changed model less the unchanged one.

Discovery itself uses gradients and resampling from the corrupt twin
(`core.pipeline.finding.search`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.circuit import FeatureNode, GatedNode, HeadNode
from core.interventions import State, observe
from core.models import Edits, LanguageModel
from core.tasks import PromptBatch
from core.transcoders import Transcoder, TranscoderSet, arrived, hand_up


class Intervention(StrEnum):
    """What is done to a group of nodes."""

    THIRD = "third_prompt"
    """Values of a prompt that is neither the clean one nor its twin."""
    HALF = "scale_0.5"
    """Live values halved."""
    MORE = "scale_1.5"
    """Live values raised by a half."""

    @property
    def factor(self) -> float | None:
        """What live values are multiplied by; None where they are exchanged."""
        return {Intervention.HALF: 0.5, Intervention.MORE: 1.5}.get(self)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trial:
    """Prompts of one length with their third prompts, run once unchanged."""

    batch: PromptBatch
    """Only prompts that have a third one."""
    third: PromptBatch
    """The third prompt of each."""
    resid: Float[Tensor, "layer prompt pos d_model"]
    """Residual stream entering each block."""
    mlp_out: Float[Tensor, "layer prompt pos d_model"]
    live: State
    """Values on the clean prompts."""
    other: State
    """Values on the third prompts."""
    margin: Float[Tensor, " prompt"]
    """logit(answer) − logit(wrong) of the unchanged model."""

    def target(self, values: Tensor, others: Tensor, intervention: Intervention) -> Tensor:
        """Where an intervention puts values: a multiple of them, or the third prompt's."""
        return others if intervention.factor is None else intervention.factor * values


def third_rows(batch: PromptBatch, seed: int) -> Int[Tensor, " prompt"]:
    """For each prompt the row of its third prompt, at random; −1 where the batch has none."""
    answer, text = batch.answer, batch.clean
    fits = (text[None] != text[:, None]).any(-1) & (text[None] != batch.corrupt[:, None]).any(-1)
    new = (answer[None] != answer[:, None]) & (answer[None] != batch.wrong[:, None])
    chance = torch.rand(fits.shape, generator=torch.Generator().manual_seed(seed))
    chance = (chance + new.float()).masked_fill(~fits, -1.0)
    return torch.where(fits.any(1), chance.argmax(1), -1)


def trials(
    model: LanguageModel, coders: TranscoderSet, batches: Sequence[PromptBatch], seed: int
) -> tuple[Trial, ...]:
    """Batches made ready; prompts without a third one are left out.

    Args:
        model: The model.
        coders: Its transcoders.
        batches: Prompts of one split, each batch of one length.
        seed: Of the choice of third prompts.
    """
    found = []
    for batch in batches:
        rows = third_rows(batch, seed)
        kept = (rows >= 0).nonzero()[:, 0]
        if len(kept):
            found.append(_trial(model, coders, batch.take(kept), batch.take(rows[kept])))
    return tuple(found)


def _trial(
    model: LanguageModel, coders: TranscoderSet, batch: PromptBatch, third: PromptBatch
) -> Trial:
    trace = model.trace(batch.clean)
    return Trial(
        batch=batch,
        third=third,
        resid=trace.resid_pre,
        mlp_out=trace.mlp_out,
        live=observe(coders, trace),
        other=observe(coders, model.trace(third.clean)),
        margin=batch.margin(trace.logits[:, -1]),
    )


def effect(
    model: LanguageModel,
    coders: TranscoderSet,
    tried: Sequence[Trial],
    group: Sequence[GatedNode],
    intervention: Intervention,
) -> Float[Tensor, " prompt"]:
    """Δ(logit answer − logit wrong) of every prompt; inside the whole model, no gradient."""
    found = []
    for trial in tried:
        edits = _edits(coders, trial, group, intervention)
        layers = [*edits.mlp, *edits.heads]
        if not layers:
            found.append(torch.zeros_like(trial.margin))
            continue
        first = min(layers)
        with torch.no_grad():
            logits = model.run_from(first, trial.resid[first], edits)
        found.append(trial.batch.margin(logits) - trial.margin)
    return torch.cat(found)


def _edits(
    coders: TranscoderSet, trial: Trial, group: Sequence[GatedNode], intervention: Intervention
) -> Edits:
    places = here(group, trial.batch)
    features, heads = (
        {layer: rows for layer, kind, rows in places if kind is wanted}
        for wanted in (FeatureNode, HeadNode)
    )
    mlp = {
        layer: _feature_edit(coders[layer], trial, layer, rows, intervention)
        for layer, rows in features.items()
    }
    above = range(min(features, default=0) + 1, coders.n_layers if coders.crosses else 0)
    mlp |= {layer: _arriving(coders[layer]) for layer in above if layer not in features}
    return Edits(
        mlp=mlp,
        heads={
            layer: _head_edit(trial, layer, rows, intervention) for layer, rows in heads.items()
        },
    )


Placed = tuple[int, type[GatedNode], Int[Tensor, "2 place"]]
"""Layer, kind, and (position in the batch, feature or head) of some nodes."""


def here(group: Sequence[GatedNode], batch: PromptBatch) -> list[Placed]:
    """A group's nodes by layer and kind, as this batch has them; whole heads at each position."""
    found: dict[tuple[int, type[GatedNode]], list[tuple[int, int]]] = {}
    for node in group:
        everywhere = range(batch.clean.shape[1])
        index = node.feature if isinstance(node, FeatureNode) else node.head
        at = everywhere if node.position is None else [node.position - batch.shift]
        rows = [(place, index) for place in at if place in everywhere]
        found.setdefault((node.layer, type(node)), []).extend(rows)
    return [(*key, torch.tensor(rows).T) for key, rows in found.items() if rows]


def _feature_edit(
    coder: Transcoder,
    trial: Trial,
    layer: int,
    rows: Int[Tensor, "2 place"],
    intervention: Intervention,
) -> Callable[[Tensor, Tensor], Tensor]:
    at, feature = rows
    positions, number = at.unique(return_inverse=True)
    others, W = trial.other.activation[layer][:, at, feature], coder.W_dec[feature]

    def edit(x: Tensor, y: Tensor) -> Tensor:
        a = coder.encode(x[:, positions])[:, number, feature]
        moved = trial.target(a, others, intervention) - a
        if coder.crosses:
            grid = a.new_zeros(len(x), len(positions), coder.n_features)
            grid[:, number, feature] = moved
            hand_up(coder, grid, positions)
        return arrived(coder, y).index_add(1, at, moved[..., None] * W)

    return edit


def _arriving(coder: Transcoder) -> Callable[[Tensor, Tensor], Tensor]:
    """The MLP's own output and what changed features of lower layers write here."""
    return lambda _, y: arrived(coder, y)


def _head_edit(
    trial: Trial, layer: int, rows: Int[Tensor, "2 place"], intervention: Intervention
) -> Callable[[Tensor], Tensor]:
    at, head = rows
    others = trial.other.z[layer][:, at, head]

    def edit(z: Tensor) -> Tensor:
        out = z.clone()
        out[:, at, head] = trial.target(z[:, at, head], others, intervention)
        return out

    return edit
