"""A comparison with random selections as a job: begun, found again, followed while it runs."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from core.bundle import Bundle
from core.lab import Lab
from explorer.jobs.files import Job, Report
from explorer.look import notices
from explorer.session import changes, resources, testlog
from explorer.session.view import View

DRAWS = 200
"""Random selections that a set is compared with."""


def start(bundle: Bundle, lab: Lab, view: View, nodes: tuple[str, ...]) -> None:
    """Begin a comparison of these nodes; what it finds is kept at the test that the view shows."""
    settings, tests = changes.settings_of(view), resources.tests()

    def work(_: Mapping[str, Any], report: Report) -> Mapping[str, Any]:
        def tell(done: int, total: int) -> None:
            report("Random selections", done, total)

        found = lab.against_random(nodes, settings, draws=DRAWS, progress=tell)
        return {"key": tests.compare(bundle, view, found)}

    title = f"{changes.sentence(view.changes)} · {bundle.name}"
    key = testlog.random_key(bundle, view, DRAWS)
    resources.jobs().start_here("random", title, {"key": key}, work)


def job_of(bundle: Bundle, view: View) -> Job | None:
    """The comparison of what is set, begun here and not forgotten; None where there is none."""
    key = testlog.random_key(bundle, view, DRAWS)
    found = [job for job in resources.jobs().list() if job.kind == "random"]
    return next((job for job in found if job.settings.get("key") == key), None)


@notices.guard
def follow(id: str) -> None:
    """How far a comparison is; the page is drawn again when it ends."""
    job = resources.jobs().find(id)
    if job is None or not job.active:
        st.rerun(scope="app")
        return
    step = job.steps[-1] if job.steps else None
    done, total = (step.done, step.total) if step else (0, 0)
    st.html(
        f'<div class="hs-follow"><div><b>Random selections</b> <span>{done:,} of {total or "…"} '
        f'draws</span></div><div class="hs-bar"><i style="width:{100 * done / max(total, 1):.1f}%">'
        "</i></div></div>"
    )
    notices.skeleton(3)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.html('<span class="hs-note">Goes on if you leave this page.</span>')
        st.button("Cancel", key=f"cancel-{id}", on_click=resources.jobs().cancel, args=(id,))
