"""The pages of the app, the way from one to another inside it, and what a link did not lead to."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlencode

import streamlit as st

from core.errors import CoreError
from explorer.look import notices, theme
from explorer.session import resources, state

PAGES = Path(__file__).resolve().parent.parent / "pages"
MENU = (
    ("library", "Library"),
    ("prompt", "Prompt"),
    ("circuit", "Circuit"),
    ("lab", "Lab"),
    ("validation", "Validation"),
)
"""File in `pages/` and name in the menu; the first one lives at “/”."""
HOME = {"library": "home"}
"""The page at “/”, and a name that nobody sees: its own is that of the way there."""


def pages() -> dict[str, st.Page]:
    """The pages of the menu, by name of their file; and the library under its own name too."""
    also = st.Page(_home, title="Library", url_path="library", visibility="hidden")
    return _shown() | {"home": also}


def _home() -> NoReturn:
    """What “/library” shows: the library, which lives at “/”, with the link's filters."""
    go("library")


def _shown() -> dict[str, st.Page]:
    return {
        name: st.Page(
            PAGES / f"{name}.py", title=title, url_path=HOME.get(name, name), default=name in HOME
        )
        for name, title in MENU
        if (PAGES / f"{name}.py").exists()
    }


def go(page: str, **changes: Any) -> NoReturn:
    """Show `page` with the current view and `changes`; ends this run."""
    st.switch_page(PAGES / f"{page}.py", query_params=state.link(page, **changes))


def address(page: str, **changes: Any) -> str:
    """Link to `page` with the current view and `changes`, relative to the app's own address."""
    query = urlencode(state.link(page, **changes))
    path = "" if page == "library" else page
    return f"./{path}?{query}" if query else f"./{path}"


def no_circuit(title: str, advice: str) -> None:
    """The panel of a page that has no circuit to show, with the way to the library."""
    button = notices.Button("Open the library", "to-library")
    if notices.empty(title, advice, button, "no-circuit"):
        go("library")


def circuit_page(page: Callable[[], None]) -> None:
    """Run the page of one circuit; a link to none, or to a damaged one, leads to the library."""
    name = state.current().circuit
    if name and all(info.name != name for info in resources.library()):
        no_circuit(
            f"There is no circuit called {name[:80]} here",
            "It may have another name, or lie in another store. The library lists those there are.",
        )
    elif name and (problem := _damage(name)):
        no_circuit(f"{name[:80]} cannot be opened", problem)
    else:
        notices.guarded(page)


def _damage(name: str) -> str:
    """Why the files of a circuit cannot be read; empty where they can."""
    try:
        resources.bundle(name)
    except CoreError as problem:
        return str(problem)
    return ""


def dropped() -> None:
    """Name what the open link asked for and did not get, once, in one line."""
    lost = state.dropped()
    if not lost:
        return
    with st.container(key="notice", horizontal=True, vertical_alignment="center"):
        st.html(
            f'<div class="hs-notice" role="status">{theme.mark_html("warn", 16)}<span>'
            f"<b>Part of this link was left out.</b> {notices.text('; '.join(lost))}.</span></div>"
        )
        st.button("Dismiss", key="dismiss-notice", on_click=state.dismiss, type="tertiary")
