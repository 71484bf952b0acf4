"""Graphs of other programs that this store has taken in: their heads, and whole ones as drawn."""

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from core.errors import FormatError
from core.share.graphs import FILE, GraphInfo, list_graphs
from explorer.session.resources.stores import store

if TYPE_CHECKING:
    from explorer.traces.file_graph import FileGraph


def _folder() -> Path:
    return store().layout.root / "graphs"


def graphs() -> tuple[GraphInfo, ...]:
    """Heads of the imported graphs, the one taken in last first."""
    return list_graphs(_folder())


def imported(name: str) -> "FileGraph":
    """An imported graph, checked again and ready to be drawn.

    Raises:
        FormatError: If there is none of this name, or its file is not sound.
    """
    info = next((info for info in graphs() if info.name == name), None)
    try:
        stamp = (info.path / FILE).stat().st_mtime_ns if info else 0
    except OSError as problem:
        raise FormatError(
            f"The graph {name!r} cannot be read: {problem.strerror}. Its file in this store must "
            "be there and open to you. Allow yourself to read it, or import the graph again."
        ) from None
    return _imported(str(_folder()), name, stamp)


@st.cache_resource(show_spinner=False, max_entries=8)
def _imported(folder: str, name: str, stamp: int) -> "FileGraph":
    from core.share.graphs import open_graph
    from explorer.traces.file_graph import file_graph

    return file_graph(open_graph(Path(folder), name), key=f"{name}.{stamp}")
