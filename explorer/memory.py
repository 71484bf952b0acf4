"""What one browser session remembers beside its link: values of widgets, and things told once.

Only this module and `session.state`, which keeps the view of the URL, touch `st.session_state`.
"""

from typing import Any

import streamlit as st

_LOCAL = "hagd.local."


def widget(key: str, value: Any) -> str:
    """Set a widget's value from the view before it is drawn; returns its key.

    A widget keyed this way follows the URL (Back, a link) as well as the hand.
    """
    if key not in st.session_state or st.session_state[key] != value:
        st.session_state[key] = value
    return key


def value(key: str) -> Any:
    """A widget's value inside its callback."""
    return st.session_state.get(key)


def local(name: str, default: Any = None) -> Any:
    """Something this browser session remembers and a link does not carry."""
    return st.session_state.get(_LOCAL + name, default)


def remember(name: str, value: Any) -> None:
    """Keep `value` for `local(name)` until the browser session ends."""
    st.session_state[_LOCAL + name] = value
