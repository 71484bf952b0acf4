"""How a figure is kept in a file and how it is read, by engine, CLI, report and app alike.

What cannot be computed (no span, no right answer) is NaN while it is worked with, null in a file,
None once read and a dash for people: never 0. JSON has neither NaN nor infinity.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

MINUS = "\u2212"
"""The sign, which is as wide as a plus; a hyphen is not."""


def number(value: float, digits: int = 6) -> float | None:
    """A figure as a file holds it, rounded; None where it could not be computed."""
    return round(value, digits) if math.isfinite(value) else None


def json_safe(value: Any) -> Any:
    """The value with every NaN and infinity in it as None."""
    return each_float(value, lambda one: one if math.isfinite(one) else None)


def each_float(value: Any, change: Callable[[float], Any]) -> Any:
    """The value with every float in it changed; mappings and lists are gone through."""
    if isinstance(value, float):
        return change(value)
    if isinstance(value, Mapping):
        return {key: each_float(item, change) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [each_float(item, change) for item in value]
    return value


def real(value: object) -> float | None:
    """A finite number that was read, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def or_nan(value: float | None) -> float:
    """A figure that was read, to work with: NaN, which passes no threshold, for null."""
    return math.nan if value is None else float(value)


def figure_of(block: Mapping[str, Any], name: str) -> float:
    """A figure of a block that was read; NaN where it is missing or null."""
    return or_nan(block.get(name))


def figure(value: float | None, digits: int = 2) -> str:
    """Two decimals, or as many as asked for; a dash for what could not be computed."""
    # z: what rounds to nothing is 0.00, never -0.00
    return "–" if value is None or not math.isfinite(value) else f"{value:z.{digits}f}"


def two(value: object) -> str:
    """Two decimals with a true minus, or a small one's first digits ("4.2e−03"); else a dash."""
    known = real(value)
    if known is None:
        return "–"
    text = f"{known:.1e}" if 0 < abs(known) < 0.005 else f"{known:.2f}"
    return text.replace("-", MINUS)


def spread(interval: object) -> str:
    """ "0.97–0.99" of a 95 % interval; empty where there is none."""
    if not isinstance(interval, list | tuple) or len(interval) != 2:
        return ""
    low, high = map(real, interval)
    return "" if low is None or high is None else f"{two(low)}–{two(high)}"


def percent(value: float) -> str:
    """A share as people say it: "98 %"; one decimal near 0 and 100, where it matters."""
    share = 100 * value
    near = 0 < abs(share) < 1 or 99 < share < 100
    return (f"{share:.1f}" if near else f"{share:.0f}").replace("-", MINUS) + " %"


def p_text(value: object) -> str:
    """A p-value: "< 0.01", or two decimals, no finer than a hundred random circuits can tell.

    Plain text, which whoever writes HTML escapes; a dash for what is no number.
    """
    p = real(value)
    return "–" if p is None else "< 0.01" if p < 0.01 else f"{p:.2f}"


def probability(value: float | None) -> str:
    """Four decimals, so that 1/101, the least that 100 draws can give, is not read as 0.01."""
    return "–" if value is None or not math.isfinite(value) else f"{value:.4f}"
