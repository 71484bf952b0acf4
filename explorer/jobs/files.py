"""The files of one job, and what they say: see `explorer.jobs.jobs` for the folder's layout."""

import contextlib
import fcntl
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal

State = Literal["running", "done", "failed", "cancelled", "lost"]
EVERY_S = 0.1
"""Shortest time between two progress lines of one stage."""


class Cancelled(Exception):
    """Raised inside the work when somebody pressed Cancel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One stage of a job as far as it has come."""

    name: str
    done: int
    total: int
    """0 where the length is not known."""
    note: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as its files tell it."""

    id: str
    kind: str
    title: str
    settings: Mapping[str, Any]
    created: float
    """Seconds since 1970."""
    state: State
    steps: tuple[Step, ...]
    planned: tuple[str, ...]
    """Names of all stages in order, where the work said so when it started."""
    result: Mapping[str, Any]
    error: str
    """The message of a failure; empty otherwise."""
    crash: str
    """Its traceback, where the failure was not a refusal."""
    finished: float | None

    @property
    def active(self) -> bool:
        """Whether it still runs."""
        return self.state == "running"


class Report:
    """How work tells what it does. Safe to call often; writes at most every `EVERY_S`."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._stage, self._last = folder, "", 0.0

    def __call__(self, stage: str, done: int = 0, total: int = 0, note: str = "") -> None:
        """Say where the work is. Raises `Cancelled` when it should stop."""
        self.check()
        now = time.time()
        new = stage != self._stage
        if new or now - self._last >= EVERY_S or (total and done >= total):
            line = {"t": now, "stage": stage, "done": int(done), "total": int(total), "note": note}
            with (self._folder / "events.jsonl").open("a", encoding="utf-8") as events:
                events.write(json.dumps(line) + "\n")
            self._stage, self._last = stage, now

    def check(self) -> None:
        """Raise `Cancelled` when somebody pressed Cancel."""
        if (self._folder / "cancel").exists():
            raise Cancelled


def read_job(folder: Path) -> Job:
    """What a job's files say.

    Raises:
        OSError, ValueError, KeyError, TypeError: If its spec is damaged.
    """
    # asked before the result is looked for: a worker that ends in between has left one
    held = is_held(folder / "lock")
    spec, ended = read_json(folder / "spec.json"), read_json(folder / "result.json")
    state = ended.get("state") or ("running" if held else "lost")
    end = ended.get("finished") or (time.time() if held else None)
    return Job(
        id=folder.name,
        kind=str(spec["kind"]),
        title=str(spec["title"]),
        settings=spec["settings"],
        created=float(spec["created"]),
        state=state,
        steps=_steps(folder / "events.jsonl", end),
        planned=tuple(spec.get("planned", ())),
        result=ended.get("result", {}),
        error=str(ended.get("error", "")),
        crash=str(ended.get("crash", "")),
        finished=ended.get("finished"),
    )


def _steps(path: Path, end: float | None) -> tuple[Step, ...]:
    last: dict[str, dict[str, Any]] = {}
    began: dict[str, float] = {}
    for event in _events(path):
        began.setdefault(event["stage"], event["t"])
        last[event["stage"]] = event
    names, steps = list(last), []
    for name, following in zip_longest(names, names[1:]):
        until = began[following] if following else (end or last[name]["t"])
        steps.append(
            Step(
                name=name,
                done=last[name]["done"],
                total=last[name]["total"],
                note=last[name]["note"],
                seconds=max(0.0, until - began[name]),
            )
        )
    return tuple(steps)


def _events(path: Path) -> Iterator[dict[str, Any]]:
    if not path.is_file():
        return
    for line in path.read_text("utf-8").splitlines():
        # a line cut off by a kill is not read
        with contextlib.suppress(ValueError):
            yield json.loads(line)


def is_held(lock: Path) -> bool:
    """Whether the worker lives: it holds the lock until it ends, however it ends."""
    try:
        with lock.open("rb") as handle:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True


def read_json(path: Path) -> dict[str, Any]:
    """A file's JSON table; empty where there is no file."""
    if not path.is_file():
        return {}
    return json.loads(path.read_text("utf-8"))


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a file whole or not at all."""
    whole = path.with_suffix(".part")
    whole.write_text(json.dumps(value, default=str), "utf-8")
    whole.replace(path)
