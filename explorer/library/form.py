"""The fields of a new run: task, models made for it, size, seed, and options few need.

1. The task comes first: it says which of the bundled models are offered, those made for it.
2. Under “Options”: models of other tasks (with a word on what to expect), what guides the search,
   and whether attention heads are counted.
3. `settings` reads what was chosen, as the run's process takes it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from core.choices import DEFAULT_GUIDE, MAX_SIZE, GuideName
from core.circuit import Attention
from explorer import memory
from explorer.library.own import chosen
from explorer.look import notices
from explorer.session import resources

GUIDES: Mapping[GuideName, str] = {
    "influence": "influence",
    "shifted-influence": "influence that a resample moves",
    "gnn": "graph network, trained on effects",
}
"""Each of the engine's guides, in its words."""
NAME = "What the circuit is called in the library and in links"
HEADS = {
    Attention.LIVE.value: "live, not counted",
    Attention.CIRCUIT.value: "counted as nodes",
}


def task_box(own: Mapping[str, str], tasks: Mapping[str, str]) -> str:
    """The task of the run."""
    return (
        st.selectbox(
            "Task",
            [own["task"]] if own["task"] else list(tasks),
            format_func=lambda ref: tasks.get(ref) or Path(ref).name,
            index=None if own["model"] and not own["task"] else 0,
            placeholder="choose a task, or give your own",
            key=_task_key(own),
            disabled=bool(own["task"]),
        )
        or ""
    )


def _task_key(own: Mapping[str, str]) -> str:
    """Widget of the task; a model of one's own starts with none: a bundled one seldom fits it."""
    return "run-task-own" if own["model"] and not own["task"] else "run-task"


def model_box(own: Mapping[str, str], task: str) -> str:
    """The model of the run: of the bundled ones those made for the task, or all if asked."""
    model = st.selectbox(
        "Model",
        [own["model"]] if own["model"] else offered(task, _others()),
        format_func=lambda ref: Path(ref).name if own["model"] else _named(ref, task),
        key=_model_key(own, task),
        placeholder="none was made for this task",
        disabled=bool(own["model"]),
    )
    return model or ""


def offered(task: str, others: str = "made") -> list[str]:
    """Bundled models: those made for the task, small ones first; then, if asked, all others.

    A task that no model was made for, as one of one's own, is offered them all.
    """
    names = sorted(resources.model_names(), key=lambda n: (resources.about_model(n).width, n))
    made = [name for name in names if resources.about_model(name).task == task]
    if made and others == "made":
        return made
    return made + [name for name in names if name not in made]


def _others() -> str:
    return "all" if memory.value("run-others") else "made"


def _named(ref: str, task: str) -> str:
    about = resources.about_model(ref)
    made = resources.task_titles().get(about.task, "") if about.task != task else ""
    beside = f"made for {made.split(' (')[0]}" if made else about.shape
    return f"{ref} · {beside}" if beside else ref


def _model_key(own: Mapping[str, str], task: str) -> str:
    """A widget for each list, so that each keeps its own choice."""
    return "run-model-own" if own["model"] else f"run-model-{Path(task).stem}-{_others()}"


def word(model: str, task: str, tasks: Mapping[str, str]) -> None:
    """What to expect of a model that was made for another task."""
    made = resources.about_model(model).task if model else ""
    if task in tasks and made and made != task:
        st.html(
            f'<p class="hs-note">{notices.text(model)} was made for {notices.text(tasks[made])}. '
            "It is refused where it lacks this task's words or misses its gate.</p>"
        )


def options(own: Mapping[str, str]) -> None:
    """What few need to choose."""
    with st.container(key="run-options"), st.expander("Options"):
        st.selectbox(
            "Guide",
            list(GUIDES),
            index=list(GUIDES).index(DEFAULT_GUIDE),
            format_func=GUIDES.__getitem__,
            key="run-guide",
        )
        st.selectbox(
            "Attention heads", list(HEADS), format_func=HEADS.__getitem__, key="run-attention"
        )
        st.text_input(
            "Name", key="run-name", placeholder="by task and model", max_chars=80, help=NAME
        )
        if not own["model"]:
            st.checkbox("Offer models made for other tasks", key="run-others")


def settings() -> dict[str, Any]:
    """What the form says; paths of one's own before bundled names."""
    own = chosen()
    task = own["task"] or memory.value(_task_key(own))
    return {
        "model": own["model"] or memory.value(_model_key(own, task or "")),
        "task": task,
        "transcoders": own["transcoders"] or None,
        "max_size": int(memory.value("run-size") or MAX_SIZE),
        "name": str(memory.value("run-name") or "").strip() or None,
        "seed": int(memory.value("run-seed") or 0),
        "guide": memory.value("run-guide") or DEFAULT_GUIDE,
        "attention": memory.value("run-attention") or Attention.LIVE.value,
    }
