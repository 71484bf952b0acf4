"""Edits: a circuit's features and heads live, everything else at its reference.

With a the activations on the running pass, a° those of the reference, z and z° the same of a head's
output, g ∈ [0, 1] the gates, s a scale and W the decoder,

    inside the circuit    y = base + (g · (a − a°)) W
    inside the model      y = y_live + ((1 − g) · (a° − a) + (s − 1) · a) W
    a head                z = g · s · z_live + (1 − g) · z°

`base` is the reference's whole MLP output when errors are ablated with the rest (the strict regime:
an affine skip is then outside the circuit too), or that output with its error exchanged (`errors`).
The gates of a chunk of circuits share one pass: the batch axis is circuit-major.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from core.interventions.errors import ErrorRegime, Errors
from core.interventions.gated import gated_change
from core.interventions.references import State
from core.models.hooks import HeadEdit, MlpReplacement
from core.transcoders import Transcoder, arrived, hand_up

EVERYWHERE = slice(None)
"""All positions."""


def circuit_edit(
    coder: Transcoder,
    gate: Float[Tensor, "circuit gated pos feature"],
    activation: Float[Tensor, "_ pos feature"],
    base: Float[Tensor, "_ pos d_model"],
    *,
    within: slice = EVERYWHERE,
    known: Float[Tensor, "prompt pos feature"] | None = None,
    closed: bool = False,
) -> MlpReplacement:
    """The MLP of one layer, running inside `circuit` circuits at once.

    Args:
        coder: The layer's transcoder.
        gate: 1 = live, 0 = at the reference, between = in proportion; `gated` is 1 where all
            prompts share a circuit's gates, or the number of prompts.
        activation: Reference activations a°; batch 1 or the number of prompts.
        base: What is written when every gate is 0; batch as `activation`, or circuits times
            prompts where each circuit has its own.
        within: Positions outside which gates cannot matter: their features stand at the reference
            whatever the circuit, or nobody reads what is written.
        known: Activations of each prompt, where they are the same in every circuit.
        closed: Whether derivatives by closed gates are asked for; else they come out as 0.
    """
    matters = gate.detach().amax((0, 1, 3)) != 0
    inside = torch.zeros_like(matters)
    inside[within] = True
    live = torch.nonzero((matters | closed) & inside).squeeze(1)
    n = len(gate)

    def replacement(x: Tensor) -> Tensor:
        prompts = len(x) // n
        each = len(base) == len(x)
        out = base if each else base.expand(prompts, -1, -1).repeat(n, 1, 1)
        out = arrived(coder, out)
        if not len(live):
            return out
        if not coder.crosses:
            own = gated_change(coder, x, gate, activation, live, known, closed)
            return out.index_add(1, live, own)
        a = coder.encode(x[:, live]).view(n, prompts, len(live), -1)
        moved = gate[:, :, live] * (a - activation[None, :, live])
        hand_up(coder, moved, live)
        change = (moved @ coder.W_dec).view(-1, len(live), x.shape[-1])
        return out.index_add(1, live, change)

    return replacement


def head_edit(
    gate: Float[Tensor, "circuit gated pos head"],
    resting: Float[Tensor, "_ pos head d_head"],
    factor: Float[Tensor, "pos head"] | None = None,
) -> HeadEdit:
    """The heads of one layer, running inside `circuit` circuits at once.

    Args:
        gate: As in `circuit_edit`.
        resting: Reference values z°; batch 1 or the number of prompts.
        factor: Multiplies what is live; None = 1.
    """
    g = gate[..., None]

    def edit(z: Tensor) -> Tensor:
        live = z.view(len(g), -1, *z.shape[1:])
        scaled = live if factor is None else factor[..., None] * live
        return (g * scaled + (1 - g) * resting).flatten(0, 1)

    return edit


def skip_edit(
    coder: Transcoder,
    inner: Callable[..., Tensor],
    reference: Float[Tensor, "batch pos d_model"],
) -> Callable[..., Tensor]:
    """Adds the affine skip's live part, for the regimes in which it is not ablated.

    Args:
        coder: The layer's transcoder.
        inner: An MLP edit or replacement; so is what is returned.
        reference: MLP inputs of the reference; batch 1 or the number of prompts.
    """
    if coder.W_skip is None:
        return inner
    skip = coder.W_skip

    def edit(x: Tensor, *rest: Tensor) -> Tensor:
        repeats = len(x) // len(reference)
        return inner(x, *rest) + (x - reference.repeat(repeats, 1, 1)) @ skip.T

    return edit


def regime_base(
    regime: ErrorRegime | Errors,
    layer: int,
    reference: State,
    clean: State,
    corrupt: State,
    mean: State,
) -> Float[Tensor, "_ pos d_model"]:
    """What one layer writes with every gate at 0, under an error regime or with given errors.

    The batch is draws times prompts where errors of this layer are given.
    """
    if isinstance(regime, Errors):
        given = regime.layers.get(layer)
        if given is None:
            return regime_base(regime.rest, layer, reference, clean, corrupt, mean)
        return (reference.mlp_out[layer] - reference.error[layer] + given).flatten(0, 1)
    if regime is ErrorRegime.ABLATED:
        return reference.mlp_out[layer]
    source = {
        ErrorRegime.KEPT: clean.error,
        ErrorRegime.RESAMPLE: corrupt.error,
        ErrorRegime.MEAN: mean.error,
        ErrorRegime.ZERO: torch.zeros_like(mean.error),
    }[regime]
    return reference.mlp_out[layer] - reference.error[layer] + source[layer]


def is_strict(regime: ErrorRegime | Errors) -> bool:
    """Whether what is not a node, an affine skip among it, is ablated with the rest."""
    rest = regime.rest if isinstance(regime, Errors) else regime
    return rest is ErrorRegime.ABLATED
