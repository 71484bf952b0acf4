"""A figure of the selection beside the same figure of random ones."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from explorer.look.plot import Palette, axis, figure_of, fill


def against_random(
    value: float, random: Sequence[float], colours: Palette, *, height: int = 200
) -> go.Figure:
    """A figure of the selection (ink line with a dot) beside the same figure of random ones."""
    drawn = np.asarray(random, dtype=float)
    low, high = _range([value, *drawn.tolist()])
    counts, edges = np.histogram(drawn, bins=40, range=(low, high))
    tallest = max(int(counts.max(initial=1)), 1)
    bars = {
        "type": "bar",
        "x": (edges[:-1] + edges[1:]) / 2,
        "y": counts,
        "width": 0.86 * (edges[1] - edges[0]),
        "marker": fill("random", colours),
        "hovertemplate": "%{y} random selections near %{x:.2f}<extra></extra>",
        "name": "random",
    }
    top = 1.12 * tallest
    return figure_of(
        colours,
        height,
        [bars, *_selection(value, top, colours)],
        [_value(value, top, colours, left=value > (low + high) / 2)],
        margin={"l": 4, "r": 4, "t": 6, "b": 22},
        bargap=0,
        xaxis=axis(colours, low, high, showgrid=False, showline=True, nticks=6),
        yaxis=axis(colours, 0, 1.22 * tallest, showticklabels=False, showgrid=False),
    )


def _selection(value: float, top: float, colours: Palette) -> tuple[dict[str, Any], ...]:
    """The ink line with its dot."""
    ink = colours["ink-1"]
    line = {"x": [value, value], "y": [0, top], "mode": "lines", "hoverinfo": "skip"}
    head = {"x": [value], "y": [top], "mode": "markers", "marker": {"size": 8, "color": ink}}
    return (
        line | {"type": "scatter", "line": {"color": ink, "width": 2.2}},
        head | {"type": "scatter", "hovertemplate": "the selection %{x:.3f}<extra></extra>"},
    )


def _value(value: float, top: float, colours: Palette, *, left: bool) -> dict[str, Any]:
    side = {"xanchor": "right", "xshift": -8} if left else {"xanchor": "left", "xshift": 8}
    text = f"<b>{value:.2f}</b>".replace("-", "−")
    font = {"size": 14, "color": colours["ink-1"]}
    return {"x": value, "y": top, "text": text, "showarrow": False, "font": font} | side


def _range(values: Sequence[float]) -> tuple[float, float]:
    """Room for all values and for 0, rounded outward."""
    finite = [v for v in values if math.isfinite(v)] or [0.0]
    low, high = min(0.0, *finite), max(0.1, *finite)
    pad = 0.06 * (high - low)
    return (low - pad if low < 0 else -0.02 * (high - low)), high + pad
