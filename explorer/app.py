"""The app's shell: one look, one menu, one place for messages; then the page that was asked for.

    hagd explore            or            streamlit run explorer/app.py

Importing the engine (torch, transformers) takes seconds, once a server. The library does without;
the other pages show the shape of a page until it is there.
"""

from pathlib import Path

import streamlit as st

from explorer import engine, menu
from explorer.library import preview
from explorer.library.pill import job_pill
from explorer.look import connection, notices, steps, theme
from explorer.session import state

HERE = Path(__file__).resolve().parent


def start_engine(page: str) -> None:
    """Import what every page needs; meanwhile a circuit as it was drawn last, or a page's shape."""
    if engine.ready():
        return
    slot, circuit = st.empty(), state.current().circuit if page == "circuit" else ""
    with slot.container(key="starting"):
        if not (drawn := bool(circuit) and preview.draw(circuit)):
            st.html('<div class="hs-note">Starting the engine…</div>')
            notices.skeleton(6)
    if circuit and not drawn and preview.prepare(circuit):
        with slot.container(key="starting-drawn"):
            preview.draw(circuit)
    engine.wait()
    st.rerun()


def rules() -> str:
    """The stylesheets of the pages: what they share, then each page's own."""
    sheets = [HERE / "look" / "screens.css", *sorted(HERE.glob("*/page.css"))]
    return "\n".join(sheet.read_text("utf-8") for sheet in sheets)


def main() -> None:
    st.set_page_config(page_title="HAGD Explorer", page_icon=notices.ICON, layout="wide")
    page = st.navigation(list(menu.pages().values()), position="top")
    st.logo(notices.logo(theme.palette()), size="medium")
    theme.apply()
    st.html(f"<style>{rules()}</style>")
    name = page.url_path or "library"
    state.begin(name)
    connection.watch()
    steps.keep_single()
    messages = st.container(key="messages")
    job_pill()
    if name != "library":
        notices.guarded(start_engine, name)
    try:
        notices.guarded(page.run)
    finally:
        with messages:
            menu.dropped()


main()
