"""Labs: a circuit's model, ready for interventions, and what the inspector asks of it.

A lab is shared by all sessions and read-only: interventions are arguments of a call.
"""

from typing import TYPE_CHECKING, Any

import streamlit as st

from core.errors import CoreError
from explorer.session.resources.circuits import find, open_at, written_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.attribution import Paths
    from core.inspector import FeatureReport, HeadReport, SupernodeReport, WhyReport
    from core.lab import Lab, LabSettings


def lab(name: str) -> "Lab":
    """The Lab of a circuit: its model, transcoders and test prompts, ready for interventions.

    Raises:
        CoreError: If a part of it is not on this computer or does not fit.
    """
    load_lab(name)
    found = lab_state(name)
    if isinstance(found, CoreError):
        raise found
    assert found is not None
    return found


def lab_state(name: str) -> "Lab | CoreError | None":
    """The Lab, the refusal that loading it met, or None where it is not loaded yet."""
    info = find(name)
    return _labs().get((str(info.path), written_at(info.path)))


def load_lab(name: str) -> None:
    """Load a circuit's Lab, once for all sessions; `lab_state` then has it or its refusal."""
    info = find(name)
    key = (str(info.path), written_at(info.path))
    try:
        _labs()[key] = _lab(*key)
    except CoreError as problem:
        # not raised again for ever: the part may be put where it belongs while the app runs
        _labs()[key] = problem


@st.cache_resource(show_spinner=False)
def _labs() -> "dict[tuple[str, str], Lab | CoreError]":
    return {}


@st.cache_resource(show_spinner=False, max_entries=8)
def _lab(path: str, stamp: str) -> "Lab":
    from core.lab import Lab

    return Lab(open_at(path, stamp))


def random_band(
    name: str, prompt: int, nodes: tuple[str, ...], settings: "LabSettings"
) -> tuple[float, float]:
    """P(answer) that random ablations of the same size leave: 5th and 95th percentile."""
    how = (settings.how.value, settings.errors, settings.inside)
    return _random_band(name, written_at(find(name).path), prompt, nodes, how)


@st.cache_resource(show_spinner=False, max_entries=512)
def _random_band(
    name: str, stamp: str, prompt: int, nodes: tuple[str, ...], how: tuple[str, ...]
) -> tuple[float, float]:
    from core.interventions import Ablation
    from core.lab import LabSettings

    settings = LabSettings(how=Ablation(how[0]), errors=how[1], inside=how[2])  # pyright: ignore[reportArgumentType]
    return lab(name).random_band(prompt, nodes, settings)


def feature_report(name: str, node: str, prompt: int = 0) -> "FeatureReport":
    """What a feature does, for the inspector."""
    return _report("feature", name, written_at(find(name).path), node, prompt)


def head_report(name: str, node: str, prompt: int = 0) -> "HeadReport":
    """What a head does, for the inspector."""
    return _report("head", name, written_at(find(name).path), node, prompt)


def supernode_report(name: str, node: str, prompt: int = 0) -> "SupernodeReport":
    """What a supernode holds, for the inspector."""
    return _report("supernode", name, written_at(find(name).path), node, prompt)


def edge_paths(name: str, node: str, prompt: int) -> "Mapping[str, Paths]":
    """The largest edges at a node on a prompt by the head they run through, by their other end.

    Empty in a circuit whose heads are nodes: its edges are split at them already.
    """
    return _edge_paths(name, written_at(find(name).path), node, prompt)


@st.cache_resource(show_spinner=False, max_entries=256)
def _edge_paths(name: str, stamp: str, node: str, prompt: int) -> "Mapping[str, Paths]":
    from core.features import paths_of

    laboratory = lab(name)
    return {} if laboratory.bundle.circuit.heads else paths_of(laboratory, node, prompt)


def why_report(name: str, head: str, prompt: int, query: int, key: int) -> "WhyReport":
    """Why a head looks from one position at another, for the inspector."""
    return _why_report(name, written_at(find(name).path), head, prompt, query, key)


@st.cache_resource(show_spinner=False, max_entries=512)
def _why_report(name: str, stamp: str, head: str, prompt: int, query: int, key: int) -> "WhyReport":
    from core.inspector import why_report as make

    return make(lab(name), head, prompt, query=query, key=key)


def head_names(name: str) -> "Mapping[str, str]":
    """Every head of the circuit's model, named by its kind."""
    return _head_names(name, written_at(find(name).path))


@st.cache_resource(show_spinner=False, max_entries=16)
def _head_names(name: str, stamp: str) -> "Mapping[str, str]":
    from core.circuit import HeadNode
    from core.labels import head_labels

    found = lab(name)
    model = found.model
    places = ((layer, head) for layer in range(model.n_layers) for head in range(model.n_heads))
    return head_labels(found, [HeadNode(*place) for place in places])


@st.cache_resource(show_spinner=False, max_entries=256)
def _report(kind: str, name: str, stamp: str, node: str, prompt: int) -> Any:
    from core import inspector

    make = {
        "feature": inspector.feature_report,
        "head": inspector.head_report,
        "supernode": inspector.supernode_report,
    }[kind]
    return make(lab(name), node, prompt)
