"""The inspector's page of an attention head: its kind, where it looks, and why.

The pattern, on this prompt; the attention from one position to another by its sources (QK
attribution, `core.inspector.why`), both chosen by the reader; what the head brings from each
position, and the tokens that its output raises.
"""

from html import escape
from typing import TYPE_CHECKING

import streamlit as st

from core.features import EdgeRow
from core.inspector import HeadReport
from explorer import memory
from explorer.inspector import parts as inspector
from explorer.inspector.node import token_bars
from explorer.inspector.parts import Bar, Fact
from explorer.inspector.seen import Inspected, why

if TYPE_CHECKING:
    from core.inspector import WhyReport

TOLERANCE = 1e-3
"""Of the model's score: a larger gap is shown."""


def head_facts(report: HeadReport, alone: float | None, answers: tuple[str, str]) -> list[Fact]:
    """Where the head looks most, what ablating it alone does, and its effect on the margin.

    Args:
        report: Of the head.
        alone: Change of P(answer), if that is known.
        answers: The right answer and the wrong one.
    """
    top = max(report.keys, key=lambda key: key.weight, default=None)
    facts = [inspector.ablated_fact(alone)]
    if top is not None:
        facts.insert(0, Fact(top.token.strip() or str(top.position), "looks most at"))
        facts.insert(1, Fact(inspector.percent(top.weight), "of attention"))
        facts.append(inspector.direct_fact(sum(key.effect for key in report.keys), *answers))
    return facts


def draw_head(seen: Inspected, report: HeadReport, answers: tuple[str, str]) -> None:
    """Everything under the title, numbers and actions."""
    st.html(inspector.section_html("What kind", kind_html(report), "on all test prompts"))
    query, key = _chosen(report)
    note = "query ↓ key →, this prompt"
    st.html(inspector.section_html("Pattern", pattern_html(report, query, key), note))
    _draw_choice(report, query, key)
    found = why(seen, report.node, query, key)
    if found is not None:
        st.html(why_html(found, report))
    names = [key.token.strip() or str(key.position) for key in report.keys]
    effects = [Bar(n, k.effect, mono=True) for n, k in zip(names, report.keys, strict=True)]
    tokens = token_bars(report.promoted, report.suppressed)
    st.html(
        inspector.pair_html(
            inspector.heading_html(f"What it brings, {answers[0]} {inspector.MINUS} {answers[1]}")
            + inspector.bars_html(effects),
            inspector.heading_html("Promotes, suppresses") + inspector.bars_html(tokens),
        )
    )


def kind_html(report: HeadReport) -> str:
    """The figures that its name rests on."""
    return f'<div class="hx-prose"><p>{escape(report.kind_about)}</p></div>'


def pattern_html(report: HeadReport, query: int, key: int) -> str:
    """Attention weights as a matrix in one hue, tokens at both sides; one cell is marked.

    Args:
        report: Of the head.
        query: Aligned position of the marked cell's row.
        key: Of its column.
    """
    size = len(report.tokens)
    names = [escape(token.strip() or token) for token in report.tokens]
    cells = ["<span></span>", *(f'<span class="hx-mono hx-clip">{name}</span>' for name in names)]
    for q in range(size):
        cells.append(f'<span class="hx-mono hx-clip">{names[q]}</span>')
        for k in range(size):
            weight = float(report.pattern[q, k])
            tip = f"{names[q]} looks at {names[k]}: {weight:.2f}"
            chosen = (q + report.shift, k + report.shift) == (query, key)
            mark = ' class="hx-chosen"' if chosen else ""
            shown = f'<i{mark} style="--v: {weight:.3f}" title="{tip}"></i>'
            cells.append(shown if k <= q else "<span></span>")
    columns = f"minmax(36px, auto) repeat({size}, minmax(0, 1fr))"
    return f'<div class="hx-matrix" style="grid-template-columns: {columns}">{"".join(cells)}</div>'


def _key_from(report: HeadReport) -> str:
    """Name of the choice of a query; a head on a prompt keeps its own."""
    return f"inspect-from-{report.node}-{report.prompt}"


def _key_to(report: HeadReport, query: int) -> str:
    """Name of the choice of a key, which every query has of its own."""
    return f"inspect-to-{report.node}-{report.prompt}-{query}"


def _chosen(report: HeadReport) -> tuple[int, int]:
    """Query and key that are asked about: the head's own, and what that looks at most."""
    asked = memory.value(_key_from(report))
    query = report.query if asked is None else int(asked)
    looked = memory.value(_key_to(report, query))
    row = report.pattern[query - report.shift]
    return query, int(row.argmax()) + report.shift if looked is None else int(looked)


def _draw_choice(report: HeadReport, query: int, key: int) -> None:
    """From which token to which; keys are those that the query sees."""
    names = {
        place + report.shift: f"{token.strip() or token} · {place + report.shift}"
        for place, token in enumerate(report.tokens)
    }
    weights = report.pattern[query - report.shift].tolist()
    keys = [place for place in names if place <= query]

    def with_weight(place: int) -> str:
        return f"{names[place]} · {inspector.percent(weights[place - report.shift])}"

    places = list(names)
    with st.container(key="inspector-why", horizontal=True):
        st.selectbox("From", places, places.index(query), names.__getitem__, key=_key_from(report))
        st.selectbox("To", keys, keys.index(key), with_weight, key=_key_to(report, query))


def why_html(found: "WhyReport", report: HeadReport) -> str:
    """The score by sources at the query, at the key, and by pairs of them."""
    tokens = [token.strip() or token for token in report.tokens]
    query, key = (tokens[place - report.shift] for place in (found.query, found.key))
    note = f"score {inspector.signed(found.score)} against the row's mean"
    if found.gap > TOLERANCE:
        note += f", gap {found.gap:.0e}"
    pairs = inspector.bars_html([Bar(f"{p.query} × {p.key}", p.value) for p in found.pairs])
    rest = f'<div class="hx-small hx-faint">all other pairs {inspector.signed(found.rest)}</div>'
    sides = (
        (f"Through the query, at {query}", _bars(found.at_query)),
        (f"Through the key, at {key}", _bars(found.at_key)),
    )
    heading = inspector.heading_html("Source at the query × source at the key")
    return (
        inspector.section_html(f"Why {query} looks at {key}", "", note)
        + inspector.two_lists_html(*sides)
        + f'<section class="hx-section hx-wide">{heading}{pairs}{rest}</section>'
    )


def _bars(rows: tuple[EdgeRow, ...]) -> list[Bar]:
    return inspector.told_apart([(row.node, row.text, row.effect) for row in rows])
