"""Graphs of single prompts, kept by what was asked and when its files were written."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from core.store import plain, stage_key
from explorer.session.resources.beside import prompt_lengths
from explorer.session.resources.circuits import bundle, library
from explorer.session.resources.models import model
from explorer.session.resources.stores import trained

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.attribution import Paths
    from core.bundle import BundleInfo
    from core.transcoders import TranscoderSet
    from explorer.network.scene import Scene
    from explorer.session.view import Traced
    from explorer.traces.naming import Namer
    from explorer.traces.tracing import Trace


@st.cache_resource(show_spinner=False, max_entries=12)
def _traced(wanted: "Traced", stamp: str) -> "Trace":
    from explorer.traces.tracing import trace

    loaded = model(wanted.model)
    coders = _coders(wanted.model, wanted.transcoders, stamp)
    return trace(loaded, coders, wanted.text, wanted.target, wanted.against)


def traced(wanted: "Traced") -> "Trace":
    """A prompt's graph.

    Raises:
        CoreError: If model, transcoders, prompt or target cannot be used.
    """
    return _traced(wanted, _folder_stamp(wanted))


@st.cache_resource(show_spinner=False, max_entries=6)
def _coders(model_ref: str, ref: str, stamp: str) -> "TranscoderSet":
    from core.pipeline.kept import kept_for
    from explorer.traces.dictionaries import coders_of

    loaded = model(model_ref)
    kept = kept_for(loaded.key, trained(), library())
    return coders_of(loaded, ref, kept)


def traced_scene(wanted: "Traced", circuit: str = "") -> "Scene":
    """The network of a traced prompt, pruned to what can be read.

    Args:
        wanted: The prompt.
        circuit: Name of the circuit whose names come before those of others.
    """
    return _traced_scene(wanted, circuit, _folder_stamp(wanted))


@st.cache_resource(show_spinner=False, max_entries=12)
def _traced_scene(wanted: "Traced", circuit: str, stamp: str) -> "Scene":
    from explorer.network.scene import scene_of_graph

    found = _traced(wanted, stamp)
    made = scene_of_graph(
        found.pruned.graph,
        key=f"prompt.{stage_key('prompt-scene', 1, {}, plain(wanted))[:8]}",
        title=wanted.text,
        tokens=found.tokens,
        token_text=found.outputs,
        labels=_names(wanted, circuit, stamp),
    )
    direction = {"out:direction": _direction(wanted)} if wanted.against else {}
    return replace(made, labels=dict(made.labels) | direction)


def _direction(wanted: "Traced") -> str:
    return f"{wanted.target} − {wanted.against}" if wanted.against else "direction"


def traced_names(wanted: "Traced", circuit: str = "") -> "Mapping[str, str]":
    """Names of the features of a traced prompt: of this circuit, of others, else its own."""
    return _names(wanted, circuit, _folder_stamp(wanted))


@st.cache_resource(show_spinner=False, max_entries=12)
def _names(wanted: "Traced", circuit: str, stamp: str) -> "Mapping[str, str]":
    from explorer.traces.naming import names_of

    coders = _coders(wanted.model, wanted.transcoders, stamp)
    same = sorted(_same(wanted, stamp), key=lambda info: info.name != circuit)
    namers = [_namer(info) for info in same]
    return names_of(model(wanted.model), coders, _traced(wanted, stamp), namers)


def _same(wanted: "Traced", stamp: str) -> "list[BundleInfo]":
    """Circuits of the same model and dictionary."""
    keys = model(wanted.model).key, _coders(wanted.model, wanted.transcoders, stamp).key
    return [info for info in library() if not info.error and _keys(info) == keys]


def _namer(info: "BundleInfo") -> "Namer":
    from explorer.traces.naming import Namer

    return Namer(bundle(info.name), prompt_lengths(info))


def unnamed(wanted: "Traced", circuit: str) -> str:
    """Why a circuit does not name the features of a traced prompt; empty where it does."""
    stamp = _folder_stamp(wanted)
    info = next((info for info in _same(wanted, stamp) if info.name == circuit), None)
    if info is None:
        return (
            "it was found with another model or other transcoders than this prompt is traced with"
        )
    namer, many = _namer(info), len(_traced(wanted, stamp).tokens)
    if namer.shift(many) is not None:
        return ""
    known = sorted({*namer.lengths, namer.longest})
    span = f"{known[0]} to {known[-1]}" if len(known) > 1 else f"{known[0]}"
    return f"its prompts have {span} tokens and this one {many}, so positions do not agree"


def _keys(info: "BundleInfo") -> tuple[str, ...]:
    """Of the model and the dictionary that a circuit was found with."""
    found = info.provenance
    return tuple(str((found.get(part) or {}).get("key")) for part in ("model", "transcoders"))


def traced_paths(wanted: "Traced", node: str) -> "Mapping[str, Paths]":
    """The largest edges at a node of a traced prompt by the head they run through."""
    return _traced_paths(wanted, _folder_stamp(wanted), node)


@st.cache_resource(show_spinner=False, max_entries=64)
def _traced_paths(wanted: "Traced", stamp: str, node: str) -> "Mapping[str, Paths]":
    from explorer.traces.tracing import paths_of

    coders = _coders(wanted.model, wanted.transcoders, stamp)
    return paths_of(model(wanted.model), coders, _traced(wanted, stamp), node)


def traced_json(wanted: "Traced") -> dict[str, Any]:
    """A traced prompt's shown graph as a Neuronpedia file."""
    from explorer.traces.tracing import to_json

    stamp = _folder_stamp(wanted)
    coders = _coders(wanted.model, wanted.transcoders, stamp)
    return to_json(model(wanted.model), coders, _traced(wanted, stamp), _direction(wanted))


def _folder_stamp(wanted: "Traced") -> str:
    """When the folders that a prompt names, or may take its transcoders from, were written."""
    stamps = []
    if not wanted.transcoders:
        stamps += [str(path.stat().st_mtime_ns) for path in sorted(trained().glob("*/config.yaml"))]
        stamps += [info.name for info in library()]
    for ref in (wanted.model, wanted.transcoders):
        for name in ("config.json", "config.yaml"):
            path = Path(ref) / name
            if ref and path.is_file():
                stamps.append(str(path.stat().st_mtime_ns))
    return ".".join(stamps)
