"""What can be done to what is selected: ablate, scale, give a node a name of one's own."""

from collections.abc import Callable
from html import escape
from typing import Literal

import streamlit as st

from core.bundle import relabel
from explorer import memory
from explorer.inspector import parts as inspector
from explorer.inspector.seen import Inspected
from explorer.session import changes, resources, state

LABEL_LENGTH = 60
"""Letters of a label that a person may write."""
MOST_NAMED = 8
"""Selected nodes that are named."""


def draw_actions(seen: Inspected, node: str) -> None:
    """What can be done to a node; of several selected ones `draw_several` has said it already."""
    if len(seen.view.selection) < 2:
        _draw_buttons(seen, (node,), "")


def draw_several(seen: Inspected) -> None:
    """That several are selected, which, and what can be done to all of them."""
    chosen = seen.view.selection
    chips = "".join(f'<span class="hx-chip">{escape(node)}</span>' for node in chosen[:MOST_NAMED])
    more = f'<span class="hx-faint">and {len(chosen) - MOST_NAMED} more</span>'
    body = f'<div class="hx-members">{chips}{more if len(chosen) > MOST_NAMED else ""}</div>'
    note = f"below: {chosen[-1]}, selected last"
    with st.container(key="inspector-several"):
        st.html(inspector.section_html(f"{len(chosen)} selected", body, note))
        if nodes := tuple(node for node in chosen if _can_change(seen, node)):
            _draw_buttons(seen, nodes, f" {len(nodes)}")


def _can_change(seen: Inspected, node: str) -> bool:
    """Supernodes, features, heads and errors, as on the canvas (`canvas/notes.js`)."""
    place = seen.scene.place(node)
    return place is None or seen.scene.kind[place] not in ("token", "position", "bias", "logit")


def _draw_buttons(seen: Inspected, nodes: tuple[str, ...], many: str) -> None:
    """Ablate, halve, double; the same set as the canvas and the Lab change."""
    factors = {changes.held(seen.bundle, seen.view.changes, node) for node in nodes}
    now = factors.pop() if len(factors) == 1 else None

    def put(scale: float) -> Callable[[], None]:
        def click() -> None:
            current = state.current().changes
            state.update(changes=changes.put(seen.bundle, current, nodes, scale))

        return click

    with st.container(key="inspector-actions", horizontal=True):
        words = f"Put back{many} `X`" if now == 0 else f"Ablate{many} `X`"
        st.button(words, key="inspect-ablate", on_click=put(0.0), width="stretch")
        for scale, text in ((0.5, "× 0.5"), (2.0, "× 2")):
            kind: Literal["primary", "secondary"] = "primary" if now == scale else "secondary"
            st.button(text, key=f"inspect-{scale:g}", on_click=put(scale), type=kind)


def draw_rename(seen: Inspected, node: str, label: str) -> None:
    """A person's own name for the one selected; kept in the bundle: only of one's own circuits."""
    if len(seen.view.selection) > 1 or resources.is_bundled(resources.find(seen.name)):
        return
    key = f"inspect-label-{node}"

    def keep() -> None:
        words = str(memory.value(key) or "").strip()[:LABEL_LENGTH]
        if words and words != label:
            relabel(seen.bundle, {node: words})

    with st.container(key="inspector-rename"), st.popover("✎", help="Name it yourself"):
        st.text_input("Label", value=label, key=key, max_chars=LABEL_LENGTH)
        st.button("Keep this label", key="inspect-keep-label", on_click=keep)
