"""Can a task variable be read from an error, and which directions tell it?

1. A linear probe for every position and variable: ridge regression onto one column for each value
   (numbers of many values in ten bins), the largest column being the answer. Fitted on the
   features split; position and ridge strength chosen on the selection split; judged on the test
   split.
2. The same probe on what the transcoder reconstructs, and a *control task*: the same probe with its
   labels shuffled between prompts (Hewitt & Liang 2019, arXiv 1909.03368). Selectivity is accuracy
   less the control's. p is by permuting the judged prompts' labels.
3. The probed directions: at each position the principal directions of the error's mean over the
   values of the variable, at most 8. Taking them out sets the error's share along them to its mean.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.darkmatter.sample import Value
from core.darkmatter.split import position_means
from core.features.variables import columns_of, group_means

STRENGTHS = (1e-3, 1e-1)
"""Ridge strengths tried, in shares of the mean variance."""
CONTROLS = 3
"""Shuffled label sets of the control task."""
PERMUTATIONS = 999
MOST_DIRECTIONS = 8
"""Directions that are taken out, at most."""
CONSTANT = 1e-10
"""Share of an error's mean square below which what varies is rounding."""


class Labels(NamedTuple):
    """One variable on the prompts of the three splits."""

    name: str
    n_values: int
    fit: Int[Tensor, " prompt"]
    choose: Int[Tensor, " prompt"]
    judge: Int[Tensor, " prompt"]


class Views(NamedTuple):
    """The same vectors on the prompts of the three splits."""

    fit: Float[Tensor, "prompt pos d_model"]
    choose: Float[Tensor, "prompt pos d_model"]
    judge: Float[Tensor, "prompt pos d_model"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One variable, read from one layer's error."""

    variable: str
    n_values: int
    position: int
    """Where it was read best, on the selection split."""
    accuracy: float
    """Share of test prompts whose value is read right."""
    written: float
    """The same from what the transcoder reconstructs, at its own best position."""
    control: float
    """Accuracy on the control task."""
    p_value: float
    """Of the accuracy, against permuted labels."""

    @property
    def selectivity(self) -> float:
        """Accuracy less that on the control task."""
        return self.accuracy - self.control


def labels_of(
    variables: Sequence[Sequence[Mapping[str, Value]]],
) -> list[Labels]:
    """The variables that every prompt of three splits declares, coded alike in all of them."""
    sizes = [len(rows) for rows in variables]
    columns = columns_of([row for rows in variables for row in rows])
    return [
        Labels(column.name, len(column.values), *column.group.split(sizes)) for column in columns
    ]


def probe_all(error: Views, written: Views, labels: Sequence[Labels], seed: int) -> list[Probe]:
    """A probe for each variable, in the order given; none where there is no variable."""
    if not labels:
        return []
    generator = torch.Generator().manual_seed(seed)
    shuffled = [_shuffled(one, generator) for one in labels for _ in range(CONTROLS)]
    read = _read(error, [*labels, *shuffled])
    beside = _read(written, labels)
    found = []
    for i, one in enumerate(labels):
        real, first = read[i], len(labels) + i * CONTROLS
        controls = read[first : first + CONTROLS]
        control = sum(c.judged.mean().item() for c in controls) / CONTROLS
        found.append(
            Probe(
                variable=one.name,
                n_values=one.n_values,
                position=real.position,
                accuracy=float(real.judged.mean()),
                written=float(beside[i].judged.mean()),
                control=control,
                p_value=_permuted(real.said, one.judge, generator),
            )
        )
    return found


def probed_directions(
    error: Float[Tensor, "prompt pos d_model"], labels: Labels, mean: Float[Tensor, "pos d_model"]
) -> Float[Tensor, "pos direction d_model"]:
    """Orthonormal rows at each position that the values' means differ along; rank by values."""
    rank = min(labels.n_values - 1, MOST_DIRECTIONS, error.shape[-1])
    deviation = (error - mean).flatten(1)
    means, count = group_means(deviation, labels.fit, labels.n_values)
    weighted = means.nan_to_num(0.0) * count.float().sqrt()[:, None]
    by_position = weighted.view(labels.n_values, *mean.shape).transpose(0, 1)
    return torch.linalg.svd(by_position, full_matrices=False).Vh[:, :rank]


def without(
    error: Float[Tensor, "prompt pos d_model"],
    mean: Float[Tensor, "pos d_model"],
    directions: Float[Tensor, "pos direction d_model"],
) -> Float[Tensor, "prompt pos d_model"]:
    """The error with its deviation along the directions taken out."""
    along = torch.einsum("npd,prd->npr", error - mean, directions)
    return error - torch.einsum("npr,prd->npd", along, directions)


class _Reading(NamedTuple):
    position: int
    chosen: float
    """Accuracy on the selection split, at the best position and strength."""
    said: Int[Tensor, " prompt"]
    """Values read on the test split."""
    judged: Float[Tensor, " prompt"]
    """1 where that is right."""


def _read(views: Views, labels: Sequence[Labels]) -> list[_Reading]:
    """Every variable at its best position; one factorisation serves all variables."""
    mean = position_means(views.fit, torch.ones(views.fit.shape[:2], dtype=torch.bool))
    fit, choose, judge = (values - mean for values in views)
    targets = [torch.nn.functional.one_hot(one.fit, one.n_values).float() for one in labels]
    target = torch.cat([one - one.mean(0) for one in targets], 1)
    best: list[_Reading | None] = [None] * len(labels)
    # What rounding leaves of a constant error is nothing to read (and has no eigenvectors).
    varies = fit.square().sum((0, 2)) > CONSTANT * views.fit.square().sum((0, 2))
    for position in range(fit.shape[1]):
        if not varies[position]:
            continue
        for weights in _weights(fit[:, position], target):
            widths = [one.n_values for one in labels]
            chosen = (choose[:, position] @ weights).split(widths, 1)
            judged = (judge[:, position] @ weights).split(widths, 1)
            for i, one in enumerate(labels):
                accuracy = float((chosen[i].argmax(1) == one.choose).float().mean())
                known = best[i]
                if known is None or accuracy > known.chosen:
                    said = judged[i].argmax(1)
                    right = (said == one.judge).float()
                    best[i] = _Reading(position, accuracy, said, right)
    return [reading or _nothing(one) for reading, one in zip(best, labels, strict=True)]


def _weights(
    x: Float[Tensor, "prompt d_model"], target: Float[Tensor, "prompt value"]
) -> list[Float[Tensor, "d_model value"]]:
    """Ridge weights at each strength."""
    values, vectors = torch.linalg.eigh(x.T @ x)
    turned = vectors.T @ (x.T @ target)
    scale = values.mean().clamp(min=torch.finfo(x.dtype).tiny)
    return [vectors @ (turned / (values.clamp(min=0) + s * scale)[:, None]) for s in STRENGTHS]


def _nothing(labels: Labels) -> _Reading:
    """Where an error never varies: the first value, always."""
    said = torch.zeros_like(labels.judge)
    return _Reading(0, float((labels.choose == 0).float().mean()), said, (labels.judge == 0) * 1.0)


def _shuffled(labels: Labels, generator: torch.Generator) -> Labels:
    """The control task: each split's labels dealt anew among its prompts."""
    dealt = [
        values[torch.randperm(len(values), generator=generator)]
        for values in (labels.fit, labels.choose, labels.judge)
    ]
    return Labels(labels.name, labels.n_values, *dealt)


def _permuted(
    said: Int[Tensor, " prompt"], truth: Int[Tensor, " prompt"], generator: torch.Generator
) -> float:
    """p of the number read right, against permuted truths."""
    right = int((said == truth).sum())
    order = torch.rand(PERMUTATIONS, len(truth), generator=generator).argsort(1)
    by_luck = (truth[order] == said).sum(1)
    return (1 + int((by_luck >= right).sum())) / (PERMUTATIONS + 1)
