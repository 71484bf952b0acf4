"""Long work that outlives a page: its progress is a file, so any page, tab or reload can see it.

    JOBS/ID/spec.json       what was asked: kind, title, settings
    JOBS/ID/lock            held by whoever works on it, for as long as it lives
    JOBS/ID/events.jsonl    one line per report: stage, done, total, note, time
    JOBS/ID/cancel          somebody pressed Cancel
    JOBS/ID/result.json     how it ended: done, failed or cancelled; written whole

    1. `Jobs.start` runs a function in a process of its own: work of minutes then never holds up the
       pages of others. `Jobs.start_here` runs it on a thread, for work of seconds that shares a
       loaded model.
    2. The worker reports through `Report`, which also looks for `cancel` and raises `Cancelled`.
    3. `Jobs.read` works the state out of the files. A job without a result whose lock nobody holds
       was killed: it is `lost`, and can be started again from its spec.

The lock is taken before the worker starts and handed to it with the file descriptor, so there is no
moment in which a live job looks lost.
"""

import contextlib
import fcntl
import importlib
import os
import re
import secrets
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from core.errors import CoreError, StoreError
from explorer.jobs.files import Cancelled, Job, Report, is_held, read_job, read_json, write_json

Work = Callable[[Mapping[str, Any], "Report"], Mapping[str, Any]]

GRACE_S = 2.0
"""Time a cancelled process has to end by itself."""
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")


class Jobs:
    """All jobs of one store. Holds no state of its own beyond the folder: any number may look."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def start(
        self,
        kind: str,
        title: str,
        settings: Mapping[str, Any],
        entry: str,
        planned: tuple[str, ...] = (),
    ) -> str:
        """Run `entry` (`package.module:function`) in a process of its own; returns the job's id."""
        folder, lock = self._open(kind, title, settings, planned)
        command = [sys.executable, "-m", "explorer.jobs.jobs", str(folder), entry]
        with (folder / "log.txt").open("wb") as log:
            child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=(lock,),
                start_new_session=True,
            )  # fmt: skip
        os.close(lock)
        write_json(folder / "worker.json", {"pid": child.pid})
        # somebody has to ask for its exit status, or it stays in the process table
        threading.Thread(target=child.wait, daemon=True).start()
        return folder.name

    def start_here(
        self,
        kind: str,
        title: str,
        settings: Mapping[str, Any],
        work: Work,
        planned: tuple[str, ...] = (),
    ) -> str:
        """Run `work` on a thread of this process; returns the job's id."""
        folder, lock = self._open(kind, title, settings, planned)

        def run() -> None:
            try:
                perform(folder, work)
            finally:
                os.close(lock)

        threading.Thread(target=run, name=folder.name, daemon=True).start()
        return folder.name

    def list(self) -> tuple[Job, ...]:
        """Every job that can be read, newest first."""
        found = [self.find(path.name) for path in self._folders()]
        return tuple(sorted((job for job in found if job), key=lambda job: -job.created))

    def find(self, id: str) -> Job | None:
        """The job with this id, or None."""
        folder = self._folder / id
        if not _ID.fullmatch(id) or not (folder / "spec.json").is_file():
            return None
        try:
            return read_job(folder)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def cancel(self, id: str) -> None:
        """Ask a job to stop; a process that does not listen is ended after `GRACE_S`."""
        job = self.find(id)
        if job is None or not job.active:
            return
        folder = self._folder / id
        (folder / "cancel").touch()
        worker = read_json(folder / "worker.json")
        if worker.get("pid"):
            threading.Thread(target=_end, args=(folder, worker["pid"]), daemon=True).start()

    def forget(self, id: str) -> None:
        """Take an ended job off the list. Its results stay in the store."""
        job = self.find(id)
        if job and not job.active:
            (self._folder / id / "forgotten").touch()

    def _folders(self) -> Iterator[Path]:
        if not self._folder.is_dir():
            return
        for path in self._folder.iterdir():
            if _ID.fullmatch(path.name) and not (path / "forgotten").exists():
                yield path

    def _open(
        self, kind: str, title: str, settings: Mapping[str, Any], planned: tuple[str, ...]
    ) -> tuple[Path, int]:
        folder = self._folder / f"{kind}-{secrets.token_hex(4)}"
        try:
            folder.mkdir(parents=True, mode=0o700)
            lock = os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        except OSError as problem:
            raise StoreError(
                f"The job could not be stored.\nGot: {problem}\nThe folder {self._folder} must be "
                "writable.\nFree space there or start the app with another --store."
            ) from problem
        fcntl.flock(lock, fcntl.LOCK_EX)
        spec = {"kind": kind, "title": title, "settings": dict(settings), "created": time.time()}
        write_json(folder / "spec.json", spec | {"planned": list(planned)})
        return folder, lock


def perform(folder: Path, work: Work) -> None:
    """Do the work of one job folder and write how it ended. Never raises."""
    try:
        ended: dict[str, Any] = {
            "state": "done",
            "result": dict(work(_settings(folder), Report(folder))),
        }
    except Cancelled:
        ended = {"state": "cancelled"}
    except CoreError as problem:
        ended = {"state": "failed", "error": str(problem), "kind": type(problem).__name__}
    except Exception as problem:
        crash = "".join(traceback.format_exception(problem))[-8000:]
        ended = {"state": "failed", "error": f"{type(problem).__name__}: {problem}", "crash": crash}
    write_json(folder / "result.json", ended | {"finished": time.time()})


def _settings(folder: Path) -> Mapping[str, Any]:
    return read_json(folder / "spec.json").get("settings", {})


def _end(folder: Path, pid: int) -> None:
    """Wait for a cancelled worker, then end its process group, but only while it is the worker."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + GRACE_S
        while time.monotonic() < deadline:
            if not is_held(folder / "lock"):
                break
            time.sleep(0.05)
        if not is_held(folder / "lock"):
            break
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, sign)
    if not (folder / "result.json").exists():
        write_json(folder / "result.json", {"state": "cancelled", "finished": time.time()})


def main(arguments: list[str]) -> None:
    """The worker process: `python -m explorer.jobs.jobs FOLDER package.module:function`."""
    folder, entry = Path(arguments[0]), arguments[1]
    module, _, name = entry.partition(":")

    def work(settings: Mapping[str, Any], report: Report) -> Mapping[str, Any]:
        return getattr(importlib.import_module(module), name)(settings, report)

    def stop(*_: Any) -> None:
        raise Cancelled

    signal.signal(signal.SIGTERM, stop)
    perform(folder, work)


if __name__ == "__main__":
    main(sys.argv[1:])
