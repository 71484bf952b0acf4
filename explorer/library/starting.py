"""The form that starts a run, and what it refuses before a process is started for it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from core.choices import MAX_SIZE
from core.circuit import Attention
from core.errors import SettingsError
from core.names import is_hub_id, task_title
from explorer import memory
from explorer.library import form
from explorer.library.duration import expected, has_dictionary
from explorer.library.own import chosen, own_button
from explorer.library.stages import STAGES
from explorer.look import notices
from explorer.session import resources, state

ENTRY = "explorer.jobs.work:run"
"""What the process of a run calls."""


def new_run() -> None:
    """The form that starts a run."""
    with st.container(key="panel-new-run"):
        own, tasks = chosen(), resources.task_titles()
        head = st.empty()
        task = form.task_box(own, tasks)
        model = form.model_box(own, task)
        form.word(model, task, tasks)
        with st.container(horizontal=True, gap="small"):
            st.number_input("Largest size", 1, 100_000, MAX_SIZE, key="run-size", help="in nodes")
            st.number_input("Seed", 0, 2**31 - 1, 0, key="run-seed", width=84)
        form.options(own)
        with st.container(horizontal=True, gap="small", key="run-buttons"):
            st.button("Start run", type="primary", on_click=start, width="stretch", key="run-start")
            own_button()
        head.html(f'<div class="hs-head"><h3>New run</h3><span>{_expected()}</span></div>')
        if problem := memory.local("run-problem"):
            notices.failed("Not started", problem, key="run-problem")


def start() -> None:
    """Start the run that the form describes; a path that is not there is refused at once."""
    settings = form.settings()
    try:
        check(settings)
    except SettingsError as problem:
        memory.remember("run-problem", str(problem))
        return
    memory.remember("run-problem", "")
    titles = resources.task_titles()
    task = settings["name"] or titles.get(settings["task"]) or task_title(settings["task"])
    title = f"{task} · {_short(settings)}"
    desk = resources.jobs()
    for job in [job for job in desk.list() if job.kind == "run" and job.state == "failed"]:
        if not job.crash:
            desk.forget(job.id)  # a refusal has been read, and this run is the answer to it
    state.update(job=desk.start("run", title, settings, ENTRY, planned=tuple(STAGES)))


def check(settings: Mapping[str, Any]) -> None:
    """Refuse what can be seen to be wrong before a process is started for it.

    Raises:
        SettingsError: If something is missing or a path leads nowhere.
    """
    for name in ("model", "task"):
        if not settings[name]:
            raise SettingsError(f"No {name} was chosen.\nChoose one, or give a path of your own.")
    for name, want in (
        ("model", Path.is_dir),
        ("task", Path.is_file),
        ("transcoders", Path.is_dir),
    ):
        ref = settings[name]
        if name == "model" and is_hub_id(str(ref)):
            continue  # the run says whether the Hub has it
        if ref and ("/" in ref or "\\" in ref) and not want(Path(ref).expanduser()):
            kind = "file" if name == "task" else "folder"
            raise SettingsError(
                f"The {name} was not found.\nGot {ref[:200]!r}; a {kind} on this computer is "
                "required.\nCorrect the path under “Own model…”."
            )


def _short(settings: Mapping[str, Any]) -> str:
    """The model, and what a run has that is not as usual."""
    parts = [Path(str(settings["model"])).name]
    parts += ["heads counted"] if settings["attention"] == Attention.CIRCUIT else []
    parts += [f"seed {settings['seed']}"] if settings["seed"] else []
    return " · ".join(parts)


def _expected() -> str:
    """How long the run that is set may take, in a few words."""
    wanted, jobs = form.settings(), resources.jobs().list()
    there = has_dictionary(wanted, jobs, resources.library(), resources.trained())
    seconds = expected(wanted, jobs, there)
    if seconds is None:
        return "not timed yet" if there else "trains a dictionary first"
    return f"about {seconds:.0f} s" if seconds < 90 else f"about {seconds / 60:.0f} min"
