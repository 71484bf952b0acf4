"""What every Plotly figure starts from: the template, axes, and how each series is filled.

Fill tells the series apart before hue does: full model hollow, circuit solid, ablated hatched,
random grey; what the reader has chosen is a line or ring in ink.
"""

from collections.abc import Mapping, Sequence
from typing import Any

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


def figure_of(
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


def signed(value: float) -> str:
    """+0.14, −0.61 with a true minus, 0.00 without a sign."""
    text = f"{value:+.2f}"
    return "0.00" if text in ("+0.00", "-0.00") else text.replace("-", "−")


def plain(text: str, limit: int) -> str:
    """A token for a label: Plotly reads some HTML in labels, so its signs are written out."""
    shown = text.strip() or "␣"
    shown = shown if len(shown) <= limit else shown[: limit - 1] + "…"
    return shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
