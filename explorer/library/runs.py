"""Running jobs and how the last ones ended: the right side of the library.

A run is a job in a process of its own (`explorer.jobs`), so it goes on when the page, the tab or
the browser is closed, and every tab sees the same progress.
"""

import time

import streamlit as st

from explorer import memory, menu
from explorer.jobs.files import Job
from explorer.library import starting
from explorer.library.stages import stages_of
from explorer.look import notices, theme
from explorer.session import resources

SHOWN = 3
"""Ended jobs that are listed."""


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
    before = memory.local("active-jobs", ids)
    memory.remember("active-jobs", ids)
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
            _ways_on(job)


def _ways_on(job: Job) -> None:
    """What can be done about a job that has ended."""
    id = job.id
    name = str(job.result.get("name") or "") if job.state == "done" else ""
    if name and st.button("Open", key=f"open-{id}", type="tertiary"):
        menu.go("circuit", circuit=name, path=(), selection=(), changes=(), prompt=0)
    if job.state != "done":
        st.button("Start again", key=f"again-{id}", on_click=_again, args=(job,), type="tertiary")
    forget = resources.jobs().forget
    st.button("Dismiss", key=f"forget-{id}", on_click=forget, args=(id,), type="tertiary")


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


def _again(job: Job) -> None:
    desk = resources.jobs()
    desk.start(job.kind, job.title, job.settings, starting.ENTRY, planned=job.planned)
    desk.forget(job.id)
