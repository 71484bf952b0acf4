"""The stages of a run as people read them: done, running, and those still to come."""

from explorer.jobs.files import Job, Step
from explorer.look.notices import Stage

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
