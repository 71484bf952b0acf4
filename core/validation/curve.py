"""Faithfulness over sizes: the curve, and its two integrals.

A run ranks all candidate features, so the first k of them are its circuit of size k. The curve
holds F and φ at MIB's shares of all alive features (0.1 to 100 %) and at a ladder of plain sizes,
each beside random circuits of the same size. Over the share s of features kept,

    CPR = ∫ F ds     higher is better; can pass 1, since F can
    CMD = ∫ |1 − F| ds     0 is best        (MIB, arXiv 2504.13151), by the trapezoid rule.
"""

from collections.abc import Sequence

import torch

from core.circuit import Attention, Bounds, GatedNode
from core.interventions import Gates, Places

LADDER = (0, 5, 10, 15, 20, 30, 40, 49, 57, 75, 100, 125, 150, 200, 250, 300, 347)
"""Plain sizes, in nodes."""
BANDED = (0, 10, 30, 49, 100, 200, 347)
"""Sizes at which random circuits are drawn too, besides the chosen size and all candidates."""
SHARES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""MIB's shares of all features."""


def curve_sizes(n_ranked: int, chosen: int) -> tuple[int, ...]:
    """The sizes a curve is measured at: ladder, shares and the chosen size, within what exists."""
    wanted = {*LADDER, chosen, n_ranked, *(round(share * n_ranked) for share in SHARES)}
    return tuple(sorted(size for size in wanted if 0 <= size <= n_ranked))


def nested_gates(
    order: Sequence[GatedNode],
    sizes: Sequence[int],
    bounds: Bounds,
    attention: Attention = Attention.LIVE,
) -> Gates:
    """The circuits of the first k nodes of a ranking, for every size k."""
    kept = torch.arange(len(order)) < torch.tensor(sizes)[:, None]
    return Places.of(order, bounds, attention).gates(kept.float())


def area(sizes: Sequence[int], values: Sequence[float], total: int) -> float:
    """Trapezoid integral of `values` over the share of features kept, first size to all."""
    share = torch.tensor([size / total for size in sizes], dtype=torch.float64)
    return float(torch.trapezoid(torch.tensor(values, dtype=torch.float64), share))
