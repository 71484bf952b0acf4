"""How long a run may take, by the runs of the same model that were done here."""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.assets import TRANSCODERS
from core.bundle import locate
from core.errors import CoreError
from explorer.jobs.files import Job

if TYPE_CHECKING:
    from core.bundle import BundleInfo


def has_dictionary(
    wanted: Mapping[str, Any],
    jobs: Sequence[Job],
    infos: "Sequence[BundleInfo]" = (),
    kept: Path | None = None,
) -> bool:
    """Whether the dictionary of a run is there: given, bundled, or kept from an earlier run.

    Args:
        wanted: The settings of the run.
        jobs: Those that were done here.
        infos: Stored circuits, of runs on the command line too.
        kept: Folder of the dictionaries that runs have trained.
    """
    model = str(wanted["model"])
    bundled = model and "/" not in model and (TRANSCODERS / model).is_dir()
    return (
        bool(wanted["transcoders"] or bundled)
        or any(_same(wanted, job.settings) for job in _done(jobs))
        or any(_kept_one(wanted, info, kept) for info in infos if kept and not info.error)
    )


def _same(wanted: Mapping[str, Any], settings: Mapping[str, Any]) -> bool:
    """Whether a run would train the dictionary that these settings trained; the seed counts."""
    same = all(settings.get(name) == wanted[name] for name in ("model", "task"))
    return same and (settings.get("seed") or 0) == (wanted.get("seed") or 0)


def _kept_one(wanted: Mapping[str, Any], info: "BundleInfo", kept: Path | None) -> bool:
    """Whether a stored circuit stands on the dictionary that a run would train, and it is there."""
    try:
        made = {
            part: locate(str(info.provenance[part]["ref"]), info.path)
            for part in ("model", "task", "transcoders")
        }
    except (CoreError, KeyError, TypeError):  # a record of another program: nothing to go by
        return False
    settings = {part: made[part] for part in ("model", "task")}
    asked = {part: _place(str(wanted[part])) for part in settings} | {"seed": wanted.get("seed")}
    coders = Path(made["transcoders"])
    is_kept = kept is not None and coders.parent == kept.resolve() and coders.is_dir()
    seed = (info.provenance.get("settings") or {}).get("seed")
    return is_kept and _same(asked, {**settings, "seed": seed})


def _place(ref: str) -> str:
    """A path as a record has it: whole; a bundled name stays one."""
    return str(Path(ref).expanduser().resolve()) if "/" in ref else ref


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
