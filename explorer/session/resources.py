"""The only caches of the app: what is expensive to load, by its content.

1. Heads of bundles are read again when a folder appears, goes or is written.
2. Bundles, models and labs are kept by folder and time of writing, so a result that is computed
   again is not shown from before.
3. Everything kept is read-only and shared by all sessions; interventions are arguments of a
   call, never state of a shared thing.

Nothing here imports the engine before a function needs it (`explorer.engine`).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import streamlit as st

from core.assets import CIRCUITS, MODELS, TASKS
from core.errors import CoreError, FormatError
from core.store import Store, open_store, plain, stage_key
from explorer import engine
from explorer.jobs.jobs import Jobs
from explorer.library.heads import read_heads

if TYPE_CHECKING:
    from core.bundle import Bundle, BundleInfo
    from core.features import FeatureReport, HeadReport, SupernodeReport
    from core.lab import Lab, LabSettings
    from core.models import LanguageModel
    from core.tasks import Task
    from core.transcoders import TranscoderSet
    from explorer.network.scene import Scene
    from explorer.prompt.tracing import Trace
    from explorer.session.testlog import TestLog
    from explorer.session.view import Traced

Stamp = tuple[str, ...]


@st.cache_resource(show_spinner=False)
def store() -> Store:
    """The store of this server (`--store`, HAGD_STORE or the user's data folder)."""
    return open_store()


def trained() -> Path:
    """Folder of the dictionaries that runs in this store have trained."""
    return results().parent / "transcoders"


def results() -> Path:
    """Folder of this store's own circuits."""
    return store().layout.results


@st.cache_resource(show_spinner=False)
def jobs() -> Jobs:
    """The jobs of this store."""
    return Jobs(store().layout.root / "jobs")


def library() -> "tuple[BundleInfo, ...]":
    """Heads of all circuits, own and bundled, newest first; names are made unique."""
    roots = (results(), CIRCUITS)
    return _library(tuple(map(str, roots)), _stamp(roots), engine.ready())


@st.cache_resource(show_spinner=False, max_entries=4)
def _library(roots: Sequence[str], stamp: Stamp, checked: bool) -> "tuple[BundleInfo, ...]":
    infos, seen = [], dict[str, int]()
    for info in _heads(roots, checked):
        seen[info.name] = seen.get(info.name, 0) + 1
        again = seen[info.name]
        infos.append(info if again == 1 else replace(info, name=f"{info.name}~{again}"))
    return tuple(infos)


def _heads(roots: Sequence[str], checked: bool) -> "Sequence[BundleInfo]":
    if not checked:
        return cast("Sequence[BundleInfo]", read_heads([Path(root) for root in roots]))
    from core.bundle import list_bundles

    return list_bundles(*roots)


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


def is_bundled(info: "BundleInfo") -> bool:
    """Whether a circuit came with the program."""
    return info.path.is_relative_to(CIRCUITS)


def find(name: str) -> "BundleInfo":
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
    return _bundle(str(info.path), _written(info.path))


@st.cache_resource(show_spinner=False, max_entries=24)
def _bundle(path: str, stamp: str) -> "Bundle":
    from core.bundle import open_bundle

    return open_bundle(path)


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
    return _labs().get((str(info.path), _written(info.path)))


def load_lab(name: str) -> None:
    """Load a circuit's Lab, once for all sessions; `lab_state` then has it or its refusal."""
    info = find(name)
    key = (str(info.path), _written(info.path))
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

    return Lab(_bundle(path, stamp))


def random_band(
    name: str, prompt: int, nodes: tuple[str, ...], settings: "LabSettings"
) -> tuple[float, float]:
    """P(answer) that random ablations of the same size leave: 5th and 95th percentile."""
    how = (settings.how.value, settings.errors, settings.inside)
    return _random_band(name, _written(find(name).path), prompt, nodes, how)


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
    return _report("feature", name, _written(find(name).path), node, prompt)


def head_report(name: str, node: str, prompt: int = 0) -> "HeadReport":
    """What a head does, for the inspector."""
    return _report("head", name, _written(find(name).path), node, prompt)


def supernode_report(name: str, node: str, prompt: int = 0) -> "SupernodeReport":
    """What a supernode holds, for the inspector."""
    return _report("supernode", name, _written(find(name).path), node, prompt)


@st.cache_resource(show_spinner=False, max_entries=256)
def _report(kind: str, name: str, stamp: str, node: str, prompt: int) -> Any:
    from core import features

    make = {
        "feature": features.feature_report,
        "head": features.head_report,
        "supernode": features.supernode_report,
    }[kind]
    return make(lab(name), node, prompt)


def thumbnail(name: str) -> list[Any]:
    """Drawing of a circuit's coarse network; empty where it cannot be opened, or not yet."""
    if not engine.ready():
        return []
    info = find(name)
    return _thumbnail(str(info.path), _written(info.path))


@st.cache_resource(show_spinner=False, max_entries=64)
def _thumbnail(path: str, stamp: str) -> list[Any]:
    from explorer.library.thumbnail import thumbnail as draw

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
def task(ref: str) -> "Task":
    """A bundled task, or one read from a file."""
    from core.tasks import load_task

    return load_task(ref)


@st.cache_resource(show_spinner=False)
def task_titles() -> Mapping[str, str]:
    """Titles of the bundled tasks by name."""
    about = (p for p in sorted(TASKS.glob("*.json")) if p.with_suffix(".jsonl").is_file())
    return {p.stem: str(json.loads(p.read_text("utf-8")).get("title", p.stem)) for p in about}


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


def scene(name: str, prompt: int | None) -> "Scene":
    """A circuit's network: of one test prompt, or of the whole task (which needs no model).

    Raises:
        CoreError: If the circuit, or for a prompt its model, cannot be loaded.
    """
    info = find(name)
    return _scene(name, str(info.path), _written(info.path), prompt)


@st.cache_resource(show_spinner=False, max_entries=64)
def _scene(name: str, path: str, stamp: str, prompt: int | None) -> "Scene":
    from explorer.network.scene import scene_of_bundle

    opened, key = _bundle(path, stamp), f"{name}|{stamp}|{prompt}"
    if prompt is None:
        roles = _roles(str(opened.provenance["task"]["ref"]))
        return scene_of_bundle(opened, key=key, tokens=roles)
    laboratory = lab(name)
    shown = laboratory.prompts[prompt]
    return scene_of_bundle(
        opened,
        key=key,
        tokens=("",) * shown.shift + shown.tokens,
        graph=laboratory.prompt_graph(prompt),
        token_text={shown.answer_id: shown.answer, shown.wrong_id: shown.wrong},
        lead=f"out:{shown.answer_id}",
    )


@st.cache_resource(show_spinner=False)
def tests() -> "TestLog":
    """The log of every test in this store."""
    from explorer.session.testlog import TestLog

    return TestLog(store=store())


@st.cache_resource(show_spinner=False, max_entries=12)
def _traced(wanted: "Traced", stamp: str) -> "Trace":
    from explorer.prompt.tracing import trace

    loaded = model(wanted.model)
    return trace(loaded, _coders(wanted.model, wanted.transcoders, stamp), wanted)


def traced(wanted: "Traced") -> "Trace":
    """A prompt's graph.

    Raises:
        CoreError: If model, transcoders, prompt or target cannot be used.
    """
    return _traced(wanted, _folder_stamp(wanted))


@st.cache_resource(show_spinner=False, max_entries=6)
def _coders(model_ref: str, ref: str, stamp: str) -> "TranscoderSet":
    from explorer.prompt.tracing import coders_of

    return coders_of(model(model_ref), ref, trained())


def traced_scene(wanted: "Traced") -> "Scene":
    """The network of a traced prompt, pruned to what can be read."""
    return _traced_scene(wanted, _folder_stamp(wanted))


@st.cache_resource(show_spinner=False, max_entries=12)
def _traced_scene(wanted: "Traced", stamp: str) -> "Scene":
    from explorer.network.scene import scene_of_graph

    found = _traced(wanted, stamp)
    made = scene_of_graph(
        found.pruned.graph,
        key=f"prompt.{stage_key('prompt-scene', 1, {}, plain(wanted))[:8]}",
        title=wanted.text,
        tokens=found.tokens,
        token_text=found.outputs,
    )
    direction = {"out:answer": f"{wanted.target} − {wanted.against}"} if wanted.against else {}
    return replace(made, labels=dict(made.labels) | direction)


def traced_json(wanted: "Traced") -> dict[str, Any]:
    """A traced prompt's shown graph as a Neuronpedia file."""
    from explorer.prompt.tracing import to_json

    stamp = _folder_stamp(wanted)
    coders = _coders(wanted.model, wanted.transcoders, stamp)
    return to_json(model(wanted.model), coders, wanted, _traced(wanted, stamp))


@st.cache_resource(show_spinner=False, max_entries=8)
def prompt_examples(model_ref: str) -> tuple[str, ...]:
    """Prompts that a model has the words for."""
    from core.tasks import bundled_tasks
    from explorer.prompt.tracing import examples

    return examples(model(model_ref), bundled_tasks())


@st.cache_resource(show_spinner=False, max_entries=64)
def model_for(text: str, first: str) -> str:
    """The bundled model whose vocabulary has every word of a prompt: `first` before the others.

    It is `first` too where there is no prompt yet, or no model has its words.
    """
    for name in (first, *model_names()) if text.strip() else ():
        try:
            model(name).encode(text)
        except CoreError:
            continue
        return name
    return first


def _folder_stamp(wanted: "Traced") -> str:
    """When the folders that a prompt names, or may take its transcoders from, were written."""
    stamps = []
    if not wanted.transcoders:
        stamps += [str(path.stat().st_mtime_ns) for path in sorted(trained().glob("*/config.yaml"))]
    for ref in (wanted.model, wanted.transcoders):
        for name in ("config.json", "config.yaml"):
            path = Path(ref) / name
            if ref and path.is_file():
                stamps.append(str(path.stat().st_mtime_ns))
    return ".".join(stamps)
