"""Own model, task and transcoders for a run: a dialog of three paths, each checked as it is typed.

A path is looked at, not loaded: what is inside is read when the run starts, which says more.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import streamlit as st

from core.names import is_hub_id
from explorer import memory
from explorer.look import notices


class Field(NamedTuple):
    """One path that can be given."""

    label: str
    about: str
    example: str
    problem: Callable[[Path], str]
    """What is wrong with a path; empty where nothing is."""


def _model(path: Path) -> str:
    if not path.is_dir():
        hub = is_hub_id(path.as_posix())
        return "" if hub else "No such folder on this computer, and no Hub id (owner/name)."
    if not (path / "config.json").is_file():
        return "This folder has no config.json; a Hugging Face save_pretrained folder is required."
    return ""


def _task(path: Path) -> str:
    if not path.is_file():
        return "No such file on this computer."
    if path.suffix not in (".jsonl", ".csv"):
        return f"A .jsonl or .csv file is required; this one ends in “{path.suffix or 'nothing'}”."
    return ""


def _transcoders(path: Path) -> str:
    if not path.is_dir():
        return "No such folder on this computer."
    if not any(path.glob("layer_*.safetensors")) and not (path / "config.yaml").is_file():
        return "This folder has no layer_0.safetensors or config.yaml."
    return ""


FIELDS: Mapping[str, Field] = {
    "model": Field(
        "Model folder, or a Hub id",
        "Left empty, a bundled model is used. A Hub model is downloaded when the run starts.",
        "/models/my-gpt2, or openai-community/gpt2",
        _model,
    ),
    "task": Field(
        "Task file",
        "One prompt a line, or an EAP-IG table. A bundled task needs a model that has its words.",
        "/tasks/my-task.jsonl",
        _task,
    ),
    "transcoders": Field(
        "Transcoder folder",
        "Left empty, the bundled ones are used, or new ones are trained and kept.",
        "/transcoders/my-gpt2",
        _transcoders,
    ),
}


def chosen() -> dict[str, str]:
    """The paths in use; empty texts where bundled things are."""
    return {name: str(memory.local(f"own-{name}", "")) for name in FIELDS}


def problem_of(name: str, ref: str) -> str:
    """What can be seen to be wrong with a path; empty where nothing is, or none was given."""
    if not ref.strip():
        return ""
    try:
        return FIELDS[name].problem(Path(ref.strip()).expanduser())
    except OSError as problem:
        return f"This path cannot be read: {problem.strerror}."


def own_button() -> None:
    """The button of the form, and its dialog while it is open."""
    st.button("Own model…", key="own-open", on_click=_open, width="stretch")
    if memory.local("own-is-open"):
        _dialog()


def _open() -> None:
    memory.remember("own-is-open", True)


def _close() -> None:
    memory.remember("own-is-open", False)


@st.dialog("Own model, task or transcoders", on_dismiss=_close)
def _dialog() -> None:
    st.html('<p class="hs-note">Paths are on the computer that runs the app.</p>')
    typed = {name: _field(name, field) for name, field in FIELDS.items()}
    wrong = any(problem_of(name, ref) for name, ref in typed.items())
    with st.container(key="own-end", horizontal=True, horizontal_alignment="right", gap="small"):
        if st.button("Use bundled", key="own-clear", disabled=not any(chosen().values())):
            _use(dict.fromkeys(FIELDS, ""))
        # never disabled: a corrected path is sent when the button takes the focus, and a button
        # that is enabled only then has lost the click
        if st.button("Use these", key="own-use", type="primary") and not wrong:
            _use(typed)


def _field(name: str, field: Field) -> str:
    with st.container(key=f"own-part-{name}", gap="xxsmall"):
        typed = st.text_input(
            field.label,
            value=chosen()[name],
            key=f"own-field-{name}",
            placeholder=field.example,
            max_chars=1000,
        )
        problem = problem_of(name, typed)
        word = f'<p class="hs-wrong" role="alert">{notices.text(problem)}</p>'
        st.html(word if problem else f'<p class="hs-note">{field.about}</p>')
    return typed.strip()


def _use(paths: Mapping[str, str]) -> None:
    for name, ref in paths.items():
        memory.remember(f"own-{name}", ref)
    _close()
    st.rerun()
