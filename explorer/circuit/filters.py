"""The second line of the Circuit page: the prompt, and what the network leaves out."""

from collections import Counter
from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING

import streamlit as st

from core.errors import CoreError
from explorer import memory
from explorer.network.picture import Picture, counts_text
from explorer.network.scene import Scene
from explorer.session import state
from explorer.session.state import View

if TYPE_CHECKING:
    from core.lab import Lab, PromptView

STEPS = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Smallest |effect| that can be asked for."""
SIGNS = {"both": "±", "plus": "+", "minus": "−"}


def draw_filters(scene: Scene, view: View, found: "Lab | CoreError | None", drawn: Picture) -> None:
    lab = None if isinstance(found, CoreError) else found
    with st.container(key="line-two", horizontal=True, vertical_alignment="center"):
        _prompt(view, lab, found)
        _least(view, drawn)
        with st.container(key="wide-only", horizontal=True, vertical_alignment="center"):
            _layers(scene, view, "wide")
        _sign(view)
        with st.container(key="wide-only-2", horizontal=True, vertical_alignment="center"):
            _kinds(view, "wide")
        with (
            st.container(key="narrow-only"),
            st.popover("More"),
        ):
            _layers(scene, view, "narrow")
            _kinds(view, "narrow")
        st.html(counts_html(scene, drawn))


def counts_html(scene: Scene, drawn: Picture) -> str:
    """How much is drawn, and what stands in the graph beside the circuit's own nodes."""
    own = int((scene.tree_leaf >= 0).sum())
    beside = len(scene.ids) - own
    kinds = Counter(
        kind for i, kind in enumerate(scene.kind) if i not in set(scene.tree_leaf.tolist())
    )
    listed = ", ".join(f"{many} {_NAMES.get(kind, kind)}" for kind, many in kinds.most_common())
    about = (
        f"{own:,} nodes of the circuit, and in this prompt's graph {beside:,} beside them: "
        f"{listed}. "
        "Edges are this prompt's; Validation counts those of the mean graph of all prompts."
    )
    nodes, edges = counts_text(drawn.counts).split(" · ")
    return (
        f'<div class="hx-counts" title="{escape(about)}">{escape(nodes)}'
        f'<span class="hx-roomy"> ({beside:,} beside the circuit\'s)</span> · {escape(edges)}'
        '<span class="hx-roomy"> here</span></div>'
    )


_NAMES = {
    "token": "tokens",
    "error": "errors",
    "logit": "outputs",
    "position": "positions",
    "bias": "biases",
    "head": "heads",
}


def _prompt(view: View, lab: "Lab | None", found: "Lab | CoreError | None") -> None:
    def chosen() -> None:
        state.update(prompt=memory.value("circuit-prompt"))

    if lab is None:
        st.selectbox(
            "Prompt",
            ["no model" if found else "loading"],
            key="circuit-prompt-loading",
            disabled=True,
            label_visibility="collapsed",
            width=260,
        )
        return
    st.selectbox(
        "Prompt",
        list(range(len(lab.prompts))),
        key=memory.widget("circuit-prompt", view.prompt),
        format_func=lambda i: prompt_text(lab.prompts[i]),
        on_change=chosen,
        label_visibility="collapsed",
        width=260,
    )


def prompt_text(prompt: "PromptView") -> str:
    """A prompt as the list shows it: without the token that starts every prompt."""
    text = prompt.text.strip()
    first = prompt.tokens[0].strip() if prompt.tokens else ""
    if first.startswith("<") and first.endswith(">") and text.startswith(first):
        text = text[len(first) :].strip()
    return text or prompt.text


def _least(view: View, drawn: Picture) -> None:
    steps = sorted({*STEPS, drawn.min_effect})

    def chosen() -> None:
        least = memory.value("circuit-least")
        state.update(filters=replace(state.current().filters, min_effect=least))

    auto = view.filters.min_effect is None
    about = (
        "Chosen anew for what is open, so that 90 % of Σ|effect| and at most 48 edges show. Move "
        "the slider to fix it."
        if auto
        else "Fixed by you; “auto” lets the page choose again."
    )
    st.html(
        f'<span class="hx-data hx-dim hx-nowrap" title="{about}">|effect| ≥ {drawn.min_effect:g}'
        f"{' <em>auto</em>' if auto else ''}</span>"
    )
    st.select_slider(
        "Smallest effect shown",
        steps,
        key=memory.widget("circuit-least", drawn.min_effect),
        on_change=chosen,
        label_visibility="collapsed",
        width=96,
    )
    if not auto:
        st.button("auto", key="circuit-least-auto", type="tertiary", on_click=_choose_least)


def _choose_least() -> None:
    state.update(filters=replace(state.current().filters, min_effect=None))


def _layers(scene: Scene, view: View, where: str) -> None:
    key = f"circuit-layer-{where}"

    def chosen() -> None:
        picked = memory.value(key)
        layer = None if picked in (None, -1) else picked
        state.update(filters=replace(state.current().filters, layer=layer))

    now = -1 if view.filters.layer is None else view.filters.layer
    options = [-1, *range(scene.n_layers)]
    words = {i: f"L{i}" for i in options} | {-1: "All layers"}
    draw = st.segmented_control if scene.n_layers <= 3 else st.selectbox
    draw(
        "Layers",
        options,
        key=memory.widget(key, now),
        format_func=words.__getitem__,
        on_change=chosen,
        label_visibility="collapsed",
    )


def _sign(view: View) -> None:
    def chosen() -> None:
        sign = memory.value("circuit-sign") or "both"
        state.update(filters=replace(state.current().filters, sign=sign))

    st.segmented_control(
        "Sign of the effects shown",
        list(SIGNS),
        key=memory.widget("circuit-sign", view.filters.sign),
        format_func=SIGNS.__getitem__,
        on_change=chosen,
        label_visibility="collapsed",
    )


def _kinds(view: View, where: str) -> None:
    key = f"circuit-kinds-{where}"
    kinds = ("errors", "biases")

    def chosen() -> None:
        shown = memory.value(key) or []
        hidden = tuple(kind for kind in kinds if kind not in shown)
        state.update(filters=replace(state.current().filters, hidden=hidden))

    st.pills(
        "Kinds shown",
        kinds,
        key=memory.widget(key, [k for k in kinds if k not in view.filters.hidden]),
        selection_mode="multi",
        on_change=chosen,
        label_visibility="collapsed",
    )
