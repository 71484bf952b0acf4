"""The inspector: what is known of the node or supernode selected last.

Sections come from the engine's reports where the model is loaded; until then, and for kinds that
have no report, the graph alone tells the edges and the members.
"""

from collections.abc import Mapping
from html import escape
from typing import Any

import streamlit as st

from core.errors import CoreError
from core.verdicts import reservation
from explorer import memory
from explorer.inspector import parts as inspector
from explorer.inspector.actions import draw_several
from explorer.inspector.elsewhere import draw_elsewhere
from explorer.inspector.seen import Inspected, alone, heads, lost
from explorer.inspector.single import draw_node
from explorer.inspector.supernode import draw_supernode
from explorer.look import notices, theme
from explorer.look.evidence import evidence_html, other_reasons
from explorer.session import state

__all__ = ["Inspected", "inspect"]

ALONE = "F lost, all prompts · ΔP here"
"""What the two figures of a supernode in the overview are, when it alone is ablated."""


def inspect(seen: Inspected) -> None:
    """Draw the panel for what was selected last, under what can be done to all of the selection."""
    node = seen.view.selection[-1] if seen.view.selection else ""
    if isinstance(seen.lab, CoreError):
        notices.refused("The model of this circuit could not be loaded", seen.lab, key="no-lab")
    if len(seen.view.selection) > 1:
        draw_several(seen)
    if not node:
        _overview(seen)
    elif node in seen.bundle.hierarchy.name:
        draw_supernode(seen, node)
        draw_elsewhere(seen, node)
    else:
        draw_node(seen, node)
        draw_elsewhere(seen, node)


def _overview(seen: Inspected) -> None:
    """What there is to click, and how much each supernode matters."""
    tree = seen.bundle.hierarchy
    names = [tree.name[s] for s in tree.children(0)]
    hint = "Click a node to inspect it, double click opens a supernode"
    st.html(inspector.title_html(seen.bundle.title, hint, glyph="none"))
    rows = [_supernode_row(seen, name) for name in names]
    note = ALONE if seen.ready else "" if seen.lab else "the model is loading"
    st.html(inspector.section_html("Supernodes", "".join(rows), note))
    _draw_heads(seen)
    if why := _why_html(seen.bundle.validation):
        st.html(inspector.section_html("Why this verdict", why))
    if not seen.ready and not isinstance(seen.lab, CoreError):
        notices.skeleton(3)


def _why_html(found: Mapping[str, Any]) -> str:
    """What the verdict is short of, its figures as a table, and what else the engine says."""
    short = reservation(found)
    said = "".join(f"<p>{escape(reason)}</p>" for reason in other_reasons(found)[:4])
    return (
        (f'<div class="hx-prose"><p class="hx-strong">{escape(short)}</p></div>' if short else "")
        + evidence_html(found)
        + (f'<div class="hx-prose hx-after">{said}</div>' if said else "")
    )


def _draw_heads(seen: Inspected) -> None:
    """A way to any head of the model, whether or not the circuit has it as a node."""
    names = heads(seen)
    if not names:
        return

    def look() -> None:
        chosen = memory.value("inspect-head")
        if chosen:
            state.update(selection=(chosen,))

    st.selectbox(
        "Look at a head",
        list(names),
        index=None,
        format_func=lambda head: head if names[head] == head else f"{head} · {names[head]}",
        placeholder="Look at a head: what it reads, and why",
        label_visibility="collapsed",
        key="inspect-head",
        on_change=look,
    )


def _supernode_row(seen: Inspected, name: str) -> str:
    """Its size, and what ablating it alone does: to F, and to P, which may be saturated."""
    count = len(seen.scene.members(name))
    cost, effect = lost(seen, name), alone(seen, name)
    shown = "" if cost is None else inspector.number(cost)
    here = "" if effect is None else inspector.signed(effect)
    label = escape(seen.label(name))
    return inspector.row_html(
        "hx-entry",
        name,
        f'{theme.badge_html(name)}<span class="hx-clip" '
        f'title="{label}">{label}</span><span class="hx-faint hx-nowrap">{count} nodes</span>'
        '<b title="F lost over all test prompts when it alone is ablated in the circuit">'
        f'{shown}</b><span class="hx-dim hx-here" title="Change of P(answer) on this prompt when '
        f'it alone is ablated">{here}</span>',
    )
