"""Circuits given to others and taken in from others; one code for `hagd` and the app.

giving      a circuit as a page, a bundle, tables or a Neuronpedia graph: bytes by file name
cards       feature cards for the page
tables      nodes and edges as rows
taking      bundles and graphs from folders, archives and files: checked first, then stored
graphs      graphs that were taken in: listed without torch, opened again
removing    what is one's own, taken out of the store again
archive     zip files, opened without trust
seeming     what a refused file seems to be instead

What needs torch is imported when it is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from core.share.graphs import GraphInfo, list_graphs, open_graph
from core.share.removing import Own, find_own, own_ones, remove

if TYPE_CHECKING:
    from core.share.giving import SUFFIX, Form, give
    from core.share.taking import Taken, take_in

__all__ = [
    "SUFFIX",
    "Form",
    "GraphInfo",
    "Own",
    "Taken",
    "find_own",
    "give",
    "list_graphs",
    "open_graph",
    "own_ones",
    "remove",
    "take_in",
]
_LATER = {"SUFFIX": "giving", "Form": "giving", "give": "giving"}
_LATER |= {"Taken": "taking", "take_in": "taking"}
"""Module of each name that needs torch."""


def __getattr__(name: str) -> Any:
    """A name of `_LATER`, imported now (PEP 562)."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
