"""The line on top of the Lab: what is changed, and how. Every figure below answers it."""

import streamlit as st

from core.bundle import Bundle
from core.errors import NodeError
from explorer.look import notices
from explorer.session import changes, state
from explorer.session.view import Changed, View

SHOWN = 6
"""Chips shown; the rest are counted."""
HOW = {"resample": "resample", "mean": "mean", "zero": "zero"}
INSIDE = {"model": "full model", "circuit": "circuit"}


def bar(bundle: Bundle, view: View) -> None:
    """Chips of the changed set and the three choices."""
    with st.container(
        key="panel-changed", horizontal=True, vertical_alignment="center", gap="small"
    ):
        with st.container(key="chips", horizontal=True, vertical_alignment="center", gap="xsmall"):
            _chips(bundle, view)
        _segments("to", "how", HOW, view.how)
        # inside the circuit errors are outside it, so that "live" would be wrong there
        live = "ablated" if view.inside == "circuit" else "live"
        _segments("errors", "errors", {"live": live, "mean": "mean", "zero": "zero"}, view.errors)
        _segments("inside", "inside", INSIDE, view.inside)


def _chips(bundle: Bundle, view: View) -> None:
    st.html('<span class="hs-label">Changed</span>')
    if not view.changes:
        st.html('<span class="hs-none">nothing yet: click a node</span>')
    for changed in view.changes[:SHOWN]:
        _chip(bundle, changed)
    if len(view.changes) > SHOWN:
        st.html(f'<span class="hs-none">+{len(view.changes) - SHOWN} more</span>')
    with st.popover("+ Add", type="tertiary", key="add-node"):
        _add(bundle)
    if view.changes:
        st.button("Clear all", key="clear-all", on_click=_clear, type="tertiary")


def _chip(bundle: Bundle, changed: Changed) -> None:
    """One change as a button that takes it back."""
    kind = "out" if changed.scale == 0 else "scaled"
    many = len(changes.members(bundle, changed.node))
    parts = [f"**× {changed.scale:g}**" if changed.scale else "", f"**{changed.node}**"]
    parts.append(_quiet(changes.name_of(bundle, changed.node)))
    parts.append(f"{many} nodes" if many > 1 else "")
    label = " ".join(part for part in parts if part) + " ✕"
    with st.container(key=f"chip-{kind}-{changed.node.replace(':', '_').replace('@', '_')}"):
        st.button(
            label,
            key=f"drop-{changed.node}",
            on_click=_drop,
            args=(changed,),
            help=f"Take back: {changed.node}",
            width="content",
        )


def _quiet(label: str) -> str:
    """A label as plain text for Streamlit's markdown."""
    cut = label if len(label) <= 18 else label[:17] + "…"
    return "".join(f"\\{c}" if c in r"\`*_{}[]()#+-!$:~<>|" else c for c in cut)


def _segments(label: str, field: str, options: dict[str, str], chosen: str) -> None:
    with st.container(
        key=f"segment-{field}", horizontal=True, vertical_alignment="center", width="content"
    ):
        st.html(f'<span class="hs-label">{label}</span>')
        st.segmented_control(
            label,
            list(options),
            format_func=lambda option: options[option],
            key=state.widget(f"lab-{field}", chosen),
            on_change=_set,
            args=(field,),
            label_visibility="collapsed",
            required=True,
        )


def _set(field: str) -> None:
    if chosen := state.value(f"lab-{field}"):
        state.update(**{field: chosen})


def _add(bundle: Bundle) -> None:
    st.html(
        '<p class="hs-note">Ids separated by commas: a supernode C3, a feature 0:4:12, a head L0H2 '
        "or L0H2@4, an error e:0:4.</p>"
    )
    st.text_input("Nodes", key="add-ids", max_chars=2000, width=280)
    st.slider("Scale", 0.0, 2.0, 0.0, 0.1, key="add-scale", help="0 ablates, 1 restores", width=280)
    st.button("Add", key="add-now", type="primary", on_click=_add_now, args=(bundle,))
    if problem := state.local("add-problem"):
        notices.failed("Not added", problem, key="add")


def _add_now(bundle: Bundle) -> None:
    try:
        wanted = changes.parse(str(state.value("add-ids") or ""), float(state.value("add-scale")))
        unknown = [c.node for c in wanted if not changes.knows(bundle, c.node)]
        if unknown:
            raise NodeError(
                f"Not in this circuit: {', '.join(unknown[:6])}.\nA supernode, a feature of the "
                "circuit, a head or an error is needed."
            )
        now = {c.node: c for c in (*state.current().changes, *wanted)}
        changes.expand(bundle, tuple(now.values()))
    except NodeError as problem:
        state.remember("add-problem", str(problem))
        return
    state.remember("add-problem", "")
    state.update(changes=tuple(now.values()))


def _drop(changed: Changed) -> None:
    view = state.current()
    state.update(changes=tuple(c for c in view.changes if c != changed))


def _clear() -> None:
    state.update(changes=())
