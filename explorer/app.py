"""The app's shell: one look, one menu, one place for messages; then the page that was asked for.

    hagd explore            or            streamlit run explorer/app.py

Importing the engine (torch, transformers) takes seconds, so nothing here does: a page imports what
it needs when it needs it.
"""

from pathlib import Path

import streamlit as st

from explorer import menu, notices, state, theme

HERE = Path(__file__).resolve().parent


def main() -> None:
    st.set_page_config(page_title="HAGD Explorer", page_icon=notices.ICON, layout="wide")
    page = st.navigation(list(menu.pages().values()), position="top")
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
