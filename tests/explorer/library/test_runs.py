"""What the library says of a run."""

from dataclasses import replace

import pytest

from core.bundle import BundleInfo
from core.pipeline.progress import STAGES
from explorer.jobs.files import Job, Step
from explorer.library import stages
from explorer.library.duration import expected, has_dictionary

OWN = {"model": "/m/big", "task": "/t/task.jsonl", "transcoders": None, "attention": "live"}


def done(seconds: float, training: float = 0.0, **settings) -> Job:
    step = Step(name="transcoders", done=1, total=1, note="", seconds=training or 0.2)
    return Job(
        id="run-1",
        kind="run",
        title="",
        settings=OWN | settings,
        created=100.0,
        state="done",
        steps=(step,),
        planned=(),
        result={"trained": bool(training)},
        error="",
        crash="",
        finished=100.0 + seconds,
    )


def test_every_stage_has_its_name_for_people_in_the_order_of_a_run():
    assert tuple(stages.STAGES) == STAGES


def test_a_run_is_timed_by_runs_of_its_own_model():
    jobs = [done(30, model="gpt2-modadd"), done(394, training=300), done(96)]
    assert expected(OWN, jobs, True) == pytest.approx(95)  # with the training left out
    assert expected(OWN, jobs, False) == pytest.approx(394)
    assert expected(OWN | {"model": "/m/other"}, jobs, True) is None
    assert expected(OWN, [done(96)], False) is None  # it says nothing of training


def test_runs_of_the_same_task_and_with_heads_alike_come_first():
    jobs = [done(40, task="/t/long.jsonl"), done(90, attention="circuit"), done(50)]
    assert expected(OWN, jobs, True) == 50
    assert expected(OWN | {"attention": "circuit"}, jobs, True) == 90
    assert expected(OWN | {"task": "/t/new.jsonl"}, jobs, True) == 45


def test_a_dictionary_is_there_where_it_is_bundled_given_or_kept():
    assert not has_dictionary(OWN, [done(30, model="gpt2-modadd")])
    assert has_dictionary(OWN, [done(30)])
    assert has_dictionary(OWN | {"transcoders": "/c"}, [])
    assert has_dictionary(OWN | {"model": "gpt2-modadd"}, [])
    assert not has_dictionary(OWN | {"seed": 1}, [done(30, seed=0)])  # the seed trains another


def test_a_dictionary_that_the_command_line_trained_is_there(tmp_path):
    kept = tmp_path / "store" / "transcoders"
    (kept / "m-1").mkdir(parents=True)
    wanted = {"model": str(tmp_path / "m"), "task": str(tmp_path / "task.jsonl")}
    refs = {"model": "../../../m", "task": "../../../task.jsonl"}
    record = {part: {"ref": ref} for part, ref in refs.items()}
    record |= {"transcoders": {"ref": "../../transcoders/m-1"}, "settings": {"seed": 0}}
    path = tmp_path / "store" / "results" / "x"
    infos = [BundleInfo(path=path, name="x", provenance=record)]
    assert has_dictionary(OWN | wanted, [], infos, kept)
    assert not has_dictionary(OWN | wanted | {"seed": 1}, [], infos, kept)
    assert not has_dictionary(OWN | wanted | {"task": "/other"}, [], infos, kept)
    assert not has_dictionary(OWN | wanted, [], [replace(infos[0], provenance={})], kept)
    (kept / "m-1").rmdir()
    assert not has_dictionary(OWN | wanted, [], infos, kept)
