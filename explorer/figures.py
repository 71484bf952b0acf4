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

from explorer import theme

Palette = Mapping[str, str]

UI = theme.SIZES["font-ui"]
MONO = theme.SIZES["font-mono"]
TICK, SMALL, DATA = 11, 12, 13
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


def template(colours: Palette) -> go.layout.Template:
    """The look that every figure shares."""
    axis = {
        "gridcolor": colours["line-1"],
        "zeroline": False,
        "linecolor": colours["line-2"],
        "tickfont": {"size": TICK, "color": colours["ink-3"]},
        "fixedrange": True,
    }
    hover = {
        "bgcolor": colours["bg-2"],
        "bordercolor": colours["line-2"],
        "font": {"family": UI, "size": SMALL, "color": colours["ink-1"]},
    }
    layout = go.Layout(
        font={"family": UI, "size": SMALL, "color": colours["ink-2"]},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        xaxis=axis,
        yaxis=axis,
        hoverlabel=hover,
        showlegend=False,
        margin={"l": 8, "r": 8, "t": 4, "b": 22},
        bargap=0.28,
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": colours["ink-3"]},
        transition={"duration": 0},
    )
    return go.layout.Template(layout=layout)


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


def prompt_bars(
    rows: Sequence[Bars], colours: Palette, *, base: str = "circuit", height: int = 250
) -> go.Figure:
    """The next token before and after: three bars a token, the change in numbers at the right.

    Args:
        rows: Tokens from top to bottom.
        base: Series that the change is measured from: circuit or full.
    """
    figure = _blank(colours, height)
    places = list(range(len(rows)))
    for series, name, shift, width in (
        ("full", "full", -0.3, 0.17),
        ("circuit", "circuit", -0.08, 0.19),
        ("ablated", "changed", 0.19, 0.26),
    ):
        figure.add_bar(
            orientation="h",
            x=[getattr(row, name) for row in rows],
            y=[place + shift for place in places],
            width=width,
            marker=fill(series, colours),
            customdata=[row.token for row in rows],
            hovertemplate=f"%{{customdata}} · {name} %{{x:.3f}}<extra></extra>",
            name=name,
        )
    for place, row in zip(places, rows, strict=True):
        change = row.changed - getattr(row, base)
        figure.add_annotation(_pill(row, place, colours))
        figure.add_annotation(_change(change, place, colours, strong=row.is_answer))
    figure.update_layout(barmode="overlay", margin={"l": 62, "r": 52, "t": 2, "b": 22})
    figure.update_xaxes(range=[0, 1.02], tickvals=[0, 0.25, 0.5, 0.75, 1])
    bottom = max(len(rows), 1) - 0.5
    figure.update_yaxes(range=[bottom, -0.55], showticklabels=False, showgrid=False)
    return figure


def _pill(row: Bars, place: int, colours: Palette) -> dict[str, Any]:
    return {
        "x": 0,
        "xref": "paper",
        "xanchor": "center",
        "xshift": -34,
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
        "width": 40,
    }


def _change(change: float, place: int, colours: Palette, *, strong: bool) -> dict[str, Any]:
    text = signed(change)
    hue = "ink-3" if text.strip("+−0.") == "" else ("pos" if change > 0 else "neg")
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
    figure = _blank(colours, height)
    spread = np.random.default_rng(0).uniform(-0.2, 0.2, len(names))
    for row, one in enumerate(series):
        values = np.asarray(one.values, dtype=float)
        prompts = list(range(len(values)) if one.prompts is None else one.prompts)
        figure.add_scatter(
            x=values,
            y=row + spread[prompts],
            mode="markers",
            marker=dot(one.series, colours),
            customdata=[names[prompt] for prompt in prompts],
            hovertemplate=f"%{{customdata}}<br>{one.label} %{{x:.3f}}<extra></extra>",
            name=one.label,
        )
        _median(figure, row, values, colours)
        if current in prompts:
            _ring(figure, row, float(values[prompts.index(current)]), colours)
        _row_label(figure, row, one, colours)
    if chance is not None:
        line = {"color": colours["series-chance"], "width": 1.2, "dash": "dot"}
        figure.add_vline(x=chance, line=line)
        figure.add_annotation(
            x=chance, y=-0.72, text="chance", showarrow=False, xanchor="left", xshift=4,
            font={"size": TICK, "color": colours["ink-3"]},
        )  # fmt: skip
    figure.add_annotation(
        x=1, xref="paper", xshift=50, xanchor="right", y=-0.72, text="median", showarrow=False,
        font={"size": TICK, "color": colours["ink-3"]},
    )  # fmt: skip
    figure.update_layout(margin={"l": 112, "r": 56, "t": 0, "b": 22})
    figure.update_xaxes(range=[-0.02, 1.03], tickvals=[0, 0.25, 0.5, 0.75, 1])
    figure.update_yaxes(range=[len(series) - 0.4, -0.95], showticklabels=False, showgrid=False)
    return figure


def _median(figure: go.Figure, row: int, values: np.ndarray, colours: Palette) -> None:
    if not len(values):
        return
    middle = float(np.median(values))
    figure.add_shape(
        type="line", x0=middle, x1=middle, y0=row - 0.33, y1=row + 0.33,
        line={"color": colours["ink-1"], "width": 2},
    )  # fmt: skip
    figure.add_annotation(
        x=1, xref="paper", xshift=50, xanchor="right", y=row, text=f"<b>{middle:.2f}</b>",
        showarrow=False, font={"size": 15, "color": colours["ink-1"]},
    )  # fmt: skip


def _ring(figure: go.Figure, row: int, value: float, colours: Palette) -> None:
    line = {"color": colours["ink-1"], "width": 2}
    figure.add_scatter(
        x=[value], y=[row], mode="markers", hoverinfo="skip",
        marker={"size": 10, "color": colours["bg-1"], "line": line},
    )  # fmt: skip


def _row_label(figure: go.Figure, row: int, one: Dots, colours: Palette) -> None:
    strong = one.series == "ablated"
    figure.add_annotation(
        x=0, xref="paper", xshift=-108, xanchor="left", y=row, showarrow=False,
        text=f"<b>{one.label}</b>" if strong else one.label,
        font={"size": DATA, "color": colours["ink-1" if strong else "ink-2"]},
    )  # fmt: skip


def against_random(
    value: float, random: Sequence[float], colours: Palette, *, height: int = 200
) -> go.Figure:
    """A figure of the selection (ink line with a dot) beside the same figure of random ones."""
    figure = _blank(colours, height)
    drawn = np.asarray(random, dtype=float)
    low, high = _range([value, *drawn.tolist()])
    counts, edges = np.histogram(drawn, bins=40, range=(low, high))
    tallest = max(int(counts.max(initial=1)), 1)
    figure.add_bar(
        x=(edges[:-1] + edges[1:]) / 2,
        y=counts,
        width=0.86 * (edges[1] - edges[0]),
        marker=fill("random", colours),
        hovertemplate="%{y} random selections near %{x:.2f}<extra></extra>",
        name="random",
    )
    ink, top = {"color": colours["ink-1"], "width": 2.2}, 1.12 * tallest
    figure.add_scatter(x=[value, value], y=[0, top], mode="lines", line=ink, hoverinfo="skip")
    figure.add_scatter(
        x=[value], y=[top], mode="markers", marker={"size": 8, "color": colours["ink-1"]},
        hovertemplate="the selection %{x:.3f}<extra></extra>",
    )  # fmt: skip
    left = value > (low + high) / 2
    figure.add_annotation(
        x=value, y=top, text=f"<b>{value:.2f}</b>".replace("-", "−"), showarrow=False,
        xanchor="right" if left else "left", xshift=-8 if left else 8,
        font={"size": 14, "color": colours["ink-1"]},
    )  # fmt: skip
    figure.update_layout(margin={"l": 4, "r": 4, "t": 6, "b": 22}, bargap=0)
    figure.update_xaxes(range=[low, high], showgrid=False, showline=True, nticks=6)
    figure.update_yaxes(range=[0, 1.22 * tallest], showticklabels=False, showgrid=False)
    return figure


def _range(values: Sequence[float]) -> tuple[float, float]:
    """Room for all values and for 0, rounded outward."""
    finite = [v for v in values if math.isfinite(v)] or [0.0]
    low, high = min(0.0, *finite), max(0.1, *finite)
    pad = 0.06 * (high - low)
    return (low - pad if low < 0 else -0.02 * (high - low)), high + pad


def _blank(colours: Palette, height: int) -> go.Figure:
    figure = go.Figure()
    figure.update_layout(template=template(colours), height=height)
    return figure


def signed(value: float) -> str:
    """+0.14, −0.61 with a true minus, 0.00 without a sign."""
    text = f"{value:+.2f}"
    return "0.00" if text in ("+0.00", "-0.00") else text.replace("-", "−")


def _plain(text: str, limit: int) -> str:
    """A token for a label: Plotly reads some HTML in labels, so its signs are written out."""
    shown = text.strip() or "␣"
    shown = shown if len(shown) <= limit else shown[: limit - 1] + "…"
    return shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
