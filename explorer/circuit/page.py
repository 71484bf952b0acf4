"""The Circuit page: hierarchy, network, inspector and answer bar of one circuit.

1. The bundle alone draws the page (well under a second); model and prompts are loaded after that,
   and the page then runs again with figures.
2. All that a click changes is one fragment. Its first act is the canvas with the new numbers, then
   the inspector; what costs more (the band of random ablations) follows in a run of its own.
"""

from typing import TYPE_CHECKING

import streamlit as st

from core.bundle import Bundle
from core.errors import CoreError
from explorer import menu
from explorer.circuit.answer import answer_bar, effects
from explorer.circuit.claim import line_one
from explorer.circuit.filters import draw_filters
from explorer.inspector.panel import Inspected, inspect
from explorer.look import notices
from explorer.network.component import CanvasView, Change, Picture, canvas, picture
from explorer.network.scene import Scene
from explorer.network.visible import Sieve
from explorer.session import changes, resources, state
from explorer.session.first import choose
from explorer.session.state import Changed, View

if TYPE_CHECKING:
    from core.lab import Lab

HEIGHT = "var(--work-h)"
"""Of the canvas and the inspector: the page without header, two lines, a notice and the bar."""


def page() -> None:
    """Draw the page for the view in the URL."""
    name = state.current().circuit or choose(resources.library())
    if not name:
        menu.no_circuit(
            "No circuit yet",
            "Circuits that come with the program and your own appear in the library.",
        )
        return
    bundle = resources.bundle(name)
    state.keep(lambda node: changes.knows(bundle, node))
    ready = resources.lab_state(name)
    workspace(name)
    if ready is None:
        resources.load_lab(name)
        st.rerun()


@st.fragment
@notices.guard
def workspace(name: str) -> None:
    """Everything below the menu; runs again on each click."""
    view, bundle = state.current(), resources.bundle(name)
    found = resources.lab_state(name)
    lab = found if found is not None and not isinstance(found, CoreError) else None
    if lab is not None and view.prompt >= len(lab.prompts):
        state.note(f"prompt {view.prompt}: this circuit has {len(lab.prompts)} test prompts")
        state.update(prompt=0)
        view = state.current()
    scene = _scene(name, None if lab is None else view.prompt)
    sieve = Sieve(
        min_effect=view.filters.min_effect,
        layer=view.filters.layer,
        sign=view.filters.sign,
        hidden=view.filters.hidden,
    )
    drawn = picture(scene, view.path, sieve)
    line_one(name, bundle, view)
    draw_filters(scene, view, found, drawn)
    with st.container(key="work", horizontal=True):
        with st.container(key="work-main"):
            _canvas(name, bundle, view, lab, drawn)
        with st.container(key="panel-inspector"):
            seen = Inspected(bundle=bundle, scene=scene, view=view, lab=found, name=name)
            notices.guarded(inspect, seen)


def _scene(name: str, prompt: int | None) -> Scene:
    """The prompt's own graph; the task's where there is no model or it has no linear graph."""
    try:
        return resources.scene(name, prompt)
    except CoreError:
        return resources.scene(name, None)


def _canvas(name: str, bundle: Bundle, view: View, lab: "Lab | None", drawn: Picture) -> None:
    bar = None if lab is None else answer_bar(name, bundle, view, lab)
    said = canvas(
        drawn,
        key="circuit-canvas",
        view=CanvasView(
            changes=tuple(Change(c.node, c.scale) for c in view.changes),
            selection=view.selection,
            opened=view.path,
        ),
        on_view=keep_view,
        parts=("tree", "network", "bar"),
        height=HEIGHT,
        bar=bar,
        effects=effects(name, view, bar),
    )
    if said.action == "lab":
        menu.go("lab")


def keep_view(chosen: CanvasView) -> None:
    """Put what the browser chose into the view, before the fragment runs again."""
    state.update(
        changes=tuple(Changed(c.node, c.scale) for c in chosen.changes),
        selection=chosen.selection,
        path=chosen.opened,
    )
