"""What a feature is about, in a few characters, from its fits.

In this order: the same wave of two variables (`cos 24·a + cos 24·b`), one to three waves of one
variable (`cos 5·result`, `cos 1, 24·result`), a few of its values (`a = 17, 18`, `a = 17, 18 and 4
more`; `Mary · subject` where the variable's own name is long, since names are cut at their end), a
trend (`high a`), or just the variable (`varies with b`). Only a variable that beats its shuffled
self names anything.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch

from core.features.variables import Value, VariableFit

LEAST_ETA2 = 0.3
"""Least η² for a variable to name a feature."""
LEAST_WAVES = 0.5
"""Least R² of the waves that name a feature, together; and least share of η²."""
LEAST_WAVE = 0.1
"""Least R² of each of several waves."""
MOST_VALUES = 3
"""Values that a name lists; the first two where there are more."""
FEW = 1 / 3
"""Share of the values that are few enough to be told by the first two."""
SHORT_NAME = 6
"""Letters of a variable's name that may stand before its values."""
TREND = 0.7
"""Least correlation of means and values for a trend."""


class Reading(NamedTuple):
    """What a feature follows."""

    name: str
    """For people."""
    variables: tuple[str, ...]
    """One, or two that share a wave."""
    frequencies: tuple[int, ...]
    """Of its waves, ascending; empty where it is read otherwise."""


def reading(fits: Sequence[VariableFit]) -> Reading | None:
    """What a feature follows; None where it follows no declared variable.

    Args:
        fits: Of one feature, strongest first (`variable_fits`).
    """
    known = [fit for fit in fits if fit.found]
    for found in (_shared_wave(known), *(_one_variable(fit) for fit in known)):
        if found is not None:
            return found
    return None


def _shared_wave(fits: Sequence[VariableFit]) -> Reading | None:
    """Two variables with the same best frequency, together at least half of the variance."""
    waved = [fit for fit in fits if fit.waves]
    if len(waved) < 2 or waved[0].waves[0].frequency != waved[1].waves[0].frequency:
        return None
    first, second = (fit.waves[0].r2 for fit in waved[:2])
    if first + second < LEAST_WAVES or second < first / 2:
        return None
    names = tuple(sorted(fit.variable for fit in waved[:2]))
    k = waved[0].waves[0].frequency
    return Reading(" + ".join(f"cos {k}·{name}" for name in names), names, (k,))


def _one_variable(fit: VariableFit) -> Reading | None:
    if waves := _enough_waves(fit):
        shown = ", ".join(map(str, waves))
        return Reading(f"cos {shown}·{fit.variable}", (fit.variable,), waves)
    if fit.eta2 < LEAST_ETA2:
        return None
    return Reading(_by_values(fit), (fit.variable,), ())


def _enough_waves(fit: VariableFit) -> tuple[int, ...]:
    """The fewest waves that hold enough of the variance together, and any nearly as strong as the
    first; none where they never hold enough."""
    wanted = LEAST_WAVES * max(1.0, fit.eta2)
    chosen, total = [], 0.0
    for wave in fit.waves:
        near = bool(chosen) and wave.r2 >= chosen[0].r2 / 2
        if wave.r2 < LEAST_WAVE or (total >= wanted and not near):
            break
        chosen.append(wave)
        total += wave.r2
    return tuple(sorted(wave.frequency for wave in chosen)) if total >= wanted else ()


def _by_values(fit: VariableFit) -> str:
    middle = (fit.mean.max() + fit.mean.min()) / 2
    order = fit.mean.argsort(descending=True, stable=True).tolist()
    tops = [i for i in order if fit.mean[i] >= middle]
    if len(tops) <= MOST_VALUES and len(tops) < len(fit.values):
        return valued(fit.variable, [fit.values[i] for i in sorted(tops)])
    slope = _slope(fit)
    if abs(slope) >= TREND:
        return f"{'high' if slope > 0 else 'low'} {fit.variable}"
    if len(tops) <= FEW * len(fit.values):
        return valued(fit.variable, [fit.values[i] for i in tops[:2]], len(tops) - 2)
    return f"varies with {fit.variable}"


def valued(variable: str, values: Sequence[Value], more: int = 0) -> str:
    """Some values of a variable: `a = 17, 18`, or `Mary and 4 more · subject` after a long name."""
    listed = ", ".join(_short(value) for value in values) + (f" and {more} more" if more else "")
    return f"{variable} = {listed}" if len(variable) <= SHORT_NAME else f"{listed} · {variable}"


def _slope(fit: VariableFit) -> float:
    """Correlation of the means with the values; 0 for words."""
    numbers = [value for value in fit.values if not isinstance(value, str)]
    if len(numbers) < 4 or len(numbers) < len(fit.values):
        return 0.0
    pair = torch.stack([torch.tensor(numbers, dtype=torch.float64), fit.mean.double()])
    return float(torch.corrcoef(pair)[0, 1].nan_to_num())


def _short(value: Value) -> str:
    return value if isinstance(value, str) else f"{value:g}"
