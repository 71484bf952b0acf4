"""The parts of the inspector as HTML and figures; pure, everything from data is escaped.

A panel is a title, four numbers, then sections: activation by a task variable with its fit, where
a feature fires (`contexts`), its density (`charts`), what it promotes, and the edges whose sum
closes. `panel` puts them together for what is selected.
"""

import math
from collections import Counter
from collections.abc import Sequence
from html import escape
from typing import Literal, NamedTuple

from explorer.inspector.naming import glossary, together

MINUS = "\u2212"
Glyph = Literal["none", "feature", "head", "error", "token", "logit"]


class Fact(NamedTuple):
    """One of the four numbers under the title."""

    value: str
    label: str
    tone: Literal["", "pos", "neg"] = ""
    about: str = ""
    """Said in full where the pointer rests."""


class Bar(NamedTuple):
    """A signed bar with its name."""

    label: str
    value: float
    mono: bool = False
    id: str = ""
    """Shown before the name; needed where several have the same."""
    go: str = ""
    """The node or supernode that a click on it selects; empty where it stands for none."""
    via: str = ""
    """What the value is made of, on a line of its own below."""


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


def direct_fact(effect: float, answer: str, wrong: str = "") -> Fact:
    """A direct effect on the answer's logit alone; against a wrong one only where that is named."""
    tone: Literal["pos", "neg"] = "neg" if effect < 0 else "pos"
    label = f"direct, {answer} {MINUS} {wrong}" if wrong else "direct effect"
    about = f"on logit({answer}) {MINUS} logit({wrong})" if wrong else f"on the logit of {answer}"
    return Fact(signed(effect), label, tone, about)


def ablated_fact(effect: float | None) -> Fact:
    """Change of P(answer) when it alone is ablated; a dash while that is not known."""
    return Fact("–" if effect is None else signed(effect), "ΔP if ablated")


def title_html(
    name: str,
    sub: str,
    *,
    role: str = "ink-2",
    badge: str = "",
    glyph: Glyph = "feature",
    about: str = "",
) -> str:
    """Sign, name, one line of what it is, and what the signs in its name mean.

    `sub` is HTML made here, not data. `about` is told of the name where the mouse points at it.
    """
    sign = (
        f'<span class="hx-badge" style="--role: var(--{role})">{escape(badge)}</span>'
        if badge
        else f'<i class="hx-glyph hx-{glyph}" style="--role: var(--{role})" aria-hidden="true"></i>'
    )
    known = " · ".join(map(together, glossary(name)))
    words = f'<div class="hx-small hx-faint">{escape(known)}</div>' if known else ""
    heading = f'<h3 title="{escape(about or name)}">{escape(together(name))}</h3>'
    return (
        f'<div class="hx-title">{sign}{heading}</div><div class="hx-sub hx-clip">{sub}</div>{words}'
    )


def facts_html(facts: Sequence[Fact]) -> str:
    """The row of numbers."""
    cells = "".join(
        f'<div title="{escape(fact.about or fact.label)}">'
        f'<b class="{f"hx-{fact.tone}" if fact.tone else ""}">{escape(fact.value)}</b>'
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


def bars_html(bars: Sequence[Bar], most: float | None = None, fold: int = 0) -> str:
    """Bars by size, blue for what supports and orange for what opposes.

    Args:
        most: Value of a bar of full length; the largest by default.
        fold: Bars after this many are folded away behind a line that counts them; 0 shows all.
    """
    if not bars:
        return '<div class="hx-faint hx-small">none</div>'
    top = most or max((abs(bar.value) for bar in bars), default=0.0) or 1.0
    digits = 2 if top >= 0.02 else 3 if top >= 0.002 else 4
    rows = [_bar_html(bar, top, digits) for bar in bars]
    shown = len(rows) if not fold or len(rows) <= fold + 1 else fold
    kind = " hx-named" if any(bar.id for bar in bars) else ""
    return f'<div class="hx-bars{kind}">{"".join(rows[:shown])}</div>' + (
        f'<details class="hx-more"><summary>{len(rows) - shown} more</summary>'
        f'<div class="hx-bars{kind}">{"".join(rows[shown:])}</div></details>'
        if rows[shown:]
        else ""
    )


def _bar_html(bar: Bar, top: float, digits: int) -> str:
    name = f"{bar.id} {bar.label}" if bar.id else bar.label
    first = f'<span class="hx-mono hx-dim">{escape(bar.id)}</span> ' if bar.id else ""
    width = 100 * min(1.0, abs(bar.value) / top)
    tone = "neg" if bar.value < 0 else "pos"
    row = row_html(
        "hx-bar",
        bar.go,
        f'<span class="hx-clip{" hx-mono" if bar.mono else ""}" '
        f'title="{escape(name)}">{first}{escape(bar.label)}</span>'
        f'<i><u class="hx-fill-{tone}" style="width:{width:.1f}%"></u></i>'
        f"<b>{signed(bar.value, digits)}</b>",
    )
    via = escape(bar.via)
    below = f'<div class="hx-small hx-faint hx-clip" title="{via}">{via}</div>' if via else ""
    return row + below


NOWHERE = ("outside", "out:direction")
"""Ids that edges name and no network draws."""


def row_html(kind: str, go: str, body: str) -> str:
    """A line of a list. Where it stands for a node, the canvas (`rows.js`) selects that on a click.

    Args:
        kind: Its class.
        go: The node or supernode; empty for a line that leads nowhere.
        body: HTML made here.
    """
    if not go or go in NOWHERE:
        return f'<div class="{kind}">{body}</div>'
    return f'<button type="button" class="hx-go {kind}" data-go="{escape(go)}">{body}</button>'


LONG_NAME = 11
"""Letters of a bar's name for which half a panel has room."""


def two_lists_html(left: tuple[str, Sequence[Bar]], right: tuple[str, Sequence[Bar]]) -> str:
    """Two titled lists of bars: side by side, or one over the other where names are long.

    Those with an id, or with a line below, are: half a panel has no room for them.
    """
    bars = [*left[1], *right[1]]
    long = any(bar.id or bar.via or len(bar.label) > LONG_NAME for bar in bars)
    halves = [heading_html(title) + bars_html(part) for title, part in (left, right)]
    if not long:
        return pair_html(*halves)
    return "".join(f'<section class="hx-section hx-wide">{half}</section>' for half in halves)


def told_apart(
    named: Sequence[tuple[str, str, float]], ids: Literal["repeated", "all"] = "repeated"
) -> list[Bar]:
    """Bars of (id, name, value); the id is added where others have the same name, or to all."""
    often = Counter(name for _, name, _ in named)
    least = 1 if ids == "repeated" else 0
    return [
        Bar(
            name or node,
            value,
            mono=not name,
            id=node if name and often[name] > least else "",
            go=node,
        )
        for node, name, value in named
    ]
