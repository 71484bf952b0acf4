"""How long a run may take, by the runs of the same model that were done here."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from core.assets import TRANSCODERS
from explorer.jobs.files import Job


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
