"""What a group of features carries, beside its control.

Frequencies: those that can be decoded from the group nearly as well as the best one
(`core.features.readout`), named by their share of its members' variance, where that share is more
than any frequency has when the values are dealt new numbers: a group that merely knows the value
gives every frequency. Else the variables that explain most of that variance (mean η²). Both only
where they beat the variable shuffled between prompts.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

from core.features.measured import Measured
from core.features.readout import Decoded

LEAST = 0.3
"""Least score, or share of the members' variance, of what names a group."""
LEAST_WAVE = 0.5
"""The same for frequencies: a slow wave follows anything that grows with the variable a little."""
DECODED = 0.75
"""Share of the best score that another frequency must reach."""
NEAR = 0.7
"""Share of the largest share that another variable or frequency must reach."""
MOST = {"frequency": 3, "variable": 2}
"""Parts of a kind that a name holds."""


class Carried(NamedTuple):
    """What a group carries."""

    variables: tuple[str, ...]
    """As the task declares them, strongest first."""
    frequencies: tuple[int, ...]
    """Strongest first; empty where no wave leads."""


def carried(measured: Measured, members: Sequence[int], read: Sequence[Decoded]) -> Carried | None:
    """Its frequencies or else its variables; None where nothing beats its control.

    Args:
        measured: Of the members and others.
        members: Places of the members among them.
        read: What is decoded from the members together.
    """
    return _waves(measured, members, read) or _variables(measured, members)


def _waves(measured: Measured, members: Sequence[int], read: Sequence[Decoded]) -> Carried | None:
    """The frequencies that are decoded nearly as well as the best, by share of the variance."""
    share: dict[tuple[str, int | None], float] = defaultdict(float)
    for i in members:
        for fit in measured.fits[i]:
            for wave in fit.waves if fit.found else ():
                share[fit.variable, wave.frequency] += wave.r2 / len(members)
    waves = [d for d in read if d.frequency and d.found]
    best = max((d.score for d in waves), default=0.0)
    good = {
        (d.variable, d.frequency): share[d.variable, d.frequency]
        for d in waves
        if d.score >= DECODED * best
    }
    luck = {name: _luck(values, members) for name, values in measured.renumbered.items()}
    chosen = [one for one in _near(good) if good[one] > luck[one[0]]]
    # Few rectified features cannot give a whole cosine and sine, however purely they follow them.
    if max(best, sum(share[one] for one in chosen)) < LEAST_WAVE:
        return None
    order = [column.name for column in measured.columns]
    found = _carried(chosen)
    return found and found._replace(variables=tuple(sorted(found.variables, key=order.index)))


def _luck(renumbered: Float[Tensor, "copy wave node"], members: Sequence[int]) -> float:
    """The largest share that any frequency has by luck."""
    return float(renumbered[:, :, list(members)].mean(2).max())


def _variables(measured: Measured, members: Sequence[int]) -> Carried | None:
    """The variables that explain most of the members' variance."""
    share: dict[str, float] = defaultdict(float)
    control: dict[str, float] = defaultdict(float)
    for i in members:
        for fit in measured.fits[i]:
            share[fit.variable] += fit.eta2 / len(members)
            control[fit.variable] += fit.control / len(members)
    good: dict[tuple[str, int | None], float] = {
        (n, None): v for n, v in share.items() if v >= LEAST and v > control[n]
    }
    return _carried(_near(good))


def _near(share: Mapping[tuple[str, int | None], float]) -> list[tuple[str, int | None]]:
    """Those whose share is near the largest one, in order."""
    ranked = sorted(share, key=lambda name: -share[name])
    return [name for name in ranked if share[name] >= NEAR * share[ranked[0]]]


def _carried(found: Sequence[tuple[str, int | None]]) -> Carried | None:
    variables = tuple(dict.fromkeys(name for name, _ in found))[: MOST["variable"]]
    turns = dict.fromkeys(k for name, k in found if k and name in variables)
    return Carried(variables, tuple(turns)[: MOST["frequency"]]) if variables else None
