"""The parts of the inspector as HTML and figures; pure, everything from data is escaped.

A panel is a title, four numbers, then sections: activation by a task variable with its fit, where
a feature fires, its density, what it promotes, and the edges whose sum closes. `inspect` puts them
together for what is selected.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from typing import Literal, NamedTuple

import plotly.graph_objects as go

from explorer.look import figures

MINUS = "\u2212"
Glyph = Literal["none", "feature", "head", "error", "token", "logit"]


class Fact(NamedTuple):
    """One of the four numbers under the title."""

    value: str
    label: str
    tone: Literal["", "pos", "neg"] = ""


class Bar(NamedTuple):
    """A signed bar with its name."""

    label: str
    value: float
    mono: bool = False
    id: str = ""
    """Shown before the name; needed where several have the same."""


class Context(NamedTuple):
    """One prompt on which a feature fires."""

    group: str
    """Quantile, as "top" or "50–90 %"; empty where it is that of the line above."""
    tokens: Sequence[tuple[str, float]]
    """Each token with its activation over the maximum, 0 to 1."""
    value: str
    here: bool = False
    """Whether it is the prompt on the screen."""


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


def signed(value: float, digits: int = 2) -> str:
    """ "+0.41" or "−0.05" with a true minus sign."""
    shown = f"{abs(value):.{digits}f}"
    return (MINUS if value < 0 and float(shown) != 0 else "+") + shown


def number(value: float) -> str:
    """Three significant digits at most, two decimals where they matter; a dash for NaN."""
    if not math.isfinite(value):
        return "–"
    text = f"{abs(value):.0f}" if abs(value) >= 100 else f"{abs(value):.2f}"
    return (MINUS if value < 0 and float(text) != 0 else "") + text


def percent(share: float) -> str:
    """ "9.4 %", or "0.03 %" where it is small."""
    value = 100 * share
    return (
        f"{value:.0f} %" if value >= 10 else f"{value:.1f} %" if value >= 0.1 else f"{value:.2g} %"
    )


def title_html(
    name: str, sub: str, *, role: str = "ink-2", badge: str = "", glyph: Glyph = "feature"
) -> str:
    """Sign, name and one line of what it is. `sub` is HTML made here, not data."""
    sign = (
        f'<span class="hx-badge" style="--role: var(--{role})">{escape(badge)}</span>'
        if badge
        else f'<i class="hx-glyph hx-{glyph}" style="--role: var(--{role})" aria-hidden="true"></i>'
    )
    return (
        f'<div class="hx-title">{sign}<h3 title="{escape(name)}">{escape(name)}</h3></div>'
        f'<div class="hx-sub hx-clip">{sub}</div>'
    )


def facts_html(facts: Sequence[Fact]) -> str:
    """The row of numbers."""
    cells = "".join(
        f'<div><b class="{f"hx-{fact.tone}" if fact.tone else ""}">{escape(fact.value)}</b>'
        f"{escape(fact.label)}</div>"
        for fact in facts
    )
    return f'<div class="hx-facts">{cells}</div>'


def section_html(title: str, body: str, note: str = "") -> str:
    """A part with its heading; `body` is HTML made here."""
    return (
        f'<section class="hx-section"><div class="hx-between"><h4>{escape(title)}</h4>'
        f'<span class="hx-small hx-faint hx-clip">{escape(note)}</span></div>{body}</section>'
    )


def pair_html(left: str, right: str) -> str:
    """Two columns in one section; both are HTML made here."""
    return f'<section class="hx-section hx-pair"><div>{left}</div><div>{right}</div></section>'


def heading_html(title: str) -> str:
    return f"<h4>{escape(title)}</h4>"


def bars_html(bars: Sequence[Bar], most: float | None = None) -> str:
    """Bars by size, blue for what supports and orange for what opposes."""
    if not bars:
        return '<div class="hx-faint hx-small">none</div>'
    top = most or max((abs(bar.value) for bar in bars), default=0.0) or 1.0
    rows = []
    for bar in bars:
        name = f"{bar.id} {bar.label}" if bar.id else bar.label
        first = f'<span class="hx-mono hx-dim">{escape(bar.id)}</span> ' if bar.id else ""
        width = 100 * min(1.0, abs(bar.value) / top)
        tone = "neg" if bar.value < 0 else "pos"
        rows.append(
            f'<div class="hx-bar"><span class="hx-clip{" hx-mono" if bar.mono else ""}" '
            f'title="{escape(name)}">{first}{escape(bar.label)}</span>'
            f'<i><u class="hx-fill-{tone}" style="width:{width:.1f}%"></u></i>'
            f"<b>{signed(bar.value)}</b></div>"
        )
    return f'<div class="hx-bars">{"".join(rows)}</div>'


def told_apart(
    named: Sequence[tuple[str, str, float]], ids: Literal["repeated", "all"] = "repeated"
) -> list[Bar]:
    """Bars of (id, name, value); the id is added where others have the same name, or to all."""
    often = Counter(name for _, name, _ in named)
    least = 1 if ids == "repeated" else 0
    return [
        Bar(name or node, value, mono=not name, id=node if name and often[name] > least else "")
        for node, name, value in named
    ]


def contexts_html(contexts: Sequence[Context]) -> str:
    """Prompts with tokens tinted by activation, by quantile."""
    return "".join(_context_html(context) for context in contexts)


def _context_html(context: Context) -> str:
    tokens = "".join(
        f'<span class="hx-tok{" hx-hot" if tint > 0.55 else " hx-faint" if tint <= 0 else ""}" '
        f'style="--tint: {min(1.0, max(0.0, tint)):.2f}">{escape(token)}</span>'
        for token, tint in context.tokens
    )
    here = '<span class="hx-small hx-dim">◂ this prompt</span>' if context.here else ""
    return (
        f'<div class="hx-context"><span class="hx-group">{escape(context.group)}</span>'
        f'<span class="hx-toks">{tokens}</span>{here}<span class="hx-right hx-dim">'
        f"{escape(context.value)}</span></div>"
    )


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
    figure = go.Figure()
    if curve.fit:
        figure.add_scatter(
            x=[point[0] for point in curve.fit],
            y=[point[1] for point in curve.fit],
            mode="lines",
            line={"color": palette["ink-3"], "width": 1.4},
            hoverinfo="skip",
        )
    figure.add_scatter(
        x=x,
        y=list(curve.means),
        mode="markers",
        marker={"size": 5, "color": palette[role]},
        hovertemplate=f"{escape(curve.variable)} %{{x}}: %{{y:.2f}}<extra></extra>",
    )
    current = curve.current if numeric or curve.current is None else str(curve.current)
    if current is not None and current in x:
        at = x.index(current)
        y = curve.means[at] if curve.current_activation is None else curve.current_activation
        figure.add_scatter(
            x=[current],
            y=[y],
            mode="markers+text",
            text=[f"<b>{escape(str(current))}</b>"],
            textposition="top center" if at < 0.9 * len(x) else "top left",
            textfont={"color": palette["ink-1"], "size": figures.SMALL},
            marker={"size": 8, "color": palette["ink-1"]},
            hovertemplate="this prompt: %{y:.2f}<extra></extra>",
        )
    figure.update_layout(
        **figures.template(palette),
        height=height,
        margin={"l": 22, "r": 6, "t": 12, "b": 18},
        xaxis={"showgrid": False, "type": "linear" if numeric else "category", "nticks": 7},
        yaxis={"showgrid": False, "nticks": 3, "rangemode": "tozero"},
    )
    return figure
