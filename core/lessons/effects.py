"""What every single node does, measured by ablating it alone: the labels that guides learn from.

Two runs are starting points, both strict (errors ablated with the rest) and under resample
ablation, with all attention live:

    the full circuit     every feature live      noising: one node goes to its reference
    the empty circuit    no feature live         denoising: one node comes alive

A node a at one layer and position changes the residual stream there by ∓(a − a°) W_dec, whatever
comes later, so the run goes on from the next layer with that difference put in: no gate is needed,
and a prompt on which a − a° = 0 need not be run. That is exact, not first order, and several times
as fast as gating each node (tests/core/lessons/test_effects.py holds both equal).

Effects are in shares of the margin m(full model) − m(empty), as F is: noising is the F that is
lost, denoising the F that is won. Effects that differ in sign between prompts cancel in these
means, so the mean absolute effect is kept beside them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.errors import TranscoderError
from core.interventions import Ablation, PreparedBatch
from core.models import Edits, LanguageModel
from core.models.hooks import MlpReplacement
from core.transcoders import TranscoderSet

ROWS = 4096
"""Node-and-prompt runs in one pass, at 16 tokens; bounds the memory."""
LEAST_SPAN = 1e-6
"""Margin, in logits, below which there is none to take a share of: effects are then in logits."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Effects:
    """Effects of single nodes, in shares of the model's margin over the empty circuit."""

    noising: Float[Tensor, " node"]
    """F lost when the node alone is ablated in the full circuit; negative if that helps."""
    denoising: Float[Tensor, " node"]
    """F won when the node alone is live in the empty circuit."""
    noising_abs: Float[Tensor, " node"]
    """Mean over prompts of the absolute effect."""
    denoising_abs: Float[Tensor, " node"]
    """The same of denoising."""

    @property
    def strength(self) -> Float[Tensor, " node"]:
        """The larger of |noising| and |denoising|: AND gates show in one, OR gates in the other."""
        return torch.maximum(self.noising.abs(), self.denoising.abs())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Start:
    """One of the two runs that single nodes are changed in, on one batch."""

    resid: Float[Tensor, "layer prompt pos d_model"]
    """Leaving each block."""
    moved: Float[Tensor, "layer prompt pos feature"]
    """a − a°: what separates each feature from its reference."""
    sign: float
    """−1: a node is taken out; +1: it is put in."""
    margin: Float[Tensor, " prompt"]
    replace: Callable[[int, Tensor], MlpReplacement]
    """(layer, prompt of each row) -> the MLP of that layer in this run."""


def single_effects(
    model: LanguageModel,
    transcoders: TranscoderSet,
    parts: tuple[PreparedBatch, ...],
    nodes: Int[Tensor, "node 3"],
) -> Effects:
    """Both effects of each node, exactly.

    Args:
        model: The model.
        transcoders: Its transcoders, one decoder a layer.
        parts: The prompts; means are over all of them.
        nodes: (layer, aligned position, feature).

    Raises:
        TranscoderError: If features write at later layers too.
    """
    if transcoders.crosses:
        raise TranscoderError(
            "The guide learns from transcoders of one decoder a layer; got a cross-layer one, "
            "whose features write at later layers too. Give a topk or nested dictionary."
        )
    found = {"noising": [], "denoising": []}
    span = []
    with torch.no_grad():
        for part in parts:
            full, empty = _full(model, transcoders, part), _empty(model, transcoders, part)
            found["noising"].append(-_changes(model, transcoders, part, full, nodes))
            found["denoising"].append(_changes(model, transcoders, part, empty, nodes))
            span.append(part.batch.margin(part.logits) - empty.margin)
    margin = float(torch.cat(span).mean())
    scale = margin if margin > LEAST_SPAN else 1.0
    whole = {name: torch.cat(columns, 1) / scale for name, columns in found.items()}
    means = {name: effect.mean(1) for name, effect in whole.items()}
    sizes = {f"{name}_abs": effect.abs().mean(1) for name, effect in whole.items()}
    return Effects(**means, **sizes)


def _full(model: LanguageModel, transcoders: TranscoderSet, part: PreparedBatch) -> _Start:
    """Every feature live, everything else at the corrupt prompt's value."""
    reference = part.reference(Ablation.RESAMPLE)
    rest = [
        base - a @ coder.W_dec
        for base, a, coder in zip(reference.mlp_out, reference.activation, transcoders, strict=True)
    ]

    def replace(layer: int, rows: Tensor) -> MlpReplacement:
        coder, constant = transcoders[layer], rest[layer][rows]
        return lambda x: coder.encode(x) @ coder.W_dec + constant

    return _start(model, transcoders, part, replace, -1.0)


def _empty(model: LanguageModel, transcoders: TranscoderSet, part: PreparedBatch) -> _Start:
    """No feature live: every MLP writes what it writes on the corrupt prompt."""
    reference = part.reference(Ablation.RESAMPLE)

    def replace(layer: int, rows: Tensor) -> MlpReplacement:
        constant = reference.mlp_out[layer][rows]
        return lambda _x: constant

    return _start(model, transcoders, part, replace, 1.0)


def _start(
    model: LanguageModel,
    transcoders: TranscoderSet,
    part: PreparedBatch,
    replace: Callable[[int, Tensor], MlpReplacement],
    sign: float,
) -> _Start:
    rows = torch.arange(len(part.logits))
    edits = Edits(replaced={layer: replace(layer, rows) for layer in range(model.n_layers)})
    trace = model.trace(part.batch.clean, edits)
    live = torch.stack([c.encode(x) for c, x in zip(transcoders, trace.mlp_in, strict=True)])
    return _Start(
        resid=trace.resid_post,
        moved=live - part.reference(Ablation.RESAMPLE).activation,
        sign=sign,
        margin=part.batch.margin(trace.logits[:, -1]),
        replace=replace,
    )


def _changes(
    model: LanguageModel,
    transcoders: TranscoderSet,
    part: PreparedBatch,
    start: _Start,
    nodes: Int[Tensor, "node 3"],
) -> Float[Tensor, "node prompt"]:
    """How the margin changes with each node, prompt by prompt."""
    change = torch.zeros(len(nodes), len(part.logits))
    for layer in range(model.n_layers):
        for node, prompt in _runs(start, part, nodes, layer):
            delta = _delta(transcoders, part, start, nodes[node], prompt)
            logits = _go_on(model, start, layer, prompt, delta)
            change[node, prompt] = part.batch.take(prompt).margin(logits) - start.margin[prompt]
    return change


def _runs(
    start: _Start, part: PreparedBatch, nodes: Int[Tensor, "node 3"], layer: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """The (node, prompt) of a layer that differ from the start, some at a time."""
    here = ((nodes[:, 0] == layer) & (nodes[:, 1] >= part.start)).nonzero().squeeze(1)
    position, feature = nodes[here, 1] - part.start, nodes[here, 2]
    row, prompt = start.moved[layer].permute(1, 2, 0)[position, feature].nonzero(as_tuple=True)
    size = max(1, ROWS * 16 // part.batch.clean.shape[1])
    if len(row):
        yield from zip(here[row].split(size), prompt.split(size), strict=True)


def _delta(
    transcoders: TranscoderSet,
    part: PreparedBatch,
    start: _Start,
    nodes: Int[Tensor, "row 3"],
    prompt: Int[Tensor, " row"],
) -> Float[Tensor, "row pos d_model"]:
    """What each row's node adds to the residual stream leaving its layer."""
    layer, position, feature = int(nodes[0, 0]), nodes[:, 1] - part.start, nodes[:, 2]
    moved = start.sign * start.moved[layer, prompt, position, feature]
    delta = torch.zeros(len(nodes), *start.resid.shape[2:])
    delta[torch.arange(len(nodes)), position] = moved[:, None] * transcoders[layer].W_dec[feature]
    return delta


def _go_on(
    model: LanguageModel, start: _Start, layer: int, prompt: Tensor, delta: Tensor
) -> Float[Tensor, "row d_vocab"]:
    """Logits of a run resumed after `layer` with its residual stream moved."""
    resid = start.resid[layer, prompt] + delta
    later = range(layer + 1, model.n_layers)
    edits = Edits(replaced={above: start.replace(above, prompt) for above in later})
    return model.run_from(layer + 1, resid, edits)
