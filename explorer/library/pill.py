"""The pill in the header: a running job is seen on every page, with its stage and how far it is.

A click leads to the library, where its stages are listed. A job that has ended stays for
`LINGER_S`, so that somebody on another page learns of it.
"""

import time
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from explorer import menu
from explorer.jobs.files import Job
from explorer.library.stages import STAGES
from explorer.look import notices
from explorer.session import resources

EVERY_S = 1.0
LINGER_S = 45.0
ENDS = {"done": "is done", "failed": "stopped", "lost": "was interrupted"}


def job_pill() -> None:
    """Show it while there is something to show; followed by itself while a job runs."""
    active = any(job.active for job in _runs())
    st.fragment(_pill, run_every=EVERY_S if active else None)()


def _runs() -> list[Job]:
    return [job for job in resources.jobs().list() if job.kind == "run"]


@notices.guard
def _pill() -> None:
    told = shown(_runs(), time.time())
    with st.container(key="job-pill", horizontal=True, vertical_alignment="center"):
        if told is None:
            return
        job, more = told
        share = share_of(job)
        st.html(
            f'<span class="hs-pill" data-testid="job-pill"><i class="hs-{job.state}"></i>'
            f'<b style="--share: {100 * share:.0f}%"></b></span>'
        )
        if st.button(words(job, more), key="job-pill-open", type="tertiary", help=job.title):
            menu.go("library", job=job.id)


def shown(jobs: Sequence[Job], now: float) -> tuple[Job, int] | None:
    """The job to tell of and how many more run: a running one, else one that has just ended."""
    active = [job for job in jobs if job.active]
    if active:
        return active[0], len(active) - 1
    ended = [job for job in jobs if job.state in ENDS and now - (job.finished or 0) < LINGER_S]
    return (ended[0], 0) if ended else None


def share_of(job: Job) -> float:
    """Part of the whole that is done, from stages behind and the share of the one that runs."""
    if not job.active:
        return 1.0
    if not job.steps or not job.planned:
        return 0.0
    step = job.steps[-1]
    place = job.planned.index(step.name) if step.name in job.planned else 0
    within = step.done / step.total if step.total else 0.0
    return min(1.0, (place + within) / len(job.planned))


def words(job: Job, more: int) -> str:
    """What the pill says, as "gpt2-modadd · Search 62 %"."""
    name = Path(str(job.settings.get("model") or job.title)).name
    if not job.active:
        return f"{_plain(name)} {ENDS[job.state]}"
    step = job.steps[-1] if job.steps else None
    stage = STAGES.get(step.name, step.name) if step else "starting"
    within = f" {step.done / step.total:.0%}".replace("%", " %") if step and step.total > 1 else ""
    return f"{_plain(name)} · {stage}{within}" + (f" · {more} more" if more else "")


def _plain(text: str) -> str:
    """Text for a button's label, which reads Markdown."""
    return "".join(f"\\{c}" if c in "\\`*_[]<>#~$:|" else c for c in text[:40])
