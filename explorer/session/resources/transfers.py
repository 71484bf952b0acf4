"""What comparisons of this store say of a circuit: which features of others stand for its own."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import streamlit as st

from core.errors import CoreError
from core.store import list_entries
from explorer.session.resources.circuits import bundle, find, library, written_at
from explorer.session.resources.stores import store

if TYPE_CHECKING:
    from core.transfer import Partner

KIND = "transfer"
"""As `core.transfer.stored` calls its entries, which is not imported where there are none."""


def partners(name: str) -> "Mapping[str, tuple[Partner, ...]]":
    """Partners of a circuit's features in circuits of this library, by their names there.

    Empty where nothing was compared with it (`hagd transfer`).
    """
    keys = tuple(entry.key for entry in list_entries(store()) if entry.kind == KIND)
    if not keys:
        return {}
    there = tuple(info.name for info in library() if not info.error)
    return _partners(name, written_at(find(name).path), there, keys)


@st.cache_resource(show_spinner=False, max_entries=24)
def _partners(
    name: str, stamp: str, there: tuple[str, ...], keys: tuple[str, ...]
) -> "Mapping[str, tuple[Partner, ...]]":
    from core.transfer import stored_partners

    found = stored_partners(bundle(name).circuit, store())
    others = {partner.key: partner.circuit for row in found.values() for partner in row}
    named = {key: _named(key, circuit, there) for key, circuit in others.items()}
    kept = {
        node: tuple(p._replace(circuit=named[p.key]) for p in row if named[p.key])
        for node, row in found.items()
    }
    return {node: row for node, row in kept.items() if row}


def _named(key: str, circuit: str, there: tuple[str, ...]) -> str:
    """What the library calls a circuit; empty where it is not there, or another by that name."""
    from core.transfer import circuit_key

    for name in there:
        if name == circuit or name.startswith(f"{circuit}~"):
            try:
                if circuit_key(bundle(name).circuit) == key:
                    return name
            except CoreError:
                continue
    return ""
