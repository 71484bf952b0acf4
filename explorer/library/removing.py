"""Removing a circuit of one's own or an imported graph: asked once more, then it is gone."""

from pathlib import Path

import streamlit as st

from core.errors import CoreError
from explorer import engine, memory
from explorer.look import notices
from explorer.session import resources, state

_ASKED, _PROBLEM = "removing", "removing-problem"
KEPT = "Its folder in the store is deleted. What was trained for it is kept."


def forget() -> None:
    """Forget that it was asked: the dialog was closed."""
    memory.remember(_ASKED, "")
    memory.remember(_PROBLEM, "")


def offer(name: str, path: Path) -> None:
    """“Remove…”, and when it is pressed the question; inside a dialog.

    Args:
        name: What the circuit or graph is called here.
        path: Its folder in the store.
    """
    with st.container(key="remove", gap="small"):
        if memory.local(_ASKED) == str(path):
            _question(name, path)
        else:
            st.button(
                "Remove…",
                key="remove-ask",
                type="tertiary",
                on_click=memory.remember,
                args=(_ASKED, str(path)),
            )


@st.dialog("Remove a graph", on_dismiss=forget)
def ask(name: str, path: Path) -> None:
    """The question in a dialog of its own."""
    _question(name, path)


def _question(name: str, path: Path) -> None:
    st.html(f'<p class="hs-note">Remove <b>{notices.text(name)}</b> for good? {KEPT}</p>')
    with st.container(horizontal=True, gap="small"):
        if st.button("Remove", key="remove-now", type="primary", disabled=not engine.ready()):
            _remove(name, path)
        if st.button("Keep", key="remove-keep"):
            forget()
            st.rerun()
    if problem := memory.local(_PROBLEM):
        notices.failed("Nothing was removed", str(problem), key="remove-problem")


def _remove(name: str, path: Path) -> None:
    try:
        resources.remove_own(path)
    except CoreError as problem:
        memory.remember(_PROBLEM, str(problem))
        return
    forget()
    if state.current().circuit == name:
        state.update(circuit="", path=(), selection=(), changes=(), prompt=0)
    memory.remember("imported", f"{name} was removed.")
    st.rerun()
