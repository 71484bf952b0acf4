"""The view of a browser session, kept in step with its URL.

    1. `current` compares the URL with what this session last wrote. Equal: the session's view
       stands. Different: somebody opened a link or pressed Back, so the URL is read.
    2. `update` changes fields and writes the URL only when the parameters differ, because
       Streamlit pushes a browser history entry for every write: Back then undoes exactly one step.
    3. A page reached from the menu starts with an empty URL; the session's view goes on there, so
       that the chosen circuit and the changed set follow from Circuit to Lab.

This is the only module that touches `st.query_params`; what a link does not carry is in
`explorer.memory`. A click that left the browser before our last write reached it still carries the
URL from before: within `STALE_S` such a URL is taken for that and not for Back, or a quick second
click would undo the first.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import streamlit as st

from explorer.session.link import parameters_of, read, write
from explorer.session.view import Changed, Filters, Imported, Shelf, Traced, View

__all__ = ["Changed", "Filters", "Imported", "Shelf", "Traced", "View"]

STALE_S = 1.0
MAX_UNDO = 50
_VIEW, _PAGE, _WRITTEN, _BEFORE = "hagd.view", "hagd.page", "hagd.written", "hagd.before"
_DROPPED, _UNDO = "hagd.dropped", "hagd.undo"
_UNDONE = ("changes", "how", "errors", "inside")


def begin(page: str) -> View:
    """Say which page runs; called once by the app before the page."""
    view = st.session_state.get(_VIEW, View())
    if st.session_state.get(_PAGE) == page:
        return current()
    first = _PAGE not in st.session_state
    st.session_state[_PAGE], st.session_state[_VIEW] = page, replace(view, page=page)
    st.session_state[_DROPPED] = ()
    if first or _parameters():
        _read_url()
    else:
        _write_url()
    return st.session_state[_VIEW]


def current() -> View:
    """The view of this run."""
    parameters = _parameters()
    if _VIEW not in st.session_state:
        st.session_state[_VIEW] = View(page=st.session_state.get(_PAGE, ""))
        _read_url()
    elif parameters != st.session_state.get(_WRITTEN) and not _is_stale(parameters):
        _read_url()
    return st.session_state[_VIEW]


def update(**changes: Any) -> None:
    """Change fields of the view; the URL is written only if that changes it.

    Call it from a widget's callback or in the page's body. `page` is not changed here (`begin`).
    A value of another type than the field's is left out: a select box whose options have just
    changed still reports the text of an option that is gone.
    """
    before, fresh = current(), View()
    sound = {k: v for k, v in changes.items() if isinstance(v, type(getattr(fresh, k)))}
    after = replace(before, **sound)
    if after == before:
        return
    if any(getattr(before, name) != getattr(after, name) for name in _UNDONE):
        past = st.session_state.get(_UNDO, ())
        step = {name: getattr(before, name) for name in _UNDONE}
        st.session_state[_UNDO] = (*past, (before.circuit, step))[-MAX_UNDO:]
    st.session_state[_VIEW] = after
    _write_url()


def can_undo() -> bool:
    """Whether an intervention on the open circuit can be taken back."""
    past = st.session_state.get(_UNDO, ())
    return bool(past) and past[-1][0] == current().circuit


def undo() -> None:
    """Take back the last change of the changed set or of how it is applied."""
    if not can_undo():
        return
    *past, (_, step) = st.session_state[_UNDO]
    update(**step)
    st.session_state[_UNDO] = tuple(past)


def keep(known: Callable[[str], bool]) -> View:
    """Drop nodes of the view that the open circuit does not have, and name them in the notice."""
    view, dropped = current().keep(known)
    if dropped:
        st.session_state[_VIEW] = view
        note(f"{len(dropped)} unknown node{'s' * (len(dropped) > 1)}: {', '.join(dropped[:6])}")
    return view


def note(dropped: str) -> None:
    """Add something that the link asked for and the page could not give."""
    before = st.session_state.get(_DROPPED, ())
    if dropped not in before:
        st.session_state[_DROPPED] = (*before, dropped)


def dropped() -> tuple[str, ...]:
    """What the open link asked for and did not get, in words; shown as one notice."""
    return st.session_state.get(_DROPPED, ())


def dismiss() -> None:
    """Close the notice."""
    st.session_state[_DROPPED] = ()


def link(page: str, **changes: Any) -> dict[str, str]:
    """Query parameters of a link to `page` that shows the current view with `changes`."""
    return write(replace(current(), page=page, **changes))


def _parameters() -> dict[str, str]:
    return st.query_params.to_dict()


def _read_url() -> None:
    parameters = _parameters()
    view, lost = read(parameters, st.session_state[_VIEW])
    st.session_state.update({_VIEW: view, _WRITTEN: parameters, _DROPPED: lost})


def _write_url() -> None:
    before, parameters = _parameters(), write(st.session_state[_VIEW])
    if parameters != before:
        st.query_params.from_dict(parameters)
        st.session_state[_BEFORE] = (before, time.monotonic())
    st.session_state[_WRITTEN] = parameters
    st.session_state[_DROPPED] = ()


def _is_stale(parameters: dict[str, str]) -> bool:
    before, when = st.session_state.get(_BEFORE, (None, 0.0))
    names = {parameter.name for parameter in parameters_of(st.session_state.get(_PAGE, ""))}
    is_ours = parameters == before and set(parameters) <= names
    return is_ours and time.monotonic() - when < STALE_S
