"""The app's shell: one look, one menu, one place for messages; then the page that was asked for.

    hagd explore            or            streamlit run explorer/app.py

Importing the engine (torch, transformers) takes seconds, so nothing here does: a page imports what
it needs when it needs it.
"""

from pathlib import Path

import streamlit as st

from explorer import notices, state, theme

HERE = Path(__file__).resolve().parent
PAGES = HERE.parent / "pages"
MENU = (
    ("library", "Library"),
    ("prompt", "Prompt"),
    ("circuit", "Circuit"),
    ("lab", "Lab"),
)
"""File in `pages/` and name in the menu; the first one lives at “/”."""


def pages() -> dict[str, st.Page]:
    """The pages of the menu, by name of their file."""
    return {
        name: st.Page(PAGES / f"{name}.py", title=title, url_path=name, default=name == "library")
        for name, title in MENU
        if (PAGES / f"{name}.py").exists()
    }


def main() -> None:
    st.set_page_config(page_title="HAGD Explorer", page_icon=notices.ICON, layout="wide")
    menu = pages()
    page = st.navigation(list(menu.values()), position="top")
    st.logo(notices.logo(theme.palette()), size="medium")
    theme.apply()
    st.html(f"<style>{(HERE / 'screens.css').read_text('utf-8')}</style>")
    state.begin(page.url_path or "library")
    messages = st.container(key="messages")
    try:
        notices.guarded(page.run)
    finally:
        with messages:
            notices.dropped()


main()
