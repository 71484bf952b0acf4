"""What can be done to the selected node: ablate, scale, give it a name of one's own."""

from collections.abc import Callable
from typing import Literal

import streamlit as st

from core.bundle import relabel
from explorer import memory
from explorer.inspector.seen import Inspected
from explorer.session import changes, resources, state

LABEL_LENGTH = 60
"""Letters of a label that a person may write."""


def draw_actions(seen: Inspected, node: str) -> None:
    """Ablate, halve, double; the same set as the canvas and the Lab change."""
    now = {c.node: c.scale for c in seen.view.changes}.get(node)

    def put(scale: float) -> Callable[[], None]:
        def click() -> None:
            current = state.current().changes
            state.update(changes=changes.toggled(current, node, scale))

        return click

    with st.container(key="inspector-actions", horizontal=True):
        words = "Put back `X`" if now == 0 else "Ablate `X`"
        st.button(words, key="inspect-ablate", on_click=put(0.0), width="stretch")
        for scale, text in ((0.5, "× 0.5"), (2.0, "× 2")):
            kind: Literal["primary", "secondary"] = "primary" if now == scale else "secondary"
            st.button(text, key=f"inspect-{scale:g}", on_click=put(scale), type=kind)


def draw_rename(seen: Inspected, node: str, label: str) -> None:
    """A person's own name for a node; kept in the bundle, so only of one's own circuits."""
    if resources.is_bundled(resources.find(seen.name)):
        return
    key = f"inspect-label-{node}"

    def keep() -> None:
        words = str(memory.value(key) or "").strip()[:LABEL_LENGTH]
        if words and words != label:
            relabel(seen.bundle, {node: words})

    with st.container(key="inspector-rename"), st.popover("✎", help="Name it yourself"):
        st.text_input("Label", value=label, key=key, max_chars=LABEL_LENGTH)
        st.button("Keep this label", key="inspect-keep-label", on_click=keep)
