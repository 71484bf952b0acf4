"""Jobs: progress on disk, cancel, failures as messages, and a killed worker is seen as lost."""

import json
import os
import signal
import time

import pytest

from explorer.jobs import jobs
from explorer.jobs.jobs import Jobs
from tests.explorer import work

HERE = "tests.explorer.work"


def _until(desk: Jobs, id: str, wanted, limit: float = 20.0):
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        job = desk.find(id)
        if job and wanted(job):
            return job
        time.sleep(0.02)
    pytest.fail(f"{id} did not get there: {desk.find(id)}")


def _ended(job) -> bool:
    return not job.active


@pytest.fixture
def desk(tmp_path) -> Jobs:
    return Jobs(tmp_path / "jobs")


def test_a_process_reports_and_leaves_its_result(desk):
    id = desk.start("count", "Count to 5", {"to": 5}, f"{HERE}:count", planned=("Count", "Rest"))
    job = _until(desk, id, _ended)
    assert (job.state, job.result, job.title) == ("done", {"sum": 10}, "Count to 5")
    assert [(step.name, step.done, step.total) for step in job.steps] == [
        ("Count", 5, 5),
        ("Rest", 0, 0),
    ]
    assert job.planned == ("Count", "Rest")


def test_another_desk_on_the_same_folder_sees_the_same_jobs(desk, tmp_path):
    first = desk.start_here("count", "a", {"to": 2}, work.count)
    _until(desk, first, _ended)
    second = desk.start_here("count", "b", {"to": 2}, work.count)
    _until(desk, second, _ended)
    assert [job.id for job in Jobs(tmp_path / "jobs").list()] == [second, first]
    desk.forget(first)
    assert [job.id for job in Jobs(tmp_path / "jobs").list()] == [second]


@pytest.mark.parametrize("how", ["start", "start_here"])
def test_a_refusal_is_kept_as_worded(desk, how):
    entry = f"{HERE}:refuse" if how == "start" else work.refuse
    id = getattr(desk, how)("run", "r", {}, entry)
    job = _until(desk, id, _ended)
    assert (job.state, job.error, job.crash) == (
        "failed",
        "Held-out accuracy 0.91.\nThe gate is 0.95.",
        "",
    )


def test_a_crash_keeps_its_traceback_for_the_details(desk):
    job = _until(desk, desk.start_here("run", "r", {}, work.crash), _ended)
    assert job.error == "ZeroDivisionError: by hand"
    assert "work.py" in job.crash


def test_cancel_stops_a_thread_at_its_next_report(desk):
    id = desk.start_here("run", "r", {}, work.wait)
    _until(desk, id, lambda job: job.steps)
    desk.cancel(id)
    assert _until(desk, id, _ended, limit=2).state == "cancelled"


def test_cancel_ends_a_process_that_does_not_listen(desk, monkeypatch):
    monkeypatch.setattr(jobs, "GRACE_S", 0.2)
    id = desk.start("run", "r", {}, f"{HERE}:deaf")
    _until(desk, id, lambda job: job.steps)
    desk.cancel(id)
    assert _until(desk, id, _ended, limit=5).state == "cancelled"


def test_a_killed_worker_is_lost_and_never_runs_for_ever(desk, tmp_path):
    id = desk.start("run", "r", {}, f"{HERE}:deaf")
    _until(desk, id, lambda job: job.steps)
    worker = json.loads((tmp_path / "jobs" / id / "worker.json").read_text())
    os.killpg(worker["pid"], signal.SIGKILL)
    assert _until(desk, id, _ended, limit=5).state == "lost"


def test_a_line_cut_off_by_a_kill_is_skipped(desk, tmp_path):
    id = desk.start_here("count", "c", {"to": 2}, work.count)
    _until(desk, id, _ended)
    with (tmp_path / "jobs" / id / "events.jsonl").open("a") as events:
        events.write('{"t": 1, "sta')
    assert [step.name for step in desk.find(id).steps] == ["Count", "Rest"]


@pytest.mark.parametrize("id", ["../jobs", "", "a/b", "UPPER", "none-00000000"])
def test_an_id_from_a_link_cannot_leave_the_folder(desk, id):
    assert desk.find(id) is None
    desk.cancel(id)


def test_a_damaged_spec_is_left_out_of_the_list(desk, tmp_path):
    id = desk.start_here("count", "c", {"to": 1}, work.count)
    _until(desk, id, _ended)
    (tmp_path / "jobs" / id / "spec.json").write_text("{")
    assert desk.find(id) is None
    assert desk.list() == ()


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(jobs.StoreError, match="must be writable"):
        Jobs(tmp_path / "file").start_here("run", "r", {}, work.count)
