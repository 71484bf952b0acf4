"""A figure of `explorer.look.figures` on a page."""

from typing import Any

import streamlit as st

from explorer.look import figures


def chart(figure: Any, key: str, *, tools: bool = True) -> None:
    """Draw a figure with the house's colours, and its tool bar where no figure stands under it."""
    config = figures.CONFIG if tools else {**figures.CONFIG, "displayModeBar": False}
    st.plotly_chart(figure, key=key, config=config, theme=None, width="stretch")
