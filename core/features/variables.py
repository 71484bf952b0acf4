"""Which declared task variable a feature follows, and how.

1. η²: the share of a feature's variance between prompts that lies between the values of one
   variable, corrected for the number of values (the adjusted R² of a one-way layout); 0 for noise
   on average, at most 1. Numbers with too many values for that are put into ten bins.
2. Waves (`waves`): for whole numbers with at least 20 values, single frequencies.
3. The control: what both would find with the variable's values shuffled between the prompts. A
   feature that fires on two prompts can reach a high η² by luck; its shuffled selves then do too.
`names` makes words of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.features.waves import Wave, best_waves, circle, wave_fits

Value = int | float | str
FEWEST_FOR_WAVE = 20
"""Values a whole-number variable needs before waves are fitted."""
BINS = 10
"""Bins of a number with more values than a third of the prompts."""
SHUFFLES = 19
"""Shuffles of the control: what beats them all is found by luck in one case of twenty."""


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
    control: float = 0.0
    """The largest strength with the values shuffled between prompts."""

    @property
    def wave(self) -> Wave | None:
        """The best wave, where waves are fitted."""
        return self.waves[0] if self.waves else None

    @property
    def strength(self) -> float:
        """The larger share of variance: of the values or of the best wave."""
        return max(self.eta2, self.waves[0].r2 if self.waves else 0.0)

    @property
    def found(self) -> bool:
        """Whether the variable explains more than any shuffled one."""
        return self.strength > self.control


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Column:
    """One variable on the prompts."""

    name: str
    values: tuple[Value, ...]
    """Its values in order, or the middles of its bins."""
    group: Int[Tensor, " prompt"]
    """Which of them each prompt has."""
    angle: Float[Tensor, "prompt wave"] | None
    """The angles of every frequency where waves are fitted."""
    period: int
    """Of the waves."""


def variable_fits(
    activation: Float[Tensor, "prompt node"],
    variables: Sequence[Mapping[str, Value]],
    periods: Mapping[str, int] | None = None,
    *,
    shuffles: int = SHUFFLES,
) -> list[tuple[VariableFit, ...]]:
    """For each node, every variable's fit, strongest first.

    Args:
        activation: Of several features on the same prompts.
        variables: Of each prompt; those not declared on every prompt, or constant, are left out.
        periods: Of whole-number variables; their range on these prompts where not given.
        shuffles: Of the control.
    """
    fits: list[list[VariableFit]] = [[] for _ in range(activation.shape[1])]
    for column in columns_of(variables, periods):
        mean, count = group_means(activation, column.group, len(column.values))
        eta2 = _eta2(activation, column, column.group)
        waves = _waves(activation, column)
        control = _control(activation, column, shuffles)
        for node, mine in enumerate(fits):
            mine.append(
                VariableFit(
                    variable=column.name,
                    values=column.values,
                    mean=mean[:, node],
                    count=count,
                    eta2=float(eta2[node]),
                    waves=waves[node] if waves else (),
                    control=float(control[node]),
                )
            )
    return [tuple(sorted(mine, key=lambda fit: -fit.strength)) for mine in fits]


def columns_of(
    variables: Sequence[Mapping[str, Value]], periods: Mapping[str, int] | None = None
) -> list[Column]:
    """The variables that every prompt declares and that are not constant."""
    names = list(variables[0]) if variables else []
    shared = [name for name in names if all(name in row for row in variables)]
    known = periods or {}
    found = [_column(name, [row[name] for row in variables], known.get(name)) for name in shared]
    return [column for column in found if len(column.values) > 1]


def _column(name: str, values: list[Value], period: int | None) -> Column:
    kinds = sorted(set(values), key=lambda v: (isinstance(v, str), v))
    numbers = [v for v in values if not isinstance(v, str)]
    whole = len(numbers) == len(values) and all(float(v).is_integer() for v in numbers)
    if len(numbers) == len(values) and len(kinds) > max(BINS, len(values) / 3):
        group, middles = _binned(torch.tensor(numbers, dtype=torch.float64))
    else:
        place = {value: i for i, value in enumerate(kinds)}
        group, middles = torch.tensor([place[v] for v in values]), tuple(kinds)
    waved = whole and len(kinds) >= FEWEST_FOR_WAVE
    turns = torch.tensor([int(v) for v in numbers]) if waved else None
    size = 0 if turns is None else period or int(turns.max() - turns.min()) + 1
    angle = None if turns is None else circle(turns, size)
    return Column(name=name, values=middles, group=group, angle=angle, period=size)


def _binned(numbers: Float[Tensor, " prompt"]) -> tuple[Tensor, tuple[Value, ...]]:
    """Ten bins of about equally many prompts, named by their mean."""
    edges = torch.quantile(numbers, torch.linspace(0, 1, BINS + 1, dtype=numbers.dtype)[1:-1])
    _, group = torch.unique(torch.bucketize(numbers, edges), return_inverse=True)
    middles = tuple(float(numbers[group == i].mean()) for i in range(int(group.max()) + 1))
    return group, middles


def group_means(
    activation: Float[Tensor, "prompt node"], group: Int[Tensor, " prompt"], size: int
) -> tuple[Float[Tensor, "value node"], Int[Tensor, " value"]]:
    """Mean of every node on the prompts of each value, and how many they are."""
    count = torch.bincount(group, minlength=size)
    total = activation.new_zeros(size, activation.shape[1]).index_add_(0, group, activation)
    return total / count[:, None], count


def _eta2(
    activation: Float[Tensor, "prompt node"], column: Column, group: Int[Tensor, " prompt"]
) -> Float[Tensor, " node"]:
    """Adjusted share of variance between groups; 0 without variance or spare prompts."""
    n, k = len(activation), len(column.values)
    whole = activation.double().var(0, correction=0) * n
    if n <= k:
        return torch.zeros_like(whole)
    mean, count = group_means(activation.double(), group, k)
    between = (mean - activation.double().mean(0)).pow(2) * count[:, None]
    share = 1 - (whole - between.sum(0)) / whole * (n - 1) / (n - k)
    return torch.where(whole > 1e-12, share, 0.0).clamp(0, 1)


def _waves(activation: Float[Tensor, "prompt node"], column: Column) -> list[tuple[Wave, ...]]:
    if column.angle is None or len(activation) < 4:
        return []
    return best_waves(wave_fits(activation, column.angle), column.period)


def _control(
    activation: Float[Tensor, "prompt node"], column: Column, shuffles: int
) -> Float[Tensor, " node"]:
    """The largest η² or R² of one wave among the shuffles."""
    most = activation.new_zeros(activation.shape[1], dtype=torch.float64)
    for order in orders(len(activation), shuffles):
        most = most.maximum(_eta2(activation, column, column.group[order]))
        if column.angle is not None and len(activation) >= 4:
            most = most.maximum(wave_fits(activation, column.angle[order]).r2.amax(0))
    return most


def orders(prompts: int, shuffles: int) -> list[Int[Tensor, " prompt"]]:
    """The same shuffles of the prompts on every call."""
    chance = torch.Generator().manual_seed(0)
    return [torch.randperm(prompts, generator=chance) for _ in range(shuffles)]
