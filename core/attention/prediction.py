"""Does QK attribution predict what heads do when features change?

An intervention multiplies the activation of some features of one prompt by a factor (0 ablates).
Predictions of the scores of a head, from the unchanged run alone:

1. `Reach.DIRECT`: gates multiply the features' columns of the attribution, and so the query and
   the key. Exact in the frozen model (norm scales, earlier patterns and all other features hold).
2. `Reach.THROUGH`: features above respond first. Their pre-activations are linear in the sources
   (direct effects), and an active feature follows its own down to 0; gates are filled in layer by
   layer. Which features are active, norms and earlier patterns still hold.
3. Either with the norm in front of the heads frozen, or renewed (`norm_changes`): its scale where
   the changed stream enters it.
4. The pattern is the softmax of the predicted scores.

They are held against the frozen model (`frozen_scores`), the live model with all MLPs holding still
but for the change (`Regime.HELD`), and the live model as it is (`Regime.LIVE`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import torch
from jaxtyping import Float
from torch import Tensor

from core.attention.qk import QKAttribution
from core.attribution.ends import Readers, Writers
from core.attribution.frozen import Frozen
from core.attribution.sweep import direct_effects
from core.graph import NodeKind
from core.models import Edits, attention_scores, score_weights, scores_of
from core.transcoders import arrived, hand_up


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervention:
    """Some features of one prompt, their activations multiplied."""

    features: tuple[int, ...]
    """Places among the prompt's active features, which are the first columns of its sources."""
    factor: float
    """0 ablates, 1 changes nothing."""


class Reach(StrEnum):
    """How far a prediction follows a change."""

    DIRECT = "direct"
    """To the head, past all other features."""
    THROUGH = "through features"
    """Also through the features above, whose activations follow."""


class Regime(StrEnum):
    """What stands still in the run that a prediction is held against."""

    HELD = "MLPs held"
    """Every MLP writes what it wrote on the unchanged run, but for the change."""
    LIVE = "live"
    """Nothing."""


def gates_of(
    sources: Writers, interventions: Sequence[Intervention], reach: Reach = Reach.DIRECT
) -> Float[Tensor, "intervention source"]:
    """What every source is multiplied by."""
    gates = sources.error.new_ones(len(interventions), sources.n_columns)
    held = torch.zeros_like(gates, dtype=torch.bool)
    for row, intervention in enumerate(interventions):
        held[row, list(intervention.features)] = True
        gates[row, list(intervention.features)] = intervention.factor
    return gates if reach is Reach.DIRECT else _followed(sources, gates, held)


def _followed(sources: Writers, gates: Tensor, held: Tensor) -> Tensor:
    """Gates of all features, once those above have followed those below."""
    features = sources.features
    readers = Readers(frozen=sources.frozen, features=features, targets=None)
    effect = direct_effects(readers, sources)
    pre = effect.sum(1)
    gates = gates.clone()
    for layer in features.layer.unique().tolist():
        here = (features.layer == layer).nonzero()[:, 0]
        after = pre[here] + (gates - 1) @ effect[here].T
        # A feature is ReLU of its pre-activation, up to which features TopK lets through.
        follows = after.clamp(min=0) / pre[here]
        factor = torch.where(held[:, here], gates[:, here], 1.0)
        gates[:, here] = follows * factor
    return gates


def predicted_scores(
    attribution: QKAttribution,
    gates: Float[Tensor, "intervention source"],
    norm: Float[Tensor, "intervention pos"] | None = None,
) -> Float[Tensor, "intervention query key"]:
    """Scores of the head when every source is multiplied by its gate.

    Args:
        attribution: Of the head.
        gates: One for each source.
        norm: The norm's scale at each position over that on the unchanged run (`norm_changes`);
            frozen if None.
    """
    sources = attribution.sources
    own = (sources.kind == int(NodeKind.BIAS)) & (sources.layer == attribution.layer)
    sides = []
    for side in (attribution.query, attribution.key):
        total = torch.einsum("is,pse->ipe", gates, side)
        if norm is not None:
            # What the block adds itself comes after the norm.
            constant = side[:, own].sum(1)
            total = constant + norm[..., None] * (total - constant)
        sides.append(total)
    return sides[0] @ sides[1].transpose(1, 2)


def writes_of(
    sources: Writers, interventions: Sequence[Intervention]
) -> Float[Tensor, "intervention layer pos d_model"]:
    """What each intervention adds to every MLP's output, others holding still."""
    frozen, features = sources.frozen, sources.features
    writes = sources.error.new_zeros(len(interventions), *sources.error.shape)
    for row, intervention in enumerate(interventions):
        for place in intervention.features:
            own, position = int(features.layer[place]), int(features.position[place])
            change = (intervention.factor - 1) * features.activation[place]
            top = len(writes[row]) if frozen.transcoders.crosses else own + 1
            for layer in range(own, top):
                decoder = frozen.transcoders.writes(own, features.index[place][None], layer)[0]
                writes[row, layer, position] += change * decoder
    return writes


def carried(
    frozen: Frozen, writes: Float[Tensor, "intervention layer pos d_model"]
) -> Float[Tensor, "layer intervention pos d_model"]:
    """What enters each block, less that on the unchanged run, with something added to MLP outputs.

    The changes are carried up through the frozen model as they are: no sources, no attribution.
    """
    state, found = torch.zeros_like(writes[:, 0]), []
    for number, block in frozen.layers_up(frozen.model.n_layers):
        found.append(state)
        read = (state @ block.folded.value).unflatten(-1, (len(block.mix), -1))
        moved = torch.einsum("hqp,iphe->iqhe", block.mix, read).flatten(2) @ block.folded.output
        before, state = state, state + moved
        if block.folded.skip is not None:
            skipped = before if frozen.model.parallel else state
            state = state + skipped @ block.folded.skip * block.scale2[:, None]
        state = state + writes[:, number]
    return torch.stack(found)


def norm_changes(
    frozen: Frozen, writes: Float[Tensor, "intervention layer pos d_model"]
) -> Float[Tensor, "layer intervention pos"]:
    """Scale of the norm in front of each block's heads over that on the unchanged run."""
    found = []
    for layer, change in enumerate(carried(frozen, writes)):
        resid, norm = frozen.at(frozen.trace.resid_pre, layer), frozen.folded[layer].norm1
        found.append((norm.scale(resid + change) / norm.scale(resid))[..., 0])
    return torch.stack(found)


def frozen_scores(
    frozen: Frozen, writes: Float[Tensor, "intervention layer pos d_model"]
) -> Float[Tensor, "layer intervention head query key"]:
    """Scores of every head in the frozen model with something added to its MLP outputs."""
    scores = []
    for layer, change in enumerate(carried(frozen, writes)):
        weights = score_weights(frozen.model, layer)
        resid = frozen.at(frozen.trace.resid_pre, layer)
        linear = weights.norm.linear(resid + change, weights.norm.scale(resid))
        scores.append(scores_of(frozen.model, weights, linear + weights.norm.bias))
    return torch.stack(scores)


def live_scores(
    sources: Writers, interventions: Sequence[Intervention], regime: Regime
) -> Float[Tensor, "layer intervention head query key"]:
    """Scores of every head in the real model under each intervention."""
    frozen, model = sources.frozen, sources.frozen.model
    if regime is Regime.HELD:
        writes = writes_of(sources, interventions)
        edits = {layer: _held(frozen, layer, writes[:, layer]) for layer in range(model.n_layers)}
    else:
        edits = {layer: _scaling(sources, interventions, layer) for layer in range(model.n_layers)}
    trace = model.trace(frozen.ids.expand(len(interventions), -1), Edits(mlp=edits))
    with torch.no_grad():
        layers = [attention_scores(model, i, resid) for i, resid in enumerate(trace.resid_pre)]
    return torch.stack(layers)


def _held(frozen: Frozen, layer: int, write: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    clean = frozen.at(frozen.trace.mlp_out, layer)
    return lambda _, out: clean + write


def _scaling(
    sources: Writers, interventions: Sequence[Intervention], layer: int
) -> Callable[[Tensor, Tensor], Tensor]:
    """Multiplies the live activations of the features of one layer."""
    features, coder = sources.features, sources.frozen.transcoders[layer]
    factor = sources.error.new_ones(len(interventions), sources.frozen.n_pos, coder.W_dec.shape[0])
    for row, intervention in enumerate(interventions):
        for place in intervention.features:
            if int(features.layer[place]) == layer:
                position, index = int(features.position[place]), int(features.index[place])
                factor[row, position, index] = intervention.factor

    def edit(x: Tensor, out: Tensor) -> Tensor:
        change = (factor - 1) * coder.encode(x)
        hand_up(coder, change, torch.arange(x.shape[1]))
        return arrived(coder, out + change @ coder.W_dec)

    return edit
