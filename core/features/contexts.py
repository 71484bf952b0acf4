"""Where a feature fires: contexts by quantile of its activation, and a histogram of it."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from core.circuit import FeatureNode
from core.features.activations import Values, along, peak
from core.features.contents import Context, Density, Quantile
from core.lab import Lab

BINS = 30
"""Bars of the histogram."""
_RANGES = (("top", 0.99, 1.0, 5), ("90–99 %", 0.9, 0.99, 2), ("50–90 %", 0.5, 0.9, 2))
"""Name, from and to which quantile of the active prompts, contexts shown."""


def quantiles(lab: Lab, feature: FeatureNode, values: Values, prompt: int) -> tuple[Quantile, ...]:
    """Contexts from the top of the active prompts, the middle, and some on which it is silent."""
    order = values.value.argsort(descending=True, stable=True)
    active = order[values.value[order] != 0]
    silent = order[values.value[order] == 0]
    largest = peak(lab, feature)
    used: set[tuple[str, ...]] = set()
    found = []
    for name, low, high, count in _RANGES:
        start, stop = round(len(active) * (1 - high)), round(len(active) * (1 - low))
        # The top is filled up from below; the next range takes what is left of its own.
        rows = active[start:] if name == "top" else active[start:stop]
        found.append((name, _fresh(lab, values, rows.tolist(), count, used)))
    found.append(("zero", _fresh(lab, values, silent.tolist(), 2, used)))
    return tuple(
        Quantile(
            name=name,
            contexts=tuple(_context(lab, feature, values, row, prompt, largest) for row in rows),
        )
        for name, rows in found
    )


def _fresh(
    lab: Lab, values: Values, rows: Sequence[int], count: int, used: set[tuple[str, ...]]
) -> list[int]:
    """The first rows whose tokens were not shown yet; `used` learns them."""
    chosen: list[int] = []
    for row in rows:
        tokens = lab.prompts[values.prompt[row]].tokens
        if len(chosen) < count and tokens not in used:
            used.add(tokens)
            chosen.append(row)
    return chosen


def _context(
    lab: Lab, feature: FeatureNode, values: Values, row: int, prompt: int, largest: float
) -> Context:
    view = lab.prompts[values.prompt[row]]
    tint = (along(lab, feature, view.index).abs() / max(largest, 1e-9)).clamp(0, 1)
    return Context(
        prompt=view.index,
        tokens=view.tokens,
        tint=tuple(tint.tolist()),
        value=float(values.value[row]),
        answer=view.answer,
        here=view.index == prompt,
    )


def density(value: Float[Tensor, " prompt"], here: float) -> Density:
    """A histogram of the non-zero values, zeros counted apart."""
    active = value[value != 0]
    low = min(0.0, float(value.min()))
    high = max(float(value.max()), low + 1e-6)
    return Density(
        edges=torch.linspace(low, high, BINS + 1),
        count=torch.histc(active, bins=BINS, min=low, max=high).long(),
        zeros=len(value) - len(active),
        value=here,
    )
