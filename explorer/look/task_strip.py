"""P(right answer) on every prompt, a dot each, in one row a series."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

from explorer.look.plot import DATA, QUARTERS, TICK, Palette, axis, dot, figure_of

HEAD = -0.72
"""Height of the words above the rows."""


class Dots(NamedTuple):
    """One series of the strip: a value per prompt."""

    label: str
    series: str
    """full, circuit, random or ablated."""
    values: Sequence[float]
    prompts: Sequence[int] | None = None
    """Number of each value's prompt; None where every prompt has one."""


def task_strip(
    series: Sequence[Dots],
    colours: Palette,
    *,
    names: Sequence[str],
    chance: float | None = None,
    current: int | None = None,
    height: int = 250,
) -> go.Figure:
    """P(right answer) on every prompt, a dot each; ring: the prompt in use, bar: the median.

    Args:
        series: From top to bottom.
        names: The prompts as text, for the tooltip.
        chance: Drawn as a dotted line.
        current: Index of the prompt that the page shows.
    """
    spread = np.random.default_rng(0).uniform(-0.2, 0.2, len(names))
    data: list[Any] = []
    notes = [_beside(colours, 1, HEAD, "median", TICK, "ink-3", right=True)]
    shapes: list[Any] = []
    for row, one in enumerate(series):
        values = np.asarray(one.values, dtype=float)
        prompts = list(range(len(values)) if one.prompts is None else one.prompts)
        data.append(_dots(one, values, row + spread[prompts], [names[p] for p in prompts], colours))
        strong = one.series == "ablated"
        label = f"<b>{one.label}</b>" if strong else one.label
        ink = "ink-1" if strong else "ink-2"
        notes.append(_beside(colours, 0, row, label, DATA, ink))
        if len(values):
            middle = float(np.median(values))
            shapes.append(_upright(middle, row - 0.33, row + 0.33, colours))
            notes.append(_beside(colours, 1, row, f"<b>{middle:.2f}</b>", 15, "ink-1", right=True))
        if current in prompts:
            data.append(_ring(row, float(values[prompts.index(current)]), colours))
    if chance is not None:
        shapes.append(_chance(chance, colours))
        notes.append(_chance_label(chance, colours))
    return figure_of(
        colours,
        height,
        data,
        notes,
        shapes=shapes,
        margin={"l": 112, "r": 56, "t": 0, "b": 22},
        xaxis=axis(colours, -0.02, 1.03, tickvals=QUARTERS),
        yaxis=axis(colours, len(series) - 0.4, -0.95, showticklabels=False, showgrid=False),
    )


def _dots(
    one: Dots, values: np.ndarray, heights: np.ndarray, names: Sequence[str], colours: Palette
) -> dict[str, Any]:
    return {
        "type": "scatter",
        "x": values,
        "y": heights,
        "mode": "markers",
        "marker": dot(one.series, colours),
        "customdata": list(names),
        "hovertemplate": f"%{{customdata}}<br>{one.label} %{{x:.3f}}<extra></extra>",
        "name": one.label,
    }


def _ring(row: int, value: float, colours: Palette) -> dict[str, Any]:
    line = {"color": colours["ink-1"], "width": 2}
    marker = {"size": 10, "color": colours["bg-1"], "line": line}
    place = {"x": [value], "y": [row]}
    return place | {"type": "scatter", "mode": "markers", "hoverinfo": "skip", "marker": marker}


def _upright(x: float, low: float, high: float, colours: Palette) -> dict[str, Any]:
    line = {"color": colours["ink-1"], "width": 2}
    return {"type": "line", "x0": x, "x1": x, "y0": low, "y1": high, "line": line}


def _chance(chance: float, colours: Palette) -> dict[str, Any]:
    line = {"color": colours["series-chance"], "width": 1.2, "dash": "dot"}
    place = {"x0": chance, "x1": chance, "y0": 0, "y1": 1, "yref": "paper"}
    return place | {"type": "line", "line": line}


def _chance_label(chance: float, colours: Palette) -> dict[str, Any]:
    """Beside its line, on the side that has room: at the right end stands the head "median"."""
    font = {"size": TICK, "color": colours["ink-3"]}
    side = {"xanchor": "right", "xshift": -4} if chance > 0.5 else {"xanchor": "left", "xshift": 4}
    place = {"x": chance, "y": HEAD}
    return place | side | {"text": "chance", "showarrow": False, "font": font}


def _beside(
    colours: Palette, x: int, y: float, text: str, size: int, ink: str, *, right: bool = False
) -> dict[str, Any]:
    """A note in the left or the right margin."""
    anchor = {"xshift": 50, "xanchor": "right"} if right else {"xshift": -108, "xanchor": "left"}
    font = {"size": size, "color": colours[ink]}
    place = {"x": x, "xref": "paper", "y": y}
    return place | anchor | {"text": text, "showarrow": False, "font": font}
