"""How long the dense prefix of a nested dictionary has to be, where it is not told.

1. Take what a layer's MLP writes at the positions that the prefix is for, on prompts nothing is
   trained on (the selection split), less each position's mean: an ablation keeps the mean.
2. Divide each position by its size, as training weighs its error, so that a quiet position that is
   needed counts as much as a loud one.
3. Pool the positions of a layer, for they share its features, and count the principal directions
   that hold `NestedSettings.variance` of the variance. Fewer features than directions cannot carry
   the output.
4. The prefix is `per_rank` times that rank, and its `lengths`, which must reconstruct alone, are
   shorter multiples: one fit then holds good circuits of several sizes.

Only outputs are looked at, never answers. Positions to leave out come from ablations of whole MLP
outputs (`core.interventions.sites`), which are made before there is any feature.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from core.errors import SettingsError
from core.transcoders.samples import Samples
from core.transcoders.settings import TrainSettings


def pooled_ranks(
    samples: Samples, sites: Float[Tensor, "layer pos"], variance: float
) -> tuple[int, ...]:
    """Principal directions of each layer's outputs over all the positions that it is needed at.

    Args:
        samples: First tokens are left out.
        sites: Weight of each (layer, aligned position); 0 leaves it out.
        variance: Share to hold, in (0, 1).

    Returns:
        One number a layer; 0 where nothing varies at its sites.
    """
    y = samples.y.double()  # a mean in float32 is off by more than a constant output varies
    away = y - samples.position_means(y)[:, samples.position]
    smallest = 1e-5 * y.square().sum(-1).mean(1).sqrt()
    size = samples.loudness().sqrt().maximum(smallest[:, None]).clamp(min=1e-30)[..., None]
    wanted = (sites > 0)[:, samples.position] & ~samples.first
    pairs = zip(away / size, wanted, strict=True)
    return tuple(_rank(outputs[here], variance) for outputs, here in pairs)


def sized(settings: TrainSettings, samples: Samples) -> TrainSettings:
    """The settings with the prefix that the rank of the outputs asks for.

    Args:
        settings: Of a dictionary with a dense prefix; `nested.sites` say where it is needed
            (`only_at`), everywhere if there are none.
        samples: Of the selection split (`collect`).

    Raises:
        SettingsError: If `sites` do not fit the model.
    """
    nested = settings.nested
    ranks = pooled_ranks(samples, site_weights(samples, settings), nested.variance)
    prefix = prefix_sizes(ranks, nested.per_rank, settings.features - settings.k)
    return replace(settings, nested=replace(nested, prefix=prefix))


def prefixes(settings: TrainSettings, layers: int) -> tuple[int, ...]:
    """Dense features of each of `layers` layers, as told; none in a TopK dictionary.

    Raises:
        SettingsError: If other than one size a layer is told.
    """
    told = settings.nested.prefix
    if settings.kind == "topk" or not told:
        return (0,) * layers
    if len(told) != layers:
        raise SettingsError(
            f"`prefix` has {len(told)} sizes for {layers} layers; one for each layer is required. "
            "Give as many; `hagd train` and `hagd run` size the prefix where none is given."
        )
    return told


def prefix_sizes(ranks: Sequence[int], per_rank: float, most: int) -> tuple[int, ...]:
    """Dense features of each layer: `per_rank` for each direction, from 1 to `most`."""
    return tuple(max(1, min(most, round(per_rank * rank))) for rank in ranks)


def site_weights(samples: Samples, settings: TrainSettings) -> Float[Tensor, "layer pos"]:
    """Weight of each site in the prefixes' error; 1 everywhere unless told.

    Raises:
        SettingsError: If the settings weigh other layers or positions than there are.
    """
    shape = (len(samples.x), samples.n_positions)
    sites = settings.nested.sites
    if not sites:
        return torch.ones(shape)
    if (len(sites), *{len(row) for row in sites}) != shape:
        raise SettingsError(
            f"`sites` weighs {[len(row) for row in sites]} positions of each layer; "
            f"{shape[0]} rows of {shape[1]} are required. Give one weight for each site."
        )
    return torch.tensor(sites)


def _rank(outputs: Float[Tensor, "sample d_model"], variance: float) -> int:
    """Directions that hold the share; 0 where (next to) nothing varies.

    Unlike `core.interventions.sites.pca_rank` it takes no mean off: `outputs` come less each
    position's own mean and divided by its size, so that their squares sum to about 1 a sample, and
    nothing varies where that is 1e-4 or less.
    """
    spectrum = torch.linalg.svdvals(outputs).square()
    total = spectrum.sum()
    if float(total) <= 1e-4 * len(outputs):
        return 0
    return int((spectrum.cumsum(0) < variance * total).sum()) + 1
