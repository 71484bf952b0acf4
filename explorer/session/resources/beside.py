"""What the Prompt page takes from the circuit that is open: its parts, and its task's prompts."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import streamlit as st

from core.assets import MODELS, NEURONS, TASKS, TRANSCODERS
from core.choices import DEFAULT_KIND
from core.errors import CoreError
from explorer.session.resources.circuits import bundle, find, is_bundled, library, written_at
from explorer.session.resources.models import model, model_names, roles_of, task

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from core.bundle import BundleInfo
    from core.models import LanguageModel
    from core.tasks import PromptPair

MOST_READ = 256
"""Prompts of a task whose length is looked at."""


class Beside(NamedTuple):
    """A circuit's parts, as the form writes them; empty where one is not on this computer."""

    name: str
    title: str
    model: str
    transcoders: str
    """Empty as well where they are what an empty choice takes."""
    task: str
    lacking: tuple[str, ...]
    """The parts that are not here, in a word each."""


def beside(info: "BundleInfo") -> Beside:
    """A circuit's parts, looked for and not opened."""
    ref, coders, prompts = map(info.place_of, ("model", "transcoders", "task"))
    here = {
        "model": (MODELS / ref / "config.json").is_file() or Path(ref, "config.json").is_file(),
        "transcoders": coders == NEURONS or Path(coders, "config.yaml").is_file(),
        "task": (TASKS / f"{prompts}.jsonl").is_file() or Path(prompts).is_file(),
    }
    return Beside(
        name=info.name,
        title=info.title or info.name,
        model=ref if here["model"] else "",
        transcoders=_kind(ref, coders) if here["transcoders"] else "",
        task=prompts if here["task"] else "",
        lacking=tuple(part for part, found in here.items() if not found),
    )


def _kind(model_ref: str, coders: str) -> str:
    """A bundled dictionary by its kind, the usual one by nothing; any other as it is."""
    place = Path(coders)
    if place.parent != TRANSCODERS / model_ref:
        return coders
    return "" if place.name == DEFAULT_KIND else place.name


def own_models() -> "Mapping[str, str]":
    """Folders of the models of this store's own circuits, each with the newest of its circuits."""
    found: dict[str, str] = {}
    for info in library():
        if not (info.error or info.is_null or is_bundled(info)) and (ref := beside(info).model):
            found.setdefault(ref, info.name)
    return {ref: name for ref, name in found.items() if ref not in model_names()}


def position_names(name: str) -> tuple[str, ...]:
    """What the positions of a circuit's task are called; empty where it cannot be read."""
    from core.models import load_tokenizer
    from core.tasks import with_roles

    found = beside(find(name))
    if not found.task or not found.model:
        return roles_of(found.task) if found.task else ()
    try:
        read = task(found.task)
        return read.roles or with_roles(read, load_tokenizer(found.model)).roles
    except CoreError:
        return ()


def circuit_examples(name: str, model_ref: str, most: int = 4) -> tuple[str, ...]:
    """The first test prompts of a circuit's task that a model can read."""
    info = find(name)
    return _examples(str(info.path), written_at(info.path), name, model_ref, most)


@st.cache_resource(show_spinner=False, max_entries=32)
def _examples(path: str, stamp: str, name: str, model_ref: str, most: int) -> tuple[str, ...]:
    from core.tasks import Split

    loaded, found = model(model_ref), list[str]()
    for pair in _pairs(name, Split.TEST):
        if _length(loaded, pair.clean) and pair.clean not in found:
            found.append(pair.clean)
        if len(found) == most:
            break
    return tuple(found)


def prompt_lengths(info: "BundleInfo") -> frozenset[int]:
    """Tokens of the prompts of a circuit's task; empty where its model or task is not here."""
    return _lengths(str(info.path), written_at(info.path), info.name)


@st.cache_resource(show_spinner=False, max_entries=64)
def _lengths(path: str, stamp: str, name: str) -> frozenset[int]:
    ref = beside(find(name)).model
    if not ref:
        return frozenset()
    loaded = model(ref)
    read = [_length(loaded, pair.clean) for pair in _pairs(name)]
    return frozenset(length for length in read if length)


def _pairs(name: str, split: str = "") -> "Iterator[PromptPair]":
    """Pairs of a circuit's task, at most `MOST_READ`; none where it cannot be read."""
    from core.tasks import Split, load_task

    ref = beside(find(name)).task
    try:
        bundle(name)  # checks that what the circuit names is a task file and nothing else
        read = load_task(ref) if ref else None
    except CoreError:
        read = None
    if read is not None:
        pairs = read.of(Split(split)) if split else read.pairs
        yield from (pairs or read.pairs)[:MOST_READ]


def _length(loaded: "LanguageModel", text: str) -> int:
    """Tokens of a prompt; 0 where the model cannot read it."""
    try:
        return len(loaded.encode(text))
    except CoreError:
        return 0
