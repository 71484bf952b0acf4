"""What is drawn of a circuit: its small picture in the library, its network on the pages."""

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from core.errors import CoreError
from core.store import write_whole
from explorer import engine
from explorer.session.resources.beside import position_names
from explorer.session.resources.circuits import find, open_at, written_at
from explorer.session.resources.labs import lab, load_lab
from explorer.session.resources.stores import store

if TYPE_CHECKING:
    from core.graph import AttributionGraph
    from core.lab import Lab
    from explorer.network.scene import Scene


def thumbnail(name: str) -> list[Any]:
    """Drawing of a circuit's coarse network; empty where it cannot be opened, or not yet.

    It is kept in the store, so that later starts have it before the engine.
    """
    info = find(name)
    path, stamp = str(info.path), written_at(info.path)
    file = _kept(path, stamp)
    if not engine.ready():
        return _read(file)
    drawn = _thumbnail(name, path, stamp)
    if drawn and drawn != _read(file):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(file, json.dumps(drawn).encode())
    return drawn


def _kept(path: str, stamp: str) -> Path:
    """Where a drawing is kept: another file when the circuit or the drawing changes."""
    source = Path(__file__).resolve().parents[2] / "network" / "thumbnail.py"
    what = hashlib.sha256(f"{path}|{stamp}|{source.stat().st_mtime_ns}".encode()).hexdigest()[:24]
    return store().layout.root / "drawings" / "small" / f"{what}.json"


def _read(file: Path) -> list[Any]:
    try:
        found = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return []
    return found if isinstance(found, list) else []


@st.cache_resource(show_spinner=False, max_entries=64)
def _thumbnail(name: str, path: str, stamp: str) -> list[Any]:
    from explorer.network.thumbnail import thumbnail as draw

    try:
        return draw(open_at(path, stamp), position_names(name))
    except CoreError:
        return []


def scene(name: str, prompt: int | None) -> "Scene":
    """A circuit's network: of one test prompt, or of the whole task (which needs no model).

    Raises:
        CoreError: If the circuit, or for a prompt its model, cannot be loaded.
    """
    info = find(name)
    return _scene(name, str(info.path), written_at(info.path), prompt)


@st.cache_resource(show_spinner=False, max_entries=64)
def _scene(name: str, path: str, stamp: str, prompt: int | None) -> "Scene":
    from explorer.network.scene import scene_of_bundle

    opened, key = open_at(path, stamp), f"{name}|{stamp}|{prompt}"
    if prompt is None:
        return scene_of_bundle(opened, key=key, tokens=position_names(name))
    laboratory = lab(name)
    shown = laboratory.prompts[prompt]
    return scene_of_bundle(
        opened,
        key=key,
        tokens=("",) * shown.shift + shown.tokens,
        graph=_graph(laboratory, prompt),
        token_text={shown.answer_id: shown.answer, shown.wrong_id: shown.wrong},
        lead=f"out:{shown.answer_id}",
    )


def _graph(laboratory: "Lab", prompt: int) -> "AttributionGraph":
    """A prompt's graph; where heads count, those of the circuit are its nodes as well."""
    circuit = laboratory.bundle.circuit
    if not circuit.heads:
        return laboratory.prompt_graph(prompt)
    from core.pipeline.finding.graphs import restricted

    whole = laboratory.prompt_graph(prompt, heads="nodes")
    return restricted(whole, circuit.nodes)[0]


def warm(name: str) -> None:
    """Load what opening a circuit needs: its networks and its Lab."""
    for prompt in (None, 0):
        scene(name, prompt)
    load_lab(name)
