"""Stored circuits: their heads for the library, and whole ones.

Heads are read again when a folder appears, goes or is written; whole ones are kept by folder and
time of writing, so a result that is computed again is not shown from before.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from core.assets import CIRCUITS
from core.bundle import BundleInfo, list_bundles
from core.choices import BUNDLED_KINDS, DEFAULT_KIND
from core.errors import FormatError
from core.verdicts import rank_of
from explorer.session.resources.stores import results

if TYPE_CHECKING:
    from core.bundle import Bundle

Stamp = tuple[str, ...]
OTHER_KINDS = tuple(kind for kind in BUNDLED_KINDS if kind != DEFAULT_KIND)
"""Dictionaries whose circuits come after the others."""


def library() -> tuple[BundleInfo, ...]:
    """Heads of all circuits: own ones, newest first, then the bundled ones in a fixed order.

    Names are made unique.
    """
    roots = (results(), CIRCUITS)
    return _library(tuple(map(str, roots)), _stamp(roots))


@st.cache_resource(show_spinner=False, max_entries=4)
def _library(roots: Sequence[str], stamp: Stamp) -> tuple[BundleInfo, ...]:
    infos, seen = [], dict[str, int]()
    # a bundled circuit keeps its name, which links use, whatever is taken in beside it
    for info in sorted(list_bundles(*roots), key=lambda info: not is_bundled(info)):
        seen[info.name] = seen.get(info.name, 0) + 1
        again = seen[info.name]
        infos.append(info if again == 1 else replace(info, name=f"{info.name}~{again}"))
    return tuple(in_order(infos))


def in_order(infos: Iterable[BundleInfo]) -> list[BundleInfo]:
    """Own circuits as they come; then the bundled ones: those that hold best, other dictionaries,
    nulls."""
    return sorted(infos, key=_place)


def _place(info: BundleInfo) -> tuple[int | str, ...]:
    if not is_bundled(info):
        return (0,)
    other = str((info.provenance.get("transcoders") or {}).get("ref", "")).endswith(OTHER_KINDS)
    return 1, int(info.is_null), int(other), rank_of(info.verdict), info.name


def _stamp(roots: Sequence[Path]) -> Stamp:
    folders = [child for root in roots if root.is_dir() for child in sorted(root.iterdir())]
    return tuple(written_at(folder) for folder in folders)


def written_at(folder: Path) -> str:
    """A folder and the time its record was written."""
    record = folder / "provenance.json"
    try:
        return f"{folder}|{record.stat().st_mtime_ns}|{folder.stat().st_mtime_ns}"
    except OSError:
        return str(folder)


def is_bundled(info: BundleInfo) -> bool:
    """Whether a circuit came with the program."""
    return info.path.is_relative_to(CIRCUITS)


def find(name: str) -> BundleInfo:
    """The head of the circuit with this name.

    Raises:
        FormatError: If there is none, or it is damaged.
    """
    info = next((info for info in library() if info.name == name), None)
    if info is None:
        raise FormatError(
            f"There is no circuit called {name[:80]!r} here.\nThe library lists the circuits of "
            "this store and the bundled ones. Open one of them, or start the app with the --store "
            "that holds it."
        )
    if info.error:
        raise FormatError(info.error)
    return info


def bundle(name: str) -> "Bundle":
    """The circuit with this name, opened and checked.

    Raises:
        FormatError: If there is none, or a file of it is damaged.
    """
    info = find(name)
    return open_at(str(info.path), written_at(info.path))


@st.cache_resource(show_spinner=False, max_entries=24)
def open_at(path: str, stamp: str) -> "Bundle":
    from core.bundle import open_bundle

    return open_bundle(path)
