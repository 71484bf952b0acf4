"""Result bundles: written whole, opened checked, listed cheaply.

Listing and references need no torch. What does is imported when it is first asked for, so that a
library can be shown at once.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from core.bundle.files import FILES
from core.bundle.listing import BundleInfo, list_bundles
from core.bundle.origin import Source, locate, null_of, portable, provenance

if TYPE_CHECKING:
    from core.bundle.contents import Bundle
    from core.bundle.reading import open_bundle
    from core.bundle.writing import relabel, write_bundle

__all__ = [
    "FILES",
    "Bundle",
    "BundleInfo",
    "Source",
    "list_bundles",
    "locate",
    "null_of",
    "open_bundle",
    "portable",
    "provenance",
    "relabel",
    "write_bundle",
]
_LATER = {
    "Bundle": "contents",
    "open_bundle": "reading",
    "relabel": "writing",
    "write_bundle": "writing",
}
"""Module of each name that needs torch."""


def __getattr__(name: str) -> Any:
    """A name of `_LATER`, imported now (PEP 562)."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
