"""Plotly figures from plain numbers. One template, made of the theme's colours and sizes.

Fill tells the series apart before hue does: full model hollow, circuit solid, ablated hatched,
random grey; what the reader has chosen is a line or ring in ink. Labels stand at the data where
there is room, and every score has its control in the same figure.

Everything here is pure: numbers and a palette in, a figure out.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

from explorer.look import theme

Palette = Mapping[str, str]

UI = theme.SIZES["font-ui"]
MONO = theme.SIZES["font-mono"]
TICK, SMALL, DATA = 11, 12, 13
QUARTERS = [0, 0.25, 0.5, 0.75, 1]
CONFIG: dict[str, Any] = {
    "displayModeBar": "hover",
    "displaylogo": False,
    "modeBarButtonsToRemove": ["lasso2d", "select2d", "autoScale2d", "zoomIn2d", "zoomOut2d"],
    "toImageButtonOptions": {"format": "svg"},
}
"""For `st.plotly_chart(config=...)`: the tool bar on hover only, SVG export, no outside link."""


class Bars(NamedTuple):
    """One token's probability in each series."""

    token: str
    full: float
    circuit: float
    changed: float
    is_answer: bool = False


class Dots(NamedTuple):
    """One series of the strip: a value per prompt."""

    label: str
    series: str
    """full, circuit, random or ablated."""
    values: Sequence[float]
    prompts: Sequence[int] | None = None
    """Number of each value's prompt; None where every prompt has one."""


def template(colours: Palette) -> dict[str, Any]:
    """The layout that every figure starts from."""
    hover = {
        "bgcolor": colours["bg-2"],
        "bordercolor": colours["line-2"],
        "font": {"family": UI, "size": SMALL, "color": colours["ink-1"]},
    }
    return {
        "template": "none",
        "font": {"family": UI, "size": SMALL, "color": colours["ink-2"]},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "hoverlabel": hover,
        "showlegend": False,
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": colours["ink-3"]},
    }


def axis(colours: Palette, low: float, high: float, **more: Any) -> dict[str, Any]:
    """An axis from `low` to `high` that does not zoom."""
    look = {
        "gridcolor": colours["line-1"],
        "zeroline": False,
        "showline": False,
        "linecolor": colours["line-2"],
        "tickfont": {"size": TICK, "color": colours["ink-3"]},
        "fixedrange": True,
        "range": [low, high],
    }
    return look | more


def _figure(
    colours: Palette, height: int, data: Sequence[Any], notes: Sequence[Any], **layout: Any
) -> go.Figure:
    # built in one go: adding parts one by one costs Plotly a copy of all parts each time
    whole = template(colours) | {"height": height, "annotations": list(notes)} | layout
    return go.Figure({"data": list(data), "layout": whole})


def fill(series: str, colours: Palette) -> dict[str, Any]:
    """How bars of a series are filled."""
    hue = colours[f"series-{series}"]
    if series == "full":
        return {"color": "rgba(0,0,0,0)", "line": {"color": hue, "width": 1.1}}
    if series == "ablated":
        pattern = {"shape": "/", "fgcolor": hue, "bgcolor": colours["bg-1"], "size": 5}
        return {"pattern": pattern, "line": {"color": hue, "width": 1}}
    return {"color": hue}


def dot(series: str, colours: Palette) -> dict[str, Any]:
    """How dots of a series are drawn."""
    hue = colours[f"series-{series}"]
    if series == "full":
        return {"symbol": "circle-open", "size": 5, "color": hue, "opacity": 0.6}
    return {"size": 5, "color": hue, "opacity": 0.55, "line": {"width": 0}}


SERIES = (
    ("full", "full", -0.3, 0.17),
    ("circuit", "circuit", -0.08, 0.19),
    ("ablated", "changed", 0.19, 0.26),
)
"""Bars of one token: fill, field of `Bars`, shift and width."""


def prompt_bars(
    rows: Sequence[Bars],
    colours: Palette,
    *,
    base: str = "circuit",
    changed: str | None = "changed",
    height: int = 250,
) -> go.Figure:
    """The next token before and after: three bars a token, the change in numbers at the right.

    Args:
        rows: Tokens from top to bottom.
        base: Series that the change is measured from: circuit or full.
        changed: What the third series is called; None draws model and circuit only, with P of the
            circuit at the right.
    """
    tokens = [row.token for row in rows]
    data = [
        {
            "type": "bar",
            "orientation": "h",
            "x": [getattr(row, name) for row in rows],
            "y": [place + shift for place in range(len(rows))],
            "width": width,
            "marker": fill(series, colours),
            "customdata": tokens,
            "hovertemplate": f"%{{customdata}} · {called} %{{x:.3f}}<extra></extra>",
            "name": called,
        }
        for series, name, shift, width in SERIES
        if (called := changed if name == "changed" else name) is not None
    ]
    notes = []
    for place, row in enumerate(rows):
        notes.append(_pill(row, place, colours))
        if changed is None:
            notes.append(_beside_bar(f"{row.circuit:.2f}", place, colours, "ink-2", row.is_answer))
        else:
            change = row.changed - getattr(row, base)
            notes.append(_change(change, place, colours, strong=row.is_answer))
    bottom = max(len(rows), 1) - 0.5
    return _figure(
        colours,
        height,
        data,
        notes,
        barmode="overlay",
        margin={"l": 72, "r": 52, "t": 2, "b": 22},
        xaxis=axis(colours, 0, 1.02, tickvals=QUARTERS),
        yaxis=axis(colours, bottom, -0.55, showticklabels=False, showgrid=False),
    )


def _pill(row: Bars, place: int, colours: Palette) -> dict[str, Any]:
    return {
        "x": 0,
        "xref": "paper",
        "xanchor": "center",
        "xshift": -38,
        "y": place,
        "text": f"<b>{_plain(row.token, 6)}</b>",
        "showarrow": False,
        "font": {
            "family": MONO,
            "size": DATA,
            "color": colours["ink-inv" if row.is_answer else "ink-1"],
        },
        "bgcolor": colours["ink-1" if row.is_answer else "bg-2"],
        "borderpad": 3,
        "width": 50,
    }


def _change(change: float, place: int, colours: Palette, *, strong: bool) -> dict[str, Any]:
    text = signed(change)
    hue = "ink-3" if text.strip("+−0.") == "" else ("pos" if change > 0 else "neg")
    return _beside_bar(text, place, colours, hue, strong)


def _beside_bar(text: str, place: int, colours: Palette, hue: str, strong: bool) -> dict[str, Any]:
    """A number at the right of a token's bars."""
    return {
        "x": 1,
        "xref": "paper",
        "xshift": 48,
        "xanchor": "right",
        "y": place,
        "text": f"<b>{text}</b>" if strong else text,
        "showarrow": False,
        "font": {"size": DATA, "color": colours[hue]},
    }


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
    notes = [_beside(colours, 1, -0.72, "median", TICK, "ink-3", right=True)]
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
    return _figure(
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
    font = {"size": TICK, "color": colours["ink-3"]}
    place = {"x": chance, "y": -0.72, "xanchor": "left", "xshift": 4}
    return place | {"text": "chance", "showarrow": False, "font": font}


def _beside(
    colours: Palette, x: int, y: float, text: str, size: int, ink: str, *, right: bool = False
) -> dict[str, Any]:
    """A note in the left or the right margin."""
    anchor = {"xshift": 50, "xanchor": "right"} if right else {"xshift": -108, "xanchor": "left"}
    font = {"size": size, "color": colours[ink]}
    place = {"x": x, "xref": "paper", "y": y}
    return place | anchor | {"text": text, "showarrow": False, "font": font}


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
    return _figure(
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


def signed(value: float) -> str:
    """+0.14, −0.61 with a true minus, 0.00 without a sign."""
    text = f"{value:+.2f}"
    return "0.00" if text in ("+0.00", "-0.00") else text.replace("-", "−")


def _plain(text: str, limit: int) -> str:
    """A token for a label: Plotly reads some HTML in labels, so its signs are written out."""
    shown = text.strip() or "␣"
    shown = shown if len(shown) <= limit else shown[: limit - 1] + "…"
    return shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
