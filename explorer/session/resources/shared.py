"""Circuits given away, taken in and removed, by the code of `hagd export`, `import`, `remove`."""

import io
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from core.errors import CoreError
from explorer.session.resources.circuits import find, open_at, written_at
from explorer.session.resources.labs import lab, lab_state
from explorer.session.resources.stores import results, store

if TYPE_CHECKING:
    from core.lab import Lab
    from core.share import Taken


def given(name: str, form: str) -> bytes:
    """One file with a circuit in some form; of several files a zip.

    Raises:
        CoreError: If the circuit, or for a graph its model, cannot be opened.
    """
    info = find(name)
    return _given(name, str(info.path), written_at(info.path), form)


@st.cache_resource(show_spinner=False, max_entries=16)
def _given(name: str, path: str, stamp: str, form: str) -> bytes:
    from core.share import Form, give

    files = give(open_at(path, stamp), Form(form), _lab(name, form))
    if set(files) == {""}:
        return files[""]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, content in files.items():
            archive.writestr(file, content)
    return out.getvalue()


def _lab(name: str, form: str) -> "Lab | None":
    """The Lab that is loaded anyway; None lets the form do without or say what is missing."""
    found = lab_state(name)
    if form not in ("html", "neuronpedia") or isinstance(found, CoreError):
        return None
    try:
        return lab(name)
    except CoreError:
        return None


def take_upload(name: str, data: bytes) -> "Taken":
    """Store an uploaded zip of a bundle, or a graph file.

    Raises:
        FormatError: If it is neither, or not sound; nothing is stored then.
    """
    from core.share.taking import take_bytes

    return take_bytes(name, data, store().layout.root, results())


def take_folder(folder: str) -> "Taken":
    """Store a result folder, a zip or a graph file on this computer.

    Raises:
        FormatError: If there is none, or it is not sound.
    """
    from core.share import take_in

    return take_in(folder, store().layout.root, results())


def remove_own(path: Path) -> None:
    """Take a circuit of one's own, or an imported graph, out of the store for good.

    Raises:
        CoreError: If it is not there any more, or cannot be removed.
    """
    from core.share import find_own, remove

    remove(find_own(f"{path.parent.name}/{path.name}", store()), store())
