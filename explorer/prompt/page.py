"""The Prompt page: type a prompt, see in seconds what its next token is made of."""

from dataclasses import replace

import streamlit as st

from core.errors import CoreError
from explorer import memory
from explorer.look import notices
from explorer.network.component import CanvasView, canvas, counts_text, picture
from explorer.network.scene import Scene
from explorer.network.visible import Sieve
from explorer.prompt import follow, imported, selected
from explorer.prompt.figures import figures
from explorer.prompt.form import form
from explorer.session import resources, state
from explorer.session.view import Traced

NO_CONSTANTS = Sieve(hidden=("biases",))
"""Constants and position embeddings are counted in the scores but not drawn."""


def page() -> None:
    """Draw the page."""
    if state.current().imported.graph:
        _heading("A graph of another program, with the effects that its file gives.")
        notices.guarded(imported.show, state.current().imported)
        return
    _heading("What the next token is made of: exact direct effects of features, tokens and errors.")
    follow.leave_other()
    wanted = follow.completed(state.current().traced)
    form(wanted)
    if not wanted.model:
        notices.empty(
            "No model yet",
            "No model is bundled here. Type the path of a Hugging Face model folder above.",
            key="no-model",
        )
        return
    if not wanted.text.strip():
        notices.guarded(_examples, wanted)
        return
    notices.guarded(_traced, wanted)


def _heading(about: str) -> None:
    st.html(f'<div class="hs-heading"><h1>Prompt</h1><span class="hx-dim">{about}</span></div>')


def _examples(wanted: Traced) -> None:
    follow.told(wanted, traced=False)
    notices.empty(
        "Type a prompt",
        "Its attribution graph shows which features, tokens and errors write the next token. "
        "Or start from one of these.",
        key="no-prompt",
    )
    _offer(wanted)


def _offer(wanted: Traced) -> None:
    """Prompts that the model has the words for, one click each."""
    texts = follow.offered(wanted)
    with st.container(key="examples", horizontal=True, horizontal_alignment="center", gap="small"):
        for text in texts:
            key = f"example-{wanted.model}-{text}"
            st.button(text, key=key, on_click=_use, args=(text,))


def _use(text: str) -> None:
    """Only the text: model and transcoders that nobody chose stay the circuit's."""
    state.update(traced=replace(state.current().traced, text=text))


def _traced(wanted: Traced) -> None:
    slot = st.empty()
    with slot.container(key="tracing"):
        st.html('<div class="hs-note">Building the attribution graph…</div>')
        notices.skeleton(5)
    try:
        found = resources.traced(wanted)
    except CoreError as problem:
        slot.empty()
        _refused(wanted, problem)
        return
    slot.empty()
    follow.told(wanted, traced=True)
    with st.container(key="prompt-work", horizontal=True, gap="small"):
        with st.container(key="prompt-main"):
            _network(wanted)
        with st.container(key="prompt-rail", width=316):
            _selected(wanted)
            figures(wanted, found, _circuit())


def _circuit() -> str:
    """Name of the circuit whose names come first."""
    circuit = follow.followed()
    return circuit.name if circuit else ""


def _scene(wanted: Traced) -> Scene:
    return resources.traced_scene(wanted, _circuit())


def _selected(wanted: Traced) -> None:
    scene, selection = _scene(wanted), _chosen(wanted).selection
    known = selection[-1:] if selection and scene.knows(selection[-1]) else ()
    paths = resources.traced_paths(wanted, known[0]) if known else {}
    selected.panel(scene, selection, paths)


def _refused(wanted: Traced, problem: CoreError) -> None:
    """What was wrong, once, and a way on: prompts of this model, or another model."""
    with st.container(key="panel-refused"):
        notices.refused("This prompt was not traced", problem)
    try:
        _offer(wanted)
    except CoreError:  # the model cannot be opened: that has been told of above
        names = [name for name in follow.models() if name != wanted.model]
        other = resources.model_for(wanted.text, names[0], tuple(names)) if names else ""
        if other:
            changed = replace(wanted, model=other, transcoders="")
            label = f"Use {follow.short(other)}"
            st.button(label, key="other-model", on_click=lambda: state.update(traced=changed))


def _network(wanted: Traced) -> None:
    shown = picture(_scene(wanted), (), NO_CONSTANTS)
    st.html(f'<span class="hx-counts">{counts_text(shown.counts)} shown</span>')
    canvas(
        shown,
        key="prompt-net",
        view=_chosen(wanted),
        on_view=lambda seen: _choose(wanted, seen),
        parts=("network",),
        mode="look",
        height="var(--prompt-h)",
    )


def _choose(wanted: Traced, seen: CanvasView) -> None:
    """Keep what is selected; nothing can be ablated in a graph that is not a circuit's."""
    memory.remember("prompt-view", (repr(wanted), CanvasView(selection=seen.selection)))


def _chosen(wanted: Traced) -> CanvasView:
    """What was selected in this very graph."""
    key, view = memory.local("prompt-view", ("", CanvasView()))
    return view if key == repr(wanted) else CanvasView()
