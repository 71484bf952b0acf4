"""Edits of one forward pass from a plan.

With a the live activations, a° their reference, g the gate, s the factor, W the decoder, y the live
MLP output and e = y − decode(a, x) its live error, a layer writes

    inside the model      y + (v − a) W            v = g s a + (1 − g) a°
    inside the circuit    base + (v − a°) W        base: the reference's MLP output

and where an error is not left as it is, its new value takes the place of the old one. Head outputs
z are mixed likewise. The batch axis is variant-major: every variant runs on every prompt. What
features of a cross-layer transcoder write at later layers travels with the pass (`hand_up`).
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.interventions import State, head_edit, skip_edit
from core.lab.plan import Plan
from core.models import Edits
from core.models.hooks import HeadEdit, MlpEdit, MlpReplacement
from core.transcoders import Transcoder, TranscoderSet, arrived, hand_up


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ground:
    """The values that things out of play are put to."""

    reference: State
    """Where ablated things go."""
    error: Float[Tensor, "layer batch pos d_model"] | None
    """Where every error is held; None = live inside the model, the reference inside the circuit."""


def edits_of(plan: Plan, coders: TranscoderSet, ground: Ground) -> Edits:
    """The edits of every layer that the plan touches; the plan already cut to these prompts."""
    mlp: dict[int, MlpEdit] = {}
    replaced: dict[int, MlpReplacement] = {}
    heads: dict[int, HeadEdit] = {}
    reads_errors = coders.crosses and (ground.error is not None or bool(plan.errors))
    for layer, coder in enumerate(coders):
        features = _feature_shift(plan, coder, ground.reference.activation[layer], layer)
        if coder.crosses:
            features = _across(coder, features, rebuilds=reads_errors)
        errors = _error_shift(plan, coder, ground, layer)
        if plan.inside == "circuit" and errors is None:
            replaced[layer] = _alone(coder, ground, layer, features)
        elif plan.inside == "circuit" or features is not None or errors is not None:
            base = None if plan.inside == "model" else _alone(coder, ground, layer, None)
            mlp[layer] = _sum(base, features, errors)
        if (head := _head_edit(plan, ground, layer)) is not None:
            heads[layer] = head
    return Edits(mlp=mlp, replaced=replaced, heads=heads)


def _alone(
    coder: Transcoder, ground: Ground, layer: int, features: MlpReplacement | None
) -> MlpReplacement:
    """The MLP inside the circuit: everything at its reference but the features given."""
    base = _base(ground, layer)

    def replacement(x: Tensor) -> Tensor:
        out = base.repeat(len(x) // len(base), 1, 1)
        return out if features is None else out + features(x)

    # A regime that names the errors is not the strict one: there the affine skip stays live.
    if ground.error is None:
        return replacement
    return skip_edit(coder, replacement, ground.reference.mlp_in[layer])


def _base(ground: Ground, layer: int) -> Float[Tensor, "batch pos d_model"]:
    """What the MLP writes when everything is at its reference."""
    reference = ground.reference
    if ground.error is None:
        return reference.mlp_out[layer]
    return reference.mlp_out[layer] - reference.error[layer] + ground.error[layer]


def _sum(
    base: MlpReplacement | None, features: MlpReplacement | None, errors: MlpEdit | None
) -> MlpEdit:
    """base (or the live output) plus what features and errors add."""

    def edit(x: Tensor, y: Tensor) -> Tensor:
        out = y if base is None else base(x)
        if features is not None:
            out = out + features(x)
        return out if errors is None else out + errors(x, y)

    return edit


def _feature_shift(
    plan: Plan, coder: Transcoder, reference: Float[Tensor, "batch pos feature"], layer: int
) -> MlpReplacement | None:
    """What changed features add to the output, or None where none is touched."""
    gate, factor = plan.gates.feature[:, layer], plan.factor[layer]
    still = 1.0 if plan.inside == "model" else 0.0
    touched = (gate != still).any(0) | (factor != 1)
    at = touched.any(1).nonzero().squeeze(1)
    if not len(at):
        return None
    which = touched.any(0).nonzero().squeeze(1)
    g = gate[:, at][:, :, which][:, None]
    s = factor[at][:, which]
    resting = reference[:, at][:, :, which]
    W = coder.W_dec[which]

    def shift(x: Tensor) -> Tensor:
        a = coder.encode(x[:, at])[:, :, which].view(len(g), -1, len(at), len(which))
        moved = g * (a * s - resting)
        if still:
            moved = moved + (resting - a)
        hand_up(coder, moved, at, which)
        return torch.zeros_like(x).index_copy_(1, at, (moved @ W).flatten(0, 1))

    return shift


def _across(
    coder: Transcoder, features: MlpReplacement | None, *, rebuilds: bool
) -> MlpReplacement:
    """`features` with what lower layers' features add here; errors above need what is rebuilt."""

    def shift(x: Tensor) -> Tensor:
        own = torch.zeros_like(x) if features is None else features(x)
        if rebuilds:
            hand_up(coder, coder.encode(x), torch.arange(x.shape[1]), what="rebuilt")
        return arrived(coder, own)

    return shift


def _error_shift(plan: Plan, coder: Transcoder, ground: Ground, layer: int) -> MlpEdit | None:
    """What changed errors add to the output, or None where none is touched."""
    scales = {position: s for (at, position), s in plan.errors.items() if at == layer}
    inside_model, reference = plan.inside == "model", ground.reference.error[layer]
    held = None if ground.error is None else ground.error[layer]
    if inside_model and held is not None:
        at = torch.arange(plan.factor.shape[1])
    else:
        at = torch.tensor(sorted(scales), dtype=torch.long)
    if not len(at):
        return None
    new = _new_errors(at, scales, reference, held)

    def shift(x: Tensor, y: Tensor) -> Tensor:
        live = y[:, at] - coder.own(coder.encode(x[:, at]), x[:, at])
        if coder.crosses:
            live = live - arrived(coder, torch.zeros_like(x), what="rebuilt")[:, at]
        repeats = len(x) // len(new.fixed)
        before = live if inside_model else new.resting.repeat(len(x) // len(new.resting), 1, 1)
        after = new.fixed.repeat(repeats, 1, 1) + new.scale[:, None] * live
        return torch.zeros_like(y).index_copy_(1, at, after - before)

    return shift


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _NewErrors:
    """Errors after the change: fixed + scale × live."""

    fixed: Float[Tensor, "_ at d_model"]
    scale: Float[Tensor, " at"]
    resting: Float[Tensor, "_ at d_model"]
    """Their value inside the circuit when unchanged."""


def _new_errors(
    at: Int[Tensor, " at"], scales: dict[int, float], reference: Tensor, held: Tensor | None
) -> _NewErrors:
    """At each position: the reference (scale 0), a multiple of the live error, or held."""
    fixed, scale = [], []
    for position in at.tolist():
        asked = scales.get(position)
        rest = reference if held is None or asked == 0 else held
        fixed.append(rest[:, position] * float(asked is None or asked == 0))
        scale.append(asked or 0.0)
    resting = (reference if held is None else held)[:, at]
    widest = max(len(row) for row in fixed)
    return _NewErrors(
        fixed=torch.stack([row.expand(widest, -1) for row in fixed], dim=1),
        scale=torch.tensor(scale),
        resting=resting,
    )


def _head_edit(plan: Plan, ground: Ground, layer: int) -> HeadEdit | None:
    """What heads pass on, or None where none is touched."""
    gate, factor = plan.gates.head[:, layer], plan.head_factor[layer]
    if bool((gate == 1).all()) and bool((factor == 1).all()):
        return None
    return head_edit(gate[:, None], ground.reference.z[layer], factor)
