"""F and φ of the circuit cut to every size, over the band of random circuits; a Plotly figure.

Sizes stand at log(1 + size), so that small circuits have room. Where a size has no random circuits
of its own the band is left out rather than guessed at.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from core.verdicts import Point, points_of
from explorer.look.figures import DATA, SMALL, Palette, axis
from explorer.look.plot import QUARTERS, figure_of

MARKS = (49, 347)
"""Sizes of the circuits that the paper reports, smallest and largest."""
BETWEEN = 0.065
"""Least distance of two named sizes, in shares of the axis."""
APART = 0.07
"""Least distance of two names at the right, in F."""


def size_curve(
    found: Mapping[str, Any], colours: Palette, *, height: int = 300
) -> go.Figure | None:
    """The figure; None where fewer than two sizes were measured."""
    points = points_of(found.get("curve") or ())
    if len(points) < 2:
        return None
    chosen = next((p for p in points if p.size == found.get("n_nodes")), None)
    most, values = math.log1p(points[-1].size), [v for p in points for v in _scores(p)]
    low, high = max(-0.5, min(0.0, *values)), min(1.5, max(1.0, *values))
    return figure_of(
        colours,
        height,
        [*_band(points, colours), *_lines(points, colours), *_ring(chosen, colours)],
        [*_names(points, colours), *_chosen(chosen, most, colours)],
        shapes=[*_marks(points[-1].size, colours), *_stem(chosen, high + 0.04, colours)],
        margin={"l": 34, "r": 86, "t": 24, "b": 40},
        xaxis=axis(
            colours,
            -0.04 * most,
            1.01 * most,
            tickvals=[math.log1p(size) for size in ticks(points)],
            ticktext=[f"{size:,.0f}" for size in ticks(points)],
            title={"text": "nodes kept", "font": {"size": SMALL, "color": colours["ink-3"]}},
            showgrid=False,
            tickangle=0,
        ),
        yaxis=axis(colours, low - 0.03, high + 0.04, tickvals=QUARTERS),
    )


def _scores(point: Point) -> list[float]:
    return [v for v in (point.score, point.phi, point.low, point.high) if v is not None]


def ticks(points: Sequence[Point]) -> list[float]:
    """Sizes that are named: the largest, then from the smallest those that have room."""
    named, room = [points[-1].size], BETWEEN * math.log1p(points[-1].size)
    for size in (point.size for point in points):
        if all(abs(math.log1p(size) - math.log1p(other)) >= room for other in named):
            named.append(size)
    return sorted(named)


def _band(points: Sequence[Point], colours: Palette) -> list[dict[str, Any]]:
    banded = [(p.size, p.low, p.high) for p in points if p.low is not None and p.high is not None]
    if len(banded) < 2:
        return []
    ring = [(size, high) for size, _, high in banded]
    ring += [(size, low) for size, low, _ in reversed(banded)]
    return [
        {
            "type": "scatter",
            "x": [math.log1p(size) for size, _ in ring],
            "y": [value for _, value in ring],
            "fill": "toself",
            "mode": "lines",
            "line": {"width": 0},
            "fillcolor": colours["series-random"],
            "opacity": 0.34,
            "hoverinfo": "skip",
            "name": "random",
        }
    ]


def _lines(points: Sequence[Point], colours: Palette) -> list[dict[str, Any]]:
    hue, ink = colours["series-circuit"], colours["ink-2"]
    phi = [(p.size, p.phi) for p in points if p.phi is not None]
    return [
        _line("φ", phi, {"color": ink, "width": 1.4, "dash": "dash"}),
        _line("F", [(p.size, p.score) for p in points], {"color": hue, "width": 2.4}),
    ]


def _line(
    name: str, pairs: Sequence[tuple[float, float | None]], line: dict[str, Any]
) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [math.log1p(size) for size, _ in pairs],
        "y": [value for _, value in pairs],
        "customdata": [size for size, _ in pairs],
        "hovertemplate": f"%{{customdata:,}} nodes, {name} %{{y:.3f}}<extra></extra>",
        "line": line,
        "name": name,
    }


def _ring(chosen: Point | None, colours: Palette) -> list[dict[str, Any]]:
    if chosen is None:
        return []
    line = {"color": colours["ink-1"], "width": 2.2}
    marker = {"size": 11, "color": colours["bg-1"], "line": line}
    place = {"x": [math.log1p(chosen.size)], "y": [chosen.score]}
    return [place | {"type": "scatter", "mode": "markers", "marker": marker, "hoverinfo": "skip"}]


def _chosen(chosen: Point | None, most: float, colours: Palette) -> list[dict[str, Any]]:
    """The size in use, over the plot, where no curve can pass; a line leads down to its ring."""
    if chosen is None:
        return []
    x = math.log1p(chosen.size)
    side = "left" if x < 0.2 * most else "right" if x > 0.8 * most else "center"
    return [
        {
            "x": x,
            "y": 1,
            "yref": "paper",
            "xanchor": side,
            "yanchor": "bottom",
            "text": f"<b>{chosen.size:,.0f} nodes, F {chosen.score:.2f}</b>",
            "showarrow": False,
            "font": {"size": DATA, "color": colours["ink-1"]},
        }
    ]


def _stem(chosen: Point | None, high: float, colours: Palette) -> list[dict[str, Any]]:
    """From the ring of the size in use up to its label."""
    if chosen is None:
        return []
    x, line = math.log1p(chosen.size), {"color": colours["ink-1"], "width": 1}
    return [
        {"type": "line", "x0": x, "x1": x, "y0": chosen.score, "y1": high, "layer": "below"}
        | {"line": line}
    ]


def _names(points: Sequence[Point], colours: Palette) -> list[dict[str, Any]]:
    """The series' names at the right, the upper ones first, none upon another."""
    last, banded = points[-1], [p for p in points if p.low is not None and p.high is not None]
    wanted = [("F, circuit", last.score, "series-circuit")]
    if last.phi is not None:
        wanted.append(("φ, accuracy", last.phi, "ink-2"))
    if len(banded) > 1:
        low, high = banded[-1].low or 0.0, banded[-1].high or 0.0
        wanted.append(("random, F", (low + high) / 2, "ink-3"))
    found, above = [], math.inf
    for text, y, hue in sorted(wanted, key=lambda one: -one[1]):
        above = min(y, above - APART)
        found.append(_name(text, above, colours[hue]))
    return found


def _name(text: str, y: float, colour: str) -> dict[str, Any]:
    place = {"x": 1, "xref": "paper", "xanchor": "left", "xshift": 6, "y": y}
    return place | {"text": text, "showarrow": False, "font": {"size": SMALL, "color": colour}}


def _marks(most: float, colours: Palette) -> list[dict[str, Any]]:
    line = {"color": colours["ink-3"], "width": 1, "dash": "dot"}
    place = {"type": "line", "y0": 0, "y1": 1, "yref": "paper", "layer": "below", "line": line}
    return [
        place | {"x0": math.log1p(size), "x1": math.log1p(size)} for size in MARKS if size <= most
    ]
