"""Which declared task variable a feature follows, and how.

1. η²: the share of a feature's variance between prompts that lies between the values of one
   variable, corrected for the number of values (the adjusted R² of a one-way layout); 0 for noise
   on average, at most 1. Numbers with too many values for that are put into ten bins.
2. Waves: for whole numbers with at least 20 values, the best cos(2πkv/N + φ), as modular
   arithmetic is carried by such features (Nanda et al. 2023, arXiv 2301.05217). Each R² is
   corrected for its two coefficients; a half-wave rectified cosine reaches 0.84.
`names` makes words of them.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

Value = int | float | str
FEWEST_FOR_WAVE = 20
"""Values a whole-number variable needs before waves are fitted."""
BINS = 10
"""Bins of a number with more values than a third of the prompts."""
WAVES = 3
"""Waves kept of each variable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wave:
    """A single frequency: amplitude · cos(2π frequency · v / period + phase)."""

    frequency: int
    """Turns over one period."""
    period: int
    """Largest value − smallest value + 1, over the whole task."""
    phase: float
    """In units of π, in (−1, 1]."""
    amplitude: float
    """In units of the activation."""
    offset: float
    """Mean of the fit."""
    r2: float
    """Adjusted share of the feature's variance."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VariableFit:
    """One feature over the values of one variable."""

    variable: str
    """Name, as the task declares it."""
    values: tuple[Value, ...]
    """Values in order; the middles of bins where binned."""
    mean: Float[Tensor, " value"]
    """Mean activation at each."""
    count: Int[Tensor, " value"]
    """Prompts with each."""
    eta2: float
    """Bias-corrected η²."""
    waves: tuple[Wave, ...]
    """The best waves, strongest first; empty where none are fitted."""

    @property
    def wave(self) -> Wave | None:
        """The best wave, where waves are fitted."""
        return self.waves[0] if self.waves else None

    @property
    def strength(self) -> float:
        """The larger share of variance: of the values or of the best wave."""
        return max(self.eta2, self.waves[0].r2 if self.waves else 0.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Column:
    """One variable on the prompts."""

    name: str
    values: tuple[Value, ...]
    group: Int[Tensor, " prompt"]
    whole: Int[Tensor, " prompt"] | None
    """The values themselves where waves are fitted."""


def variable_fits(
    activation: Float[Tensor, "prompt node"],
    variables: Sequence[Mapping[str, Value]],
    periods: Mapping[str, int] | None = None,
) -> list[tuple[VariableFit, ...]]:
    """For each node, every variable's fit, strongest first.

    Args:
        activation: Of several features on the same prompts.
        variables: Of each prompt; those not declared on every prompt, or constant, are left out.
        periods: Of whole-number variables; their range on these prompts where not given.
    """
    fits: list[list[VariableFit]] = [[] for _ in range(activation.shape[1])]
    for column in _columns(variables):
        mean, count = _group_means(activation, column)
        eta2 = _eta2(activation, column, mean, count)
        waves = _waves(activation, column, (periods or {}).get(column.name))
        for node, mine in enumerate(fits):
            mine.append(
                VariableFit(
                    variable=column.name,
                    values=column.values,
                    mean=mean[:, node],
                    count=count,
                    eta2=float(eta2[node]),
                    waves=waves[node] if waves else (),
                )
            )
    return [tuple(sorted(mine, key=lambda fit: -fit.strength)) for mine in fits]


def _columns(variables: Sequence[Mapping[str, Value]]) -> list[_Column]:
    names = list(variables[0]) if variables else []
    shared = [name for name in names if all(name in row for row in variables)]
    found = [_column(name, [row[name] for row in variables]) for name in shared]
    return [column for column in found if len(column.values) > 1]


def _column(name: str, values: list[Value]) -> _Column:
    kinds = sorted(set(values), key=lambda v: (isinstance(v, str), v))
    numbers = [v for v in values if not isinstance(v, str)]
    whole = len(numbers) == len(values) and all(float(v).is_integer() for v in numbers)
    if len(numbers) == len(values) and len(kinds) > max(BINS, len(values) / 3):
        group, middles = _binned(torch.tensor(numbers, dtype=torch.float64))
    else:
        place = {value: i for i, value in enumerate(kinds)}
        group, middles = torch.tensor([place[v] for v in values]), tuple(kinds)
    waved = whole and len(kinds) >= FEWEST_FOR_WAVE
    numbers_or_none = torch.tensor([int(v) for v in numbers]) if waved else None
    return _Column(name=name, values=middles, group=group, whole=numbers_or_none)


def _binned(numbers: Float[Tensor, " prompt"]) -> tuple[Tensor, tuple[Value, ...]]:
    """Ten bins of about equally many prompts, named by their mean."""
    edges = torch.quantile(numbers, torch.linspace(0, 1, BINS + 1, dtype=numbers.dtype)[1:-1])
    _, group = torch.unique(torch.bucketize(numbers, edges), return_inverse=True)
    middles = tuple(float(numbers[group == i].mean()) for i in range(int(group.max()) + 1))
    return group, middles


def _group_means(
    activation: Float[Tensor, "prompt node"], column: _Column
) -> tuple[Float[Tensor, "value node"], Int[Tensor, " value"]]:
    size = len(column.values)
    count = torch.bincount(column.group, minlength=size)
    total = activation.new_zeros(size, activation.shape[1]).index_add_(0, column.group, activation)
    return total / count[:, None], count


def _eta2(
    activation: Float[Tensor, "prompt node"],
    column: _Column,
    mean: Float[Tensor, "value node"],
    count: Int[Tensor, " value"],
) -> Float[Tensor, " node"]:
    """Adjusted share of variance between groups; 0 without variance or spare prompts."""
    n, k = len(activation), len(column.values)
    whole = activation.double().var(0, correction=0) * n
    within = (activation - mean[column.group]).double().pow(2).sum(0)
    if n <= k:
        return torch.zeros_like(whole)
    share = 1 - within / whole * (n - 1) / (n - k)
    return torch.where(whole > 1e-12, share, 0.0).clamp(0, 1)


def periods_of(variables: Sequence[Mapping[str, Value]]) -> dict[str, int]:
    """Largest value − smallest value + 1 of every whole-number variable."""
    found: dict[str, set[float]] = {}
    for row in variables:
        for name, value in row.items():
            found.setdefault(name, set()).add(math.nan if isinstance(value, str) else float(value))
    whole = {n: v for n, v in found.items() if all(x.is_integer() for x in v)}
    return {name: int(max(values) - min(values)) + 1 for name, values in whole.items()}


def _waves(
    activation: Float[Tensor, "prompt node"], column: _Column, known: int | None
) -> list[tuple[Wave, ...]]:
    """The best frequencies of every node, each by least squares on its own cosine and sine."""
    if column.whole is None or len(activation) < 4:
        return []
    period = known or int(column.whole.max() - column.whole.min()) + 1
    k = torch.arange(1, (period - 1) // 2 + 1)
    angle = 2 * math.pi * k * column.whole[:, None].double() / period
    cosine, sine = (v - v.mean(0) for v in (angle.cos(), angle.sin()))
    a = activation.double() - activation.double().mean(0)
    cc, ss, cs = (cosine**2).sum(0), (sine**2).sum(0), (cosine * sine).sum(0)
    ca, sa = cosine.T @ a, sine.T @ a
    det = (cc * ss - cs**2).clamp(min=1e-9)[:, None]
    p = (ss[:, None] * ca - cs[:, None] * sa) / det
    q = (cc[:, None] * sa - cs[:, None] * ca) / det
    total = a.pow(2).sum(0)
    r2 = torch.where(total > 1e-12, (p * ca + q * sa) / total.clamp(min=1e-12), 0.0)
    # The offset of each fit: the mean, with the mean of cosine and sine taken out.
    shift = p * angle.cos().mean(0)[:, None] + q * angle.sin().mean(0)[:, None]
    offset = activation.double().mean(0) - shift
    n, best = len(activation), r2.topk(min(WAVES, len(k)), dim=0).indices

    def wave(row: int, node: int) -> Wave:
        return Wave(
            frequency=int(k[row]),
            period=period,
            phase=math.atan2(-float(q[row, node]), float(p[row, node])) / math.pi,
            amplitude=math.hypot(float(p[row, node]), float(q[row, node])),
            offset=float(offset[row, node]),
            r2=max(0.0, 1 - (1 - float(r2[row, node])) * (n - 1) / (n - 3)),
        )

    return [tuple(wave(row, node) for row in rows) for node, rows in enumerate(best.T.tolist())]
