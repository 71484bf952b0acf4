"""The next token before and after, as three bars a token."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import plotly.graph_objects as go

from explorer.look.plot import (
    DATA,
    MONO,
    QUARTERS,
    Palette,
    axis,
    figure_of,
    fill,
    plain,
    signed,
)


class Bars(NamedTuple):
    """One token's probability in each series."""

    token: str
    full: float
    circuit: float
    changed: float
    is_answer: bool = False


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
    of = "" if changed is None else base
    numbers = [_number(row, place, colours, of) for place, row in enumerate(rows)]
    pills = [_pill(row, place, colours) for place, row in enumerate(rows)]
    bottom = max(len(rows), 1) - 0.5
    return figure_of(
        colours,
        height,
        _bars(rows, colours, changed),
        [*pills, *numbers],
        barmode="overlay",
        margin={"l": 72, "r": 52, "t": 2, "b": 22},
        xaxis=axis(colours, 0, 1.02, tickvals=QUARTERS),
        yaxis=axis(colours, bottom, -0.55, showticklabels=False, showgrid=False),
    )


def _bars(rows: Sequence[Bars], colours: Palette, changed: str | None) -> list[dict[str, Any]]:
    """One trace for each series that is drawn."""
    return [
        {
            "type": "bar",
            "orientation": "h",
            "x": [getattr(row, name) for row in rows],
            "y": [place + shift for place in range(len(rows))],
            "width": width,
            "marker": fill(series, colours),
            "customdata": [row.token for row in rows],
            "hovertemplate": f"%{{customdata}} · {called} %{{x:.3f}}<extra></extra>",
            "name": called,
        }
        for series, name, shift, width in SERIES
        if (called := changed if name == "changed" else name) is not None
    ]


def _pill(row: Bars, place: int, colours: Palette) -> dict[str, Any]:
    return {
        "x": 0,
        "xref": "paper",
        "xanchor": "center",
        "xshift": -38,
        "y": place,
        "text": f"<b>{plain(row.token, 6)}</b>",
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


def _number(row: Bars, place: int, colours: Palette, base: str) -> dict[str, Any]:
    """The change from `base`, at the right; P of the circuit where there is no base."""
    if not base:
        return _beside_bar(f"{row.circuit:.2f}", place, colours, "ink-2", row.is_answer)
    change = row.changed - getattr(row, base)
    text = signed(change)
    hue = "ink-3" if text.strip("+−0.") == "" else ("pos" if change > 0 else "neg")
    return _beside_bar(text, place, colours, hue, row.is_answer)


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
