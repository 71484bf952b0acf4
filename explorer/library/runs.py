"""New run, running jobs and how the last ones ended: the right side of the library.

A run is a job in a process of its own (`explorer.jobs`), so it goes on when the page, the tab or
the browser is closed, and every tab sees the same progress.
"""

import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from core.assets import TRANSCODERS
from core.errors import SettingsError
from core.names import task_title
from explorer import menu
from explorer.jobs.files import Job, Step
from explorer.library import form
from explorer.library.own import HUB_ID, chosen, own_button
from explorer.look import notices, theme
from explorer.look.notices import Stage
from explorer.session import resources, state

STAGES = {
    "prepare": "Model",
    "transcoders": "Transcoders",
    "graphs": "Graphs",
    "hierarchy": "Hierarchy",
    "search": "Search",
    "refine": "Refinement",
    "validate": "Validation",
    "write": "Report",
}
"""Names of a run's stages for people, in order."""
ENTRY = "explorer.jobs.work:run"
SHOWN = 3
"""Ended jobs that are listed."""


def new_run() -> None:
    """The form that starts a run."""
    with st.container(key="panel-new-run"):
        own, tasks = chosen(), resources.task_titles()
        head = st.empty()
        task = form.task_box(own, tasks)
        model = form.model_box(own, task)
        form.word(model, task, tasks)
        with st.container(horizontal=True, gap="small"):
            st.number_input("Largest size", 1, 100_000, 347, key="run-size", help="in nodes")
            st.number_input("Seed", 0, 2**31 - 1, 0, key="run-seed", width=84)
        form.options(own)
        with st.container(horizontal=True, gap="small", key="run-buttons"):
            st.button("Start run", type="primary", on_click=start, width="stretch", key="run-start")
            own_button()
        head.html(f'<div class="hs-head"><h3>New run</h3><span>{_expected()}</span></div>')
        if problem := state.local("run-problem"):
            notices.failed("Not started", problem, key="run-problem")


def start() -> None:
    """Start the run that the form describes; a path that is not there is refused at once."""
    settings = form.settings()
    try:
        check(settings)
    except SettingsError as problem:
        state.remember("run-problem", str(problem))
        return
    state.remember("run-problem", "")
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
        if name == "model" and HUB_ID.fullmatch(str(ref)):
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
    parts += ["heads counted"] if settings["attention"] == "circuit" else []
    parts += [f"seed {settings['seed']}"] if settings["seed"] else []
    return " · ".join(parts)


def _expected() -> str:
    """How long the run that is set may take, in a few words."""
    wanted, jobs = form.settings(), resources.jobs().list()
    there = has_dictionary(wanted, jobs)
    seconds = expected(wanted, jobs, there)
    if seconds is None:
        return "not timed yet" if there else "trains a dictionary first"
    return f"about {seconds:.0f} s" if seconds < 90 else f"about {seconds / 60:.0f} min"


def has_dictionary(wanted: Mapping[str, Any], jobs: Sequence[Job]) -> bool:
    """Whether the dictionary of a run is there: given, bundled, or kept from an earlier run."""
    model = str(wanted["model"])
    bundled = model and "/" not in model and (TRANSCODERS / model).is_dir()
    return bool(wanted["transcoders"] or bundled) or any(
        all(job.settings.get(name) == wanted[name] for name in ("model", "task"))
        for job in _done(jobs)
    )


def expected(wanted: Mapping[str, Any], jobs: Sequence[Job], there: bool) -> float | None:
    """Seconds that runs of the same model took here; None where there are none to go by.

    Of those the ones of the same task, and with heads counted alike, where there are any.

    Args:
        wanted: The settings of a run.
        jobs: Those that were done here.
        there: Whether its dictionary is; training one is then left out, else it must be in.
    """
    alike = [job for job in _done(jobs) if job.settings.get("model") == wanted["model"]]
    alike = [job for job in alike if there or job.result.get("trained")]
    for name in ("task", "attention"):
        alike = [job for job in alike if job.settings.get(name) == wanted[name]] or alike
    took = [(job.finished or 0) - job.created - there * _training(job) for job in alike]
    return statistics.median(took) if took else None


def _done(jobs: Sequence[Job]) -> list[Job]:
    return [job for job in jobs if job.kind == "run" and job.state == "done" and job.finished]


def _training(job: Job) -> float:
    """Seconds in which a job trained its dictionary."""
    steps = [step.seconds for step in job.steps if step.name == "transcoders"]
    return sum(steps) if job.result.get("trained") else 0.0


def running() -> None:
    """Jobs that run and the last ones that ended; follows them while any runs."""
    jobs = [job for job in resources.jobs().list() if job.kind == "run"]
    active = any(job.active for job in jobs)
    st.fragment(_jobs, run_every=0.6 if active else None)()


@notices.guard
def _jobs() -> None:
    jobs = [job for job in resources.jobs().list() if job.kind == "run"]
    active = [job for job in jobs if job.active]
    ids = [job.id for job in active]
    before = state.local("active-jobs", ids)
    state.remember("active-jobs", ids)
    if set(before) - set(ids):
        # one has ended: the table has a new row
        st.rerun(scope="app")
    for job in active:
        _running(job)
    for job in [job for job in jobs if not job.active][:SHOWN]:
        _ended(job)


def _running(job: Job) -> None:
    with st.container(key=f"panel-job-{job.id}"):
        began = time.strftime("%H:%M", time.localtime(job.created))
        st.html(
            f'<div class="hs-head"><h3>Running</h3><span>started {began}</span></div>'
            f'<div class="hs-job">{notices.text(job.title)}</div>'
            + notices.stages_html(stages_of(job))
        )
        with st.container(horizontal=True, vertical_alignment="center"):
            st.html('<span class="hs-note">Goes on if you leave this page.</span>')
            st.button(
                "Cancel", key=f"cancel-{job.id}", on_click=resources.jobs().cancel, args=(job.id,)
            )


def stages_of(job: Job) -> tuple[Stage, ...]:
    """The stages of a job in order: done, running, and those still to come.

    One before the running one that reported nothing was found in the store.
    """
    stages = {step.name: _stage(job, step) for step in job.steps}
    reached = max((job.planned.index(name) for name in stages if name in job.planned), default=-1)
    for place, name in enumerate(job.planned):
        if name not in stages:
            note, how = ("reused", "done") if place < reached else ("", "waiting")
            stages[name] = Stage(name=STAGES.get(name, name), note=note, state=how)
    order = {name: place for place, name in enumerate(job.planned)}
    return tuple(stages[name] for name in sorted(stages, key=lambda name: order.get(name, reached)))


def _stage(job: Job, step: Step) -> Stage:
    """A stage that has reported; only the last one may still run."""
    last = step is job.steps[-1]
    ended = {"done": "done", "failed": "failed"}.get(job.state, "running") if last else "done"
    count = f"{step.done:,} of {step.total:,}" if step.total > 1 and ended == "running" else ""
    return Stage(
        name=STAGES.get(step.name, step.name),
        note=count if step.note in ("", step.name) else step.note,
        state=ended,
        seconds=step.seconds,
        share=step.done / step.total if step.total else None,
    )


def _ended(job: Job) -> None:
    title, tone, text = _words(job)
    with st.container(key=f"panel-ended-{job.id}"):
        st.html(
            f'<div class="hs-failed">{theme.mark_html(tone, 16)}<div><b>{notices.text(job.title)}'
            f"</b> {title}{notices.folded_html(text)}</div></div>"
        )
        if job.crash:
            with st.expander("Details"):
                st.code(job.crash, language=None)
        with st.container(horizontal=True, gap="small"):
            if job.state == "done" and job.result.get("name"):
                st.button(
                    "Open", key=f"open-{job.id}", on_click=_open, args=(job,), type="tertiary"
                )
            elif job.state != "done":
                st.button(
                    "Start again",
                    key=f"again-{job.id}",
                    on_click=_again,
                    args=(job,),
                    type="tertiary",
                )
            st.button(
                "Dismiss",
                key=f"forget-{job.id}",
                on_click=resources.jobs().forget,
                args=(job.id,),
                type="tertiary",
            )
    if state.local("open-circuit"):
        name = state.local("open-circuit")
        state.remember("open-circuit", "")
        menu.go("circuit", circuit=name, path=(), selection=(), changes=(), prompt=0)


def _words(job: Job) -> tuple[str, str, str]:
    if job.state == "done":
        took = notices.clock((job.finished or job.created) - job.created)
        return "is done", "ok", f"It took {took}. {job.result.get('sentence', '')}"
    if job.state == "cancelled":
        return "was cancelled", "idle", "What was computed is kept: it goes on from there."
    if job.state == "lost":
        return (
            "was interrupted",
            "warn",
            "Its process ended before it was done. What was computed is kept.",
        )
    return "stopped", "bad", job.error


def _open(job: Job) -> None:
    state.remember("open-circuit", str(job.result["name"]))


def _again(job: Job) -> None:
    desk = resources.jobs()
    desk.start(job.kind, job.title, job.settings, ENTRY, planned=job.planned)
    desk.forget(job.id)
