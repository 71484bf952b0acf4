"""The Lab page: change nodes of a circuit and see what the model answers.

One line on top says what is changed and how; every figure below answers that line. The order of
drawing is the order of waiting: the network and this prompt first (milliseconds), then the whole
task, then what was asked for (random selections), then the log.
"""

import streamlit as st

from core.bundle import Bundle
from core.lab import Lab, TaskEffect
from explorer import memory, menu
from explorer.lab import against, changed_set, log, results
from explorer.look import notices
from explorer.look.copy_link import copy_link
from explorer.network.component import CanvasView, Change, canvas, picture
from explorer.network.scene import Scene
from explorer.network.visible import Sieve
from explorer.session import changes, resources, state
from explorer.session.first import choose
from explorer.session.view import Changed, View

PROMPT_PANEL = 302
"""Height of the panel of this prompt under the network, with what is between and below, px."""
COMPACT = Sieve(hidden=("biases",))
"""Constants and position embeddings are left to the Circuit page."""


def page() -> None:
    """Draw the page."""
    name = state.current().circuit or choose(resources.library())
    if not name:
        menu.no_circuit(
            "No circuit to test yet",
            "The Lab changes nodes of a stored circuit. Start a run in the library first.",
        )
        return
    bundle = resources.bundle(name)
    view = state.keep(lambda node: changes.knows(bundle, node))
    if bundle.missing:
        notices.failed("This circuit cannot be run here", "\n".join(bundle.missing), key="missing")
        return
    with st.container(key="lab-loading"):
        lab = _loaded(name)
    view = _with_prompt(lab, view)
    _title(name, bundle, lab, view)
    changed_set.bar(bundle, view, lab.model.n_heads)
    _work(name, bundle, lab, view)


def _loaded(name: str) -> Lab:
    """The Lab; its first loading runs all test prompts once and shows the shape of the page."""
    slot = st.empty()
    with slot.container():
        if name not in memory.local("labs", ()):
            st.html(
                '<div class="hs-note">Loading the model and running its test prompts once…</div>'
            )
            notices.skeleton(6)
    try:
        lab = resources.lab(name)
    finally:
        slot.empty()
    memory.remember("labs", (*memory.local("labs", ()), name)[-8:])
    return lab


def _with_prompt(lab: Lab, view: View) -> View:
    if view.prompt < len(lab.prompts):
        return view
    state.note(f"prompt {view.prompt} is not among the {len(lab.prompts)} test prompts")
    state.update(prompt=0)
    return state.current()


def _title(name: str, bundle: Bundle, lab: Lab, view: View) -> None:
    back = menu.address("circuit", circuit=name)
    with st.container(key="line-lab", horizontal=True, vertical_alignment="center", gap="small"):
        st.html(
            f'<div class="hs-crumbs"><a href="{notices.text(back)}" target="_self" '
            f'title="{notices.text(bundle.title)}">{notices.text(bundle.title)}</a>'
            '<span class="hx-faint">/</span><b class="hx-strong">Lab</b></div>'
        )
        with st.container(key="named-prompt"):
            st.selectbox(
                "Prompt",
                range(len(lab.prompts)),
                format_func=lambda index: _without_start(lab.prompts[index].text),
                key=memory.widget("lab-prompt", view.prompt),
                on_change=_choose_prompt,
                label_visibility="collapsed",
            )
        st.html(f'<span class="hx-counts">{len(lab.prompts)} test prompts</span>')
        with st.container(key="line-lab-end", horizontal=True, horizontal_alignment="right"):
            st.button(
                "Undo `Z`",
                key="lab-undo",
                on_click=state.undo,
                disabled=not state.can_undo(),
                help="Take back the last change" if state.can_undo() else "Nothing to take back",
            )
            copy_link(key="lab-copy")


def _without_start(text: str) -> str:
    """A prompt for the list: the token that begins every one says nothing."""
    return text.removeprefix("<bos>").strip() or text


def _choose_prompt() -> None:
    state.update(prompt=int(memory.value("lab-prompt") or 0))


def _work(name: str, bundle: Bundle, lab: Lab, view: View) -> None:
    with st.container(key="lab-work", horizontal=True, gap="small"):
        with st.container(key="lab-left", width=492):
            notices.guarded(_network, name, view)
            notices.guarded(results.this_prompt, bundle, lab, view)
        middle = st.container(key="lab-middle")
        right = st.container(key="lab-right", width=272)
    with middle:
        notices.guarded(_over_the_task, name, bundle, lab, view)
    with right:
        notices.guarded(log.panel, bundle, view)


def _over_the_task(name: str, bundle: Bundle, lab: Lab, view: View) -> None:
    effect: TaskEffect = lab.across_task(
        changes.expand(bundle, view.changes), changes.settings_of(view)
    )
    log.record(bundle, view, effect)
    results.across_task(lab, view, effect, against.stored(bundle, view))
    against.panel(bundle, lab, view, _strongest(resources.scene(name, view.prompt)))


def _strongest(scene: Scene) -> str:
    """The outermost supernode whose nodes have the strongest edges; "" where there is none."""
    tree = scene.tree
    if tree is None or not (outer := tree.children(0)):
        return ""
    strength = scene.strength
    return max((tree.name[s] for s in outer), key=lambda n: strength[scene.members(n)].sum())


def _network(name: str, view: View) -> None:
    scene = resources.scene(name, view.prompt)
    with st.container(key="panel-lab-net"):
        st.html(
            '<div class="hs-head"><h3>Click to ablate</h3><span title="X, digits and 0 act on what '
            'the mouse points at or what is selected (Shift-click selects); ? lists all keys">'
            '<kbd class="hx-kbd">X</kbd> ablate <kbd class="hx-kbd">1</kbd>–<kbd class="hx-kbd">9'
            '</kbd> scale <kbd class="hx-kbd">0</kbd> restore <kbd class="hx-kbd">?</kbd></span>'
            "</div>"
        )
        canvas(
            picture(scene, view.path, COMPACT, "compact"),
            key="lab-net",
            view=CanvasView(
                changes=tuple(Change(*changed) for changed in view.changes),
                selection=view.selection,
                opened=view.path,
            ),
            on_view=_take,
            parts=("network",),
            mode="ablate",
            height="clamp(280px, var(--lab-h, calc(100vh - 511px)), 560px)",
            below=PROMPT_PANEL,
        )


def _take(seen: CanvasView) -> None:
    state.update(
        changes=tuple(Changed(change.node, change.scale) for change in seen.changes),
        selection=seen.selection,
        path=seen.opened,
    )
