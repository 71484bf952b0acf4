"""The first line of the Circuit page: where we are in the tree, and what is claimed."""

from typing import Any

import streamlit as st

from core.bundle import Bundle
from core.figures import figure
from core.verdicts import reservation
from explorer import menu
from explorer.look import notices, theme
from explorer.look.copy_link import copy_link
from explorer.session import state
from explorer.session.view import View
from explorer.sharing import share_menu

WHOLE_TRAIL = 2
"""Levels of the trail that are named; of a longer one only the last, the others by their letter."""


def line_one(name: str, bundle: Bundle, view: View) -> None:
    """Draw it: the trail, the verdict with its figures, copy and share."""
    with st.container(key="line-one", horizontal=True, vertical_alignment="center"):
        with st.container(key="crumbs", horizontal=True, vertical_alignment="center"):
            _crumbs(bundle, view)
        why = notices.text(menu.address("validation", circuit=name))
        about = notices.text(reservation(bundle.validation) or "Why")
        st.html(f'<a href="{why}" target="_self" title="{about}">{claim_html(bundle)}</a>')
        copy_link("circuit-copy")
        share_menu(name, "circuit")


def _crumbs(bundle: Bundle, view: View) -> None:
    trail = trail_of(bundle, view.path)
    st.button(_plain(bundle.title), key="crumb-root", type="tertiary", on_click=_go, args=((),))
    for i, node in enumerate(trail):
        last = i + 1 == len(trail)
        named = last or len(trail) <= WHOLE_TRAIL
        words = f"**{node}** {_plain(bundle.labels.get(node, '')) if named else ''}".strip()
        key = f"crumb-{theme.role_of(node)}-{'last' if last else 'up'}-{node}"
        st.button(words, key=key, type="tertiary", on_click=_go, args=(trail[: i + 1],))
    if trail:
        st.button("Up `U`", key="crumb-up", type="tertiary", on_click=_go, args=(trail[:-1],))


def trail_of(bundle: Bundle, opened: tuple[str, ...]) -> tuple[str, ...]:
    """Supernodes from the outermost down to the one opened last."""
    tree = bundle.hierarchy
    known = [node for node in opened if node in tree.name]
    if not known:
        return ()
    return tuple(tree.name[s] for s in tree.path(tree.find(known[-1]))[1:])


def _go(path: tuple[str, ...]) -> None:
    state.update(path=path, selection=path[-1:])


def _plain(text: str) -> str:
    """Text for a button's label, which reads Markdown."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]()<>#+-.!|~:$" else c for c in text)


def claim_html(bundle: Bundle) -> str:
    """The verdict and the numbers it rests on."""
    found = bundle.validation
    parts = [theme.verdict_html(str(found.get("verdict", "undecided")), bundle.provenance)]
    for sign, key in (("F", "faithfulness"), ("φ", "phi"), ("φ(∅)", "phi_empty")):
        if key in found:
            value, spread = figure(found[key]), _spread_html(found, key)
            parts.append(f"<span>{sign} <b>{value}</b>{spread}</span>")
    parts.append(f"<span>{len(bundle.circuit.nodes):,} nodes</span>")
    return f'<div class="hx-claim">{"".join(parts)}</div>'


def _spread_html(found: Any, key: str) -> str:
    """ "±0.01" where the validation carries an interval."""
    interval = found.get(f"{key}_ci")
    if not isinstance(interval, (list, tuple)) or len(interval) != 2 or None in interval:
        return ""  # not measured, or could not be computed
    half = (interval[1] - interval[0]) / 2
    digits = 2 if half >= 0.005 else 3
    return f'<span class="hx-pm">±{half:.{digits}f}</span>' if half >= 0.0005 else ""
