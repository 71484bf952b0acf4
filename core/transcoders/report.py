"""How good a set of transcoders is, measured on prompts it was not trained on.

1. Reconstruction: per layer, the fraction of variance unexplained (FVU), first tokens left out;
   stricter, at each (layer, position) against that position's own mean; and the same for a nested
   prefix alone.
2. Sparsity: mean number of active features (L0) and the share that never fires.
3. Behaviour: the rise in cross-entropy of the answer when reconstructions replace the MLP outputs
   of one layer, and of all; and how often the all-replaced model still gives the model's top token
   and the right answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.models import Edits, LanguageModel
from core.models.hooks import MlpEdit
from core.tasks import PromptBatch
from core.transcoders.crossing import replacing
from core.transcoders.samples import Samples, collect
from core.transcoders.tensors import check_fits
from core.transcoders.transcoder_set import TranscoderSet


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerQuality:
    """One layer's transcoder on held-out prompts."""

    fvu: float
    """Fraction of variance unexplained, first tokens left out; 0 is perfect, 1 is the mean."""
    fvu_by_position: tuple[float | None, ...]
    """The same at each aligned position, against its own mean; None where nothing varies."""
    prefix: int
    """Dense features; 0 unless nested."""
    prefix_fvu_by_position: tuple[float | None, ...]
    """The dense prefix alone, its mean error taken off; empty unless nested."""
    l0: float
    """Mean number of active features of a token."""
    dead_share: float
    """Share of features that never fire on these prompts, in [0, 1]."""
    delta_ce: float
    """Rise of the answer's cross-entropy, in nats, when this layer alone is replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityReport:
    """A set of transcoders on held-out prompts."""

    layers: tuple[LayerQuality, ...]
    delta_ce: float
    """Rise of the answer's cross-entropy, in nats, when all layers are replaced."""
    replacement_accuracy: float
    """Share of prompts on which the all-replaced model's top token is the model's."""
    answer_accuracy: float
    """Share of prompts on which it is the answer."""
    model_accuracy: float
    """Share of prompts on which the unchanged model's is the answer."""
    n_prompts: int
    """Prompts measured on."""


def measure_transcoders(
    model: LanguageModel, transcoders: TranscoderSet, batches: Sequence[PromptBatch]
) -> QualityReport:
    """Reconstruction, sparsity and behaviour of a set on the clean prompts of some batches.

    Raises:
        TranscoderError: If the set does not fit the model, or there are no prompts.
    """
    check_fits(transcoders, model)
    samples = collect(model, batches)
    answer = torch.cat([batch.answer for batch in batches])
    plain = _logits(model, batches, {})
    ce = _cross_entropy(plain, answer)
    numbers = range(transcoders.n_layers)
    alone = [_logits(model, batches, replacing(transcoders, {number})) for number in numbers]
    replaced = _logits(model, batches, replacing(transcoders, numbers))
    activation = transcoders.encode(samples.x)
    rebuilt = transcoders.rebuild(activation, samples.x)
    dense = _dense(transcoders, activation, samples)
    top = replaced.argmax(-1)
    return QualityReport(
        layers=tuple(
            LayerQuality(
                **_reconstruction(samples, number, rebuilt[number]),
                prefix=layer.prefix,
                prefix_fvu_by_position=_alone(samples, number, dense) if layer.prefix else (),
                l0=float((activation[number, ~samples.first] != 0).float().sum(-1).mean()),
                dead_share=_share(~(activation[number] != 0).any(0)),
                delta_ce=_cross_entropy(alone[number], answer) - ce,
            )
            for number, layer in enumerate(transcoders)
        ),
        delta_ce=_cross_entropy(replaced, answer) - ce,
        replacement_accuracy=_share(top == plain.argmax(-1)),
        answer_accuracy=_share(top == answer),
        model_accuracy=_share(plain.argmax(-1) == answer),
        n_prompts=len(answer),
    )


def _logits(
    model: LanguageModel,
    batches: Sequence[PromptBatch],
    edits: Mapping[int, MlpEdit],
) -> Float[Tensor, "prompt d_vocab"]:
    with torch.no_grad():
        return torch.cat([model.run(batch.clean, Edits(mlp=edits)) for batch in batches])


def _cross_entropy(
    logits: Float[Tensor, "prompt d_vocab"], answer: Int[Tensor, " prompt"]
) -> float:
    return float(torch.nn.functional.cross_entropy(logits, answer))


def _share(hits: Tensor) -> float:
    return float(hits.float().mean())


def _reconstruction(
    samples: Samples, number: int, rebuilt: Float[Tensor, "sample d_model"]
) -> dict[str, Any]:
    """FVU of one layer, in all and by position."""
    y, rest = samples.y[number], ~samples.first
    error, away = y - rebuilt, y - y[rest].mean(0)
    return {
        "fvu": float(_squares(error[rest]) / _squares(away[rest]).clamp(min=1e-30)),
        "fvu_by_position": _by_position(error, _centred(y, samples), samples),
    }


def _dense(
    transcoders: TranscoderSet, activation: Float[Tensor, "layer sample feature"], samples: Samples
) -> Float[Tensor, "layer sample d_model"]:
    """What the dense prefixes alone write."""
    kept = torch.arange(transcoders.n_features) < torch.tensor(transcoders.prefixes)[:, None]
    return transcoders.rebuild(activation * kept[:, None], samples.x)


def _alone(
    samples: Samples, number: int, dense: Float[Tensor, "layer sample d_model"]
) -> tuple[float | None, ...]:
    error = _centred(samples.y[number] - dense[number], samples)
    return _by_position(error, _centred(samples.y[number], samples), samples)


def _by_position(
    error: Float[Tensor, "sample d_model"], away: Float[Tensor, "sample d_model"], samples: Samples
) -> tuple[float | None, ...]:
    found: list[float | None] = []
    loudest = float(away.square().sum(-1).max())
    for position in range(samples.n_positions):
        here = (samples.position == position) & ~samples.first
        varies = bool(here.any()) and float(away[here].square().sum(-1).max()) > 1e-9 * loudest
        fvu = _squares(error[here]) / _squares(away[here]) if varies else None
        found.append(None if fvu is None else float(fvu))
    return tuple(found)


def _centred(
    values: Float[Tensor, "sample d_model"], samples: Samples
) -> Float[Tensor, "sample d_model"]:
    """Values less their position's mean."""
    return values - samples.position_means(values[None])[0][samples.position]


def _squares(values: Float[Tensor, "sample d_model"]) -> Float[Tensor, ""]:
    return values.square().sum()
