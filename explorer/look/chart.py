"""A figure of `explorer.look.figures` on a page."""

from typing import Any

import streamlit as st

from explorer.look import figures


def chart(figure: Any, key: str) -> None:
    """Draw a figure with the house's tool bar and colours."""
    st.plotly_chart(figure, key=key, config=figures.CONFIG, theme=None, width="stretch")
