"""Figures as `validation.json` holds them: what cannot be computed is null there, NaN here."""

import math
from collections.abc import Mapping
from typing import Any


def number(value: float) -> float | None:
    """JSON has no NaN: what cannot be computed (no span, no right answer) is null, never 0."""
    return round(value, 6) if math.isfinite(value) else None


def real(number: float | None) -> float:
    """A figure read back: NaN where it could not be computed."""
    return math.nan if number is None else number


def figure_of(block: Mapping[str, Any], name: str) -> float:
    """A figure of a block; NaN, which passes no threshold, where it is missing or null."""
    return real(block.get(name))
