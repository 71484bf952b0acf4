"""The inspector: what is known of the node or supernode selected last.

Sections come from the engine's reports where the model is loaded; until then, and for kinds that
have no report, the graph alone tells the edges and the members.
"""

from html import escape

import streamlit as st

from core.errors import CoreError
from explorer.inspector import parts as inspector
from explorer.inspector.graph import to_logit
from explorer.inspector.seen import Inspected, alone
from explorer.inspector.single import draw_node
from explorer.inspector.supernode import draw_supernode
from explorer.look import notices, theme

__all__ = ["Inspected", "inspect"]

FLAT = 0.005
"""Change of P under which two decimals say nothing."""


def inspect(seen: Inspected) -> None:
    """Draw the panel for what was selected last."""
    node = seen.view.selection[-1] if seen.view.selection else ""
    if isinstance(seen.lab, CoreError):
        notices.refused("The model of this circuit could not be loaded", seen.lab, key="no-lab")
    if not node:
        _overview(seen)
    elif node in seen.bundle.hierarchy.name:
        draw_supernode(seen, node)
    else:
        draw_node(seen, node)


def _overview(seen: Inspected) -> None:
    """What there is to click, and how much each supernode matters."""
    tree = seen.bundle.hierarchy
    names = [tree.name[s] for s in tree.children(0)]
    hint = "Click a node to inspect it, double click opens a supernode"
    st.html(inspector.title_html(seen.bundle.title, hint, glyph="none"))
    effects = {name: alone(seen, name) for name in names}
    note = "ΔP when ablated alone" if seen.ready else "" if seen.lab else "the model is loading"
    if all(effect is not None and abs(effect) < FLAT for effect in effects.values()):
        # P stays where it is whichever is taken: it would say that none of them matters
        effects = {name: to_logit(seen.scene, seen.scene.members(name)) for name in names}
        note = "direct effect; no ΔP alone"
    rows = [_supernode_row(seen, name, effect) for name, effect in effects.items()]
    st.html(inspector.section_html("Supernodes", "".join(rows), note))
    reasons = [str(reason) for reason in seen.bundle.validation.get("reasons", ())]
    if reasons:
        listed = "".join(f"<p>{escape(reason)}</p>" for reason in reasons[:6])
        st.html(inspector.section_html("Why this verdict", f'<div class="hx-prose">{listed}</div>'))
    if not seen.ready and not isinstance(seen.lab, CoreError):
        notices.skeleton(3)


def _supernode_row(seen: Inspected, name: str, effect: float | None) -> str:
    count = len(seen.scene.members(name))
    shown = "" if effect is None else inspector.signed(effect)
    label = escape(seen.label(name))
    return (
        f'<div class="hx-entry">{theme.badge_html(name)}<span class="hx-clip" '
        f'title="{label}">{label}</span><span class="hx-faint hx-nowrap">{count} nodes</span>'
        f"<b>{shown}</b></div>"
    )
