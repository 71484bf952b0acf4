"""What an older bundle lacks, in a calm word."""

import streamlit as st

from core.bundle import Bundle
from explorer.look import notices


def not_there(what: str, bundle: Bundle) -> None:
    """Say what is lacking, and the command that measures it."""
    st.html(
        f'<p class="hv-lacking">{notices.text(what)} Measure it with'
        f"<code>hagd validate {notices.text(bundle.name)}</code></p>"
    )
