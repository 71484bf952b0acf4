"""Giving a circuit away and taking one in: the Share menu and the Import dialog.

Both do what `hagd export` and `hagd import` do, by the same code (`core.share`). A file is made
when its button is pressed, not before: most are never asked for.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import streamlit as st

from core.errors import CoreError
from core.names import slug
from explorer import engine, memory
from explorer.look import notices
from explorer.session import resources

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

MOST_MIB = 512
"""Of an uploaded file; what an archive unpacks to is bounded by `core.share` as well."""


class Offer(NamedTuple):
    """One file that can be had."""

    form: str
    """A `core.share.Form`."""
    title: str
    about: str
    mime: str


OFFERS = (
    Offer("html", "Report", "one page that opens anywhere and drills down", "text/html"),
    Offer("bundle", "Bundle", "everything, for another HAGD Explorer", "application/zip"),
    Offer("csv", "Tables", "nodes and edges as CSV", "application/zip"),
    Offer("scores", "Scores", "all figures with their controls, JSON", "application/json"),
    Offer("neuronpedia", "Graph", "Neuronpedia and circuit-tracer JSON", "application/json"),
)


def share_menu(name: str, key: str) -> None:
    """The button on a circuit's page."""
    with st.popover("Share", key=f"share-{key}", help="Download this circuit", width="content"):
        share_list(name, key)


def share_list(name: str, key: str) -> None:
    """What can be downloaded, each with a word on what it is for."""
    if not engine.ready():
        st.html('<p class="hs-note">As soon as the engine has started.</p>')
        return
    for offer in OFFERS:
        with st.container(key=f"offer-{key}-{offer.form}", horizontal=True, gap="small"):
            st.html(f'<div class="hs-offer"><b>{offer.title}</b><span>{offer.about}</span></div>')
            st.download_button(
                "Download",
                data=_made(name, offer.form),
                file_name=_file_name(name, offer.form),
                mime=offer.mime,
                key=f"give-{key}-{offer.form}",
                on_click="ignore",
            )


def _file_name(name: str, form: str) -> str:
    ending = {"html": ".html", "bundle": ".zip", "csv": "-csv.zip", "scores": "-scores.json"}
    return slug(name) + ending.get(form, "-graph.json")


def _made(name: str, form: str) -> Callable[[], bytes]:
    """The file's bytes, made when somebody asks; a refusal comes as text."""

    def make() -> bytes:
        try:
            return resources.given(name, form)
        except CoreError as problem:
            return str(problem).encode()

    return make


# ---- taking in ----


def import_button() -> None:
    """The library's button."""
    st.button("Import…", key="import-open", on_click=lambda: memory.remember("importing", True))
    if memory.local("importing"):
        _import_dialog()


def _closed() -> None:
    memory.remember("importing", False)
    _forgive()


def _forgive() -> None:
    """Forget what was wrong with what was chosen before."""
    memory.remember("import-problem", "")


@st.dialog("Import a circuit or a graph", on_dismiss=_closed)
def _import_dialog() -> None:
    st.html(
        '<p class="hs-note">A bundle as zip, or a graph of circuit-tracer or Neuronpedia as JSON. '
        "It is checked file by file; nothing that is here is replaced.</p>"
    )
    file = st.file_uploader(
        "File",
        key="import-file",
        max_upload_size=MOST_MIB,
        label_visibility="collapsed",
        on_change=_forgive,
    )  # any kind: the engine says what is wrong with one that is neither
    folder = st.text_input(
        "or a result folder on this computer",
        key="import-folder",
        placeholder="what hagd run --out wrote",
        max_chars=1000,
        on_change=_forgive,
    )
    ready = engine.ready()
    if not ready:
        st.html('<p class="hs-note">Checking needs the engine; it is starting.</p>')
    if st.button("Import", type="primary", key="import-go", disabled=not (file or folder.strip())):
        engine.wait()
        _take(file, folder.strip())
    if problem := memory.local("import-problem"):
        notices.failed("Nothing was stored", str(problem), key="import-problem")


def _take(file: "UploadedFile | None", folder: str) -> None:
    try:
        taken = (
            resources.take_upload(file.name, file.getvalue())
            if file
            else resources.take_folder(folder)
        )
    except CoreError as problem:
        memory.remember("import-problem", str(problem))
        return
    _closed()
    said = f"{taken.name} was imported."
    if taken.kind == "graph":
        said = (
            f"The graph {taken.name} was stored: {taken.facts['nodes']:,} nodes, "
            f"{taken.facts['edges']:,} edges. It is under Imported graphs."
        )
    memory.remember("imported", said)
    st.rerun()


def imported() -> None:
    """Say once what was taken in."""
    if said := memory.local("imported"):
        st.toast(said)
        memory.remember("imported", "")
