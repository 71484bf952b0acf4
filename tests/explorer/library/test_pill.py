"""The pill: which job it tells of, how far it is, and that a title is never markup."""

from dataclasses import replace

import pytest

from explorer.jobs.files import Job, Step
from explorer.library.pill import LINGER_S, share_of, shown, words


def job(**changes) -> Job:
    step = Step(name="search", done=31, total=50, note="", seconds=1.0)
    made = Job(
        id="run-1",
        kind="run",
        title="Sums · gpt2-mini · seed 1",
        settings={"model": "models/gpt2-mini"},
        created=0.0,
        state="running",
        steps=(step,),
        planned=("prepare", "graphs", "search", "validate"),
        result={},
        error="",
        crash="",
        finished=None,
    )
    return replace(made, **changes)


def test_it_says_model_stage_and_share():
    assert words(job(), 0) == "gpt2-mini · Search 62 %"
    assert words(job(), 2) == "gpt2-mini · Search 62 % · 2 more"
    assert words(job(steps=()), 0) == "gpt2-mini · starting"


def test_stages_behind_count_whole():
    assert share_of(job()) == pytest.approx((2 + 0.62) / 4)
    assert share_of(job(steps=())) == 0.0


def test_running_ones_come_first_and_ended_ones_go_after_a_while():
    ended = job(id="run-2", state="failed", finished=100.0)
    assert shown([ended, job()], 101.0) == (job(), 0)
    assert shown([ended], 101.0) == (ended, 0)
    assert shown([ended], 101.0 + LINGER_S) is None
    assert shown([job(state="cancelled", finished=100.0)], 101.0) is None
    assert words(ended, 0) == "gpt2-mini stopped"


def test_a_title_is_never_markup():
    assert words(job(settings={"model": "**a** [b]"}), 0).startswith(r"\*\*a\*\* \[b\]")
