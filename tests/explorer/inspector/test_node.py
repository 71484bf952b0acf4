"""The inspector of a feature: the figure it names is that of what it draws."""

import numpy as np
import pytest
import torch

from core.features import Quantile
from core.features.contents import Context
from core.features.variables import variable_fits
from explorer.inspector import node as inspector_node

PERIOD = 24


def _fit(shape):
    """The fit of a feature that follows `shape` of its value exactly."""
    values = [i % PERIOD for i in range(5 * PERIOD)]
    activation = torch.tensor([[shape(v)] for v in values], dtype=torch.float64)
    return values, variable_fits(activation.float(), [{"s": v} for v in values], {"s": PERIOD})[0][
        0
    ]


def _bump(value: int) -> float:
    return max(0.0, np.cos(2 * np.pi * value / PERIOD) - 0.3)


def test_the_r2_that_is_shown_is_that_of_the_line():
    values, fit = _fit(_bump)
    curve = inspector_node.curve_of(fit, 3, 0.5)
    line = dict(curve.fit)
    truth = np.array([_bump(v) for v in values])
    left = truth - np.array([line[min(line, key=lambda x: abs(x - v))] for v in values])
    assert fit.wave is not None
    assert f"R² {fit.wave.r2:.2f}" in curve.note
    assert 1 - left.var() / truth.var() == pytest.approx(fit.wave.r2, abs=0.1)
    assert fit.wave.r2 < 0.95


def test_a_share_by_value_is_not_called_a_fit():
    _, fit = _fit(_bump)
    assert inspector_node.explained(fit) == "the value of s explains 100 %"
    assert "R² 1.00" not in inspector_node.curve_of(fit, None, 0.0).note


def test_a_sum_that_closes_exactly_has_no_figure():
    assert inspector_node.closing(0.0) == "closes exactly"
    assert inspector_node.closing(2e-7) == "closes to 2e-07"


def _context(prompt: int) -> Context:
    return Context(
        prompt=prompt, tokens=("a",), tint=(0.5,), value=1.0, answer="b", here=prompt == 0
    )


def test_a_prompt_is_listed_once():
    quantiles = [
        Quantile(name="top", contexts=tuple(map(_context, (4, 5, 6, 7)))),
        Quantile(name="90–99 %", contexts=(_context(6), _context(7))),
        Quantile(name="50–90 %", contexts=(_context(6),)),
        Quantile(name="zero", contexts=(_context(1),)),
    ]
    shown = inspector_node.contexts_of(quantiles)
    assert [row.group for row in shown] == ["top", "", "", "90–99 %", "zero"]
