"""Models and tasks, by name or path."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

import streamlit as st

from core.assets import MODELS, TASKS
from core.errors import CoreError
from explorer.session.resources.about import lacked

if TYPE_CHECKING:
    from core.models import LanguageModel
    from core.tasks import Task


@st.cache_resource(show_spinner=False, max_entries=16)
def task(ref: str) -> "Task":
    """A bundled task, or one read from a file."""
    from core.tasks import load_task

    return load_task(ref)


def roles_of(ref: str) -> tuple[str, ...]:
    try:
        return task(ref).roles
    except CoreError:
        return ()


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


@st.cache_resource(show_spinner=False, max_entries=8)
def prompt_examples(model_ref: str) -> tuple[str, ...]:
    """Prompts that a model has the words for."""
    from core.tasks import bundled_tasks
    from explorer.traces.tracing import examples

    return examples(model(model_ref), bundled_tasks())


def model_for(text: str, first: str, others: tuple[str, ...]) -> str:
    """The model that knows every word of a prompt, else the one that lacks the fewest.

    Args:
        text: The prompt; without one it is `first`.
        first: The model that is asked first.
        others: Models that are asked next, in this order.
    """
    if not text.strip():
        return first
    return _model_for(text, tuple(dict.fromkeys((first, *others))))


@st.cache_resource(show_spinner=False, max_entries=64)
def _model_for(text: str, names: tuple[str, ...]) -> str:
    least = {name: lacked(name, text) for name in names}
    for name in names:
        if not least[name] and _reads(name, text):
            return name
    known = {name: many for name, many in least.items() if many is not None}
    return min(known, key=known.__getitem__, default=names[0])


def _reads(ref: str, text: str) -> bool:
    try:
        model(ref).encode(text)
    except CoreError:
        return False
    return True
