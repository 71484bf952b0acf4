"""The only caches of the app: what is expensive to load, by its content.

1. Heads of bundles are read again when a folder appears, goes or is written.
2. Bundles, models and labs are kept by folder and time of writing, so a result that is computed
   again is not shown from before.
3. Everything kept is read-only and shared by all sessions; interventions are arguments of a
   call, never state of a shared thing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from core.assets import ASSETS, MODELS
from core.bundle import Bundle, BundleInfo, list_bundles, open_bundle
from core.errors import CoreError, FormatError
from core.store import Store, open_store
from core.tasks import Task, bundled_tasks, load_task
from explorer.jobs import Jobs
from explorer.thumbnail import thumbnail as draw

if TYPE_CHECKING:
    from core.lab import Lab
    from core.models import LanguageModel
    from explorer.canvas_graph import Scene
    from explorer.testlog import TestLog

BUNDLED = ASSETS / "circuits"
"""Circuits that come with the program."""
Stamp = tuple[str, ...]


@st.cache_resource(show_spinner=False)
def store() -> Store:
    """The store of this server (`--store`, HAGD_STORE or the user's data folder)."""
    return open_store()


def results() -> Path:
    """Folder of this store's own circuits."""
    return store().layout.results


@st.cache_resource(show_spinner=False)
def jobs() -> Jobs:
    """The jobs of this store."""
    return Jobs(store().layout.root / "jobs")


def library() -> tuple[BundleInfo, ...]:
    """Heads of all circuits, own and bundled, newest first; names are made unique."""
    roots = (results(), BUNDLED)
    return _library(tuple(str(root) for root in roots), _stamp(roots))


@st.cache_resource(show_spinner=False, max_entries=4)
def _library(roots: Sequence[str], stamp: Stamp) -> tuple[BundleInfo, ...]:
    infos, seen = [], dict[str, int]()
    for info in list_bundles(*roots):
        seen[info.name] = seen.get(info.name, 0) + 1
        again = seen[info.name]
        infos.append(info if again == 1 else replace(info, name=f"{info.name}~{again}"))
    return tuple(infos)


def _stamp(roots: Sequence[Path]) -> Stamp:
    folders = [child for root in roots if root.is_dir() for child in sorted(root.iterdir())]
    return tuple(_written(folder) for folder in folders)


def _written(folder: Path) -> str:
    """A folder and the time its record was written."""
    record = folder / "provenance.json"
    try:
        return f"{folder}|{record.stat().st_mtime_ns}|{folder.stat().st_mtime_ns}"
    except OSError:
        return str(folder)


def is_bundled(info: BundleInfo) -> bool:
    """Whether a circuit came with the program."""
    return info.path.is_relative_to(BUNDLED)


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


def bundle(name: str) -> Bundle:
    """The circuit with this name, opened and checked.

    Raises:
        FormatError: If there is none, or a file of it is damaged.
    """
    info = find(name)
    return _bundle(str(info.path), _written(info.path))


@st.cache_resource(show_spinner=False, max_entries=24)
def _bundle(path: str, stamp: str) -> Bundle:
    return open_bundle(path)


def lab(name: str) -> "Lab":
    """The Lab of a circuit: its model, transcoders and test prompts, ready for interventions.

    Raises:
        CoreError: If a part of it is not on this computer or does not fit.
    """
    info = find(name)
    return _lab(str(info.path), _written(info.path))


@st.cache_resource(show_spinner=False, max_entries=8)
def _lab(path: str, stamp: str) -> "Lab":
    from core.lab import Lab

    return Lab(_bundle(path, stamp))


def thumbnail(name: str) -> list[Any]:
    """Drawing of a circuit's coarse network; empty where it cannot be opened."""
    info = find(name)
    return _thumbnail(str(info.path), _written(info.path))


@st.cache_resource(show_spinner=False, max_entries=64)
def _thumbnail(path: str, stamp: str) -> list[Any]:
    try:
        opened = _bundle(path, stamp)
        return draw(opened, _roles(str(opened.provenance["task"]["ref"])))
    except CoreError:
        return []


def _roles(ref: str) -> tuple[str, ...]:
    try:
        return task(ref).roles
    except CoreError:
        return ()


@st.cache_resource(show_spinner=False, max_entries=16)
def task(ref: str) -> Task:
    """A bundled task, or one read from a file."""
    return load_task(ref)


@st.cache_resource(show_spinner=False)
def task_titles() -> Mapping[str, str]:
    """Titles of the bundled tasks by name."""
    return {name: task(name).title for name in bundled_tasks()}


def model_names() -> tuple[str, ...]:
    """Names of the bundled models."""
    if not MODELS.is_dir():
        return ()
    return tuple(sorted(p.parent.name for p in MODELS.glob("*/config.json")))


@st.cache_resource(show_spinner=False, max_entries=6)
def model(ref: str) -> "LanguageModel":
    """A model, loaded and checked; shared by everyone."""
    from core.models import load_model

    return load_model(ref)


def scene(name: str, prompt: int) -> "Scene":
    """A circuit's network with the tokens of one test prompt.

    Raises:
        CoreError: If the circuit or its model cannot be loaded.
    """
    info = find(name)
    return _scene(str(info.path), _written(info.path), prompt)


@st.cache_resource(show_spinner=False, max_entries=64)
def _scene(path: str, stamp: str, prompt: int) -> "Scene":
    from core.graph import NodeKind
    from explorer.canvas_graph import scene_of_graph

    opened, laboratory = _bundle(path, stamp), _lab(path, stamp)
    shown, graph = laboratory.prompts[prompt], opened.graph
    outputs = graph.index[graph.kind == int(NodeKind.LOGIT)].tolist()
    text = {entry: laboratory.model.token_text(entry) for entry in outputs if entry >= 0}
    made = scene_of_graph(
        graph,
        key=f"{opened.name}.{prompt}",
        title=opened.title,
        tokens=("",) * shown.shift + shown.tokens,
        token_text=text,
        labels=opened.labels,
        tree=opened.hierarchy,
        tree_nodes=opened.circuit.nodes,
    )
    return replace(made, labels=dict(made.labels) | {"out:answer": shown.answer})


@st.cache_resource(show_spinner=False)
def tests() -> "TestLog":
    """The log of every test in this store."""
    from explorer.testlog import TestLog

    return TestLog(store=store())
