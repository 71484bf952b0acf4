"""Small charts of the inspector: density, and activation by a task variable with its fit."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

import plotly.graph_objects as go

from explorer.inspector.parts import number
from explorer.look import figures


class Curve(NamedTuple):
    """Mean activation for each value of a task variable."""

    variable: str
    values: Sequence[float | str]
    means: Sequence[float]
    fit: Sequence[tuple[float, float]]
    """Points of the fitted curve; empty where there is none."""
    note: str
    current: float | str | None
    """Value on the prompt shown."""
    current_activation: float | None = None


def histogram_html(
    counts: Sequence[float], low: float, high: float, mark: float | None, role: str
) -> str:
    """Density as columns, with a line at this prompt's value."""
    top = max(counts, default=0.0) or 1.0
    columns = "".join(
        f'<i style="height:{max(2.0, 100 * count / top):.1f}%"></i>' for count in counts
    )
    line = ""
    if mark is not None and high > low:
        at = 100 * min(1.0, max(0.0, (mark - low) / (high - low)))
        side = "hx-before" if at > 50 else ""
        line = f'<u class="{side}" style="left:{at:.1f}%"><b>{number(mark)}</b></u>'
    return (
        f'<div class="hx-hist" style="--role: var(--{role})">{columns}{line}</div>'
        f'<div class="hx-between hx-ticks"><span>{number(low)}</span>'
        f"<span>{number(high)}</span></div>"
    )


def curve_figure(
    curve: Curve, palette: Mapping[str, str], role: str, height: int = 96
) -> go.Figure:
    """Mean activation by value: dots, the fit as a line, and this prompt's value in ink."""
    numeric = all(isinstance(value, (int, float)) for value in curve.values)
    x: list[float | str] = [v if numeric else str(v) for v in curve.values]
    traces = [_fit(curve, palette)] if curve.fit else []
    traces.append(_means(curve, x, palette[role]))
    current = curve.current if numeric or curve.current is None else str(curve.current)
    if current is not None and current in x:
        traces.append(_here(curve, x, current, palette))
    layout = figures.template(palette) | {
        "height": height,
        "margin": {"l": 22, "r": 6, "t": 16, "b": 18},
        "xaxis": {"showgrid": False, "type": "linear" if numeric else "category", "nticks": 7},
        "yaxis": {"showgrid": False, "nticks": 3, "rangemode": "tozero"},
    }
    return go.Figure({"data": traces, "layout": layout})


def _fit(curve: Curve, palette: Mapping[str, str]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "x": [point[0] for point in curve.fit],
        "y": [point[1] for point in curve.fit],
        "mode": "lines",
        "line": {"color": palette["ink-3"], "width": 1.4},
        "hoverinfo": "skip",
    }


def _means(curve: Curve, x: Sequence[float | str], hue: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "x": x,
        "y": list(curve.means),
        "mode": "markers",
        "marker": {"size": 5, "color": hue},
        "hovertemplate": f"{escape(curve.variable)} %{{x}}: %{{y:.2f}}<extra></extra>",
    }


def _here(
    curve: Curve, x: Sequence[float | str], current: float | str, palette: Mapping[str, str]
) -> dict[str, Any]:
    """This prompt's own value."""
    at = x.index(current)
    y = curve.means[at] if curve.current_activation is None else curve.current_activation
    return {
        "type": "scatter",
        "x": [current],
        "y": [y],
        "mode": "markers+text",
        "text": [f"<b>{escape(str(current))}</b>"],
        "textposition": "top center" if at < 0.9 * len(x) else "top left",
        "textfont": {"color": palette["ink-1"], "size": figures.SMALL},
        "marker": {"size": 8, "color": palette["ink-1"]},
        "cliponaxis": False,
        "hovertemplate": "this prompt: %{y:.2f}<extra></extra>",
    }
