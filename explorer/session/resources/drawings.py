"""What is drawn of a circuit: its small picture in the library, its network on the pages."""

from typing import TYPE_CHECKING, Any

import streamlit as st

from core.errors import CoreError
from explorer import engine
from explorer.session.resources.circuits import find, open_at, written_at
from explorer.session.resources.labs import lab, load_lab
from explorer.session.resources.models import roles_of

if TYPE_CHECKING:
    from core.graph import AttributionGraph
    from core.lab import Lab
    from explorer.network.scene import Scene


def thumbnail(name: str) -> list[Any]:
    """Drawing of a circuit's coarse network; empty where it cannot be opened, or not yet."""
    if not engine.ready():
        return []
    info = find(name)
    return _thumbnail(str(info.path), written_at(info.path))


@st.cache_resource(show_spinner=False, max_entries=64)
def _thumbnail(path: str, stamp: str) -> list[Any]:
    from explorer.network.thumbnail import thumbnail as draw

    try:
        opened = open_at(path, stamp)
        return draw(opened, roles_of(str(opened.provenance["task"]["ref"])))
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
        roles = roles_of(str(opened.provenance["task"]["ref"]))
        return scene_of_bundle(opened, key=key, tokens=roles)
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
    from core.pipeline.graphs import restricted

    whole = laboratory.prompt_graph(prompt, heads="nodes")
    return restricted(whole, circuit.nodes)[0]


def warm(name: str) -> None:
    """Load what opening a circuit needs: its networks and its Lab."""
    for prompt in (None, 0):
        scene(name, prompt)
    load_lab(name)
