"""Does a dictionary belong to this model? Shapes alone cannot tell.

1. A set that records the key of the model it was trained on, and finds it, belongs.
2. Otherwise it is run beside the MLPs on the prompts at hand, first tokens left out. A layer whose
   unexplained variance (FVU) is 1 or more is explained better by its mean. If that is so in most
   layers, a set that names another model is refused; one that names none (files of other projects,
   weights drawn at random for a benchmark) is kept, and the reader is told.
"""

from collections.abc import Sequence
from statistics import median

import torch
from jaxtyping import Int
from torch import Tensor

from core.errors import TranscoderError
from core.models import LanguageModel
from core.transcoders.tensors import check_fits
from core.transcoders.transcoder_set import TranscoderSet

MEANS_BETTER = 1.0
"""FVU from which on the mean output says more than the dictionary."""


def check_belongs(
    transcoders: TranscoderSet,
    model: LanguageModel,
    prompts: Sequence[Int[Tensor, "_ _"]],
) -> tuple[str, ...]:
    """Refuse a dictionary that was made for another model.

    Args:
        transcoders: The set.
        model: What it is to stand in for.
        prompts: Token ids [prompt, pos] to try it on, where it does not record this very model.

    Returns:
        Sentences that a reader should know; none where it records this model.

    Raises:
        TranscoderError: If it does not fit, or records another model and explains this one's MLPs
            no better than their means; the message names the FVU.
    """
    check_fits(transcoders, model)
    if transcoders.model_key == model.key:
        return ()
    worth = fvu_by_layer(transcoders, model, prompts)
    foreign = bool(worth) and not median(worth) < MEANS_BETTER
    if foreign and transcoders.model_key:
        raise TranscoderError(
            f"These transcoders do not reconstruct the MLPs of {model.name}: they leave "
            f"{_figures(worth)} of the variance unexplained (by layer), and less than "
            f"{MEANS_BETTER:.0f} is required. They were trained on {transcoders.model_name!r}, "
            f"model key {transcoders.model_key[:12]}…; this one's is {model.key[:12]}…. Give the "
            "ones trained on this model, or train some with `hagd train`."
        )
    if not foreign and not transcoders.model_key:
        return ()
    record = "another model than this" if transcoders.model_key else "no model"
    verdict = "they may not belong to it" if foreign else "they do stand in for it"
    figures = _figures(worth) if worth else "none measured"
    return (
        f"These transcoders record {record}; on these prompts they leave {figures} of the variance "
        f"of {model.name}'s MLPs unexplained, by layer: {verdict}.",
    )


def fvu_by_layer(
    transcoders: TranscoderSet,
    model: LanguageModel,
    prompts: Sequence[Int[Tensor, "_ _"]],
) -> tuple[float, ...]:
    """Unexplained share of each layer's variance on these prompts, first tokens left out.

    Returns:
        One number a layer; none where the prompts have no two tokens to tell a variance from.
    """
    x, y = [], []
    for ids in prompts:
        trace = model.trace(ids)
        x.append(trace.mlp_in[:, :, 1:].flatten(1, 2).float())
        y.append(trace.mlp_out[:, :, 1:].flatten(1, 2).float())
    if sum(part.shape[1] for part in x) < 2:
        return ()
    inputs, outputs = torch.cat(x, 1), torch.cat(y, 1)
    found = []
    rebuilt = transcoders.rebuild(transcoders.encode(inputs), inputs)
    for y, found_y in zip(outputs, rebuilt, strict=True):
        away = (y - y.mean(0)).square().sum()
        error = (y - found_y).square().sum()
        found.append(float(error / away.clamp(min=1e-30)))
    return tuple(found)


def _figures(worth: Sequence[float]) -> str:
    """FVU of every layer, or their range where there are many."""
    if len(worth) > 6:
        return f"FVU {min(worth):.2f} to {max(worth):.2f}"
    return f"FVU {', '.join(f'{value:.2f}' for value in worth)}"
