"""A section that fails is told, and nothing else is lost; refusals and cancelling go through."""

import pytest

from core.cli.findings import section_lines
from core.errors import TaskError
from core.pipeline.judging.sections import measured
from core.pipeline.progress import RunProgress, ignore
from tests.tiny import tiny_model

SLIM = tiny_model("gpt2")
STEP = RunProgress(stage="validate", done=1, total=2)


@pytest.fixture(autouse=True, params=[1, 2])
def threads(request, monkeypatch):
    """One section after another, and two at once."""
    monkeypatch.setattr("core.models.threads.side_by_side", lambda _model: request.param)


def whole(progress):
    progress(STEP)
    return {"sentence": "It is so."}


def failing(progress):
    raise IndexError("no such row\nof many")


def test_a_section_that_fails_loses_only_itself():
    steps = []
    found = measured({"shi": whole, "fourier": failing, "circularity": whole}, steps.append, SLIM)
    assert list(found) == ["shi", "fourier", "circularity"]
    assert found["shi"] == found["circularity"] == {"sentence": "It is so."}
    failed = found["fourier"]["failed"]
    assert failed.startswith("IndexError: no such row (test_sections.py, line ")
    assert [s.note for s in steps if s.note] == [f"section fourier failed: {failed}"]
    said = section_lines(found)
    assert said.count("It is so.") == 2
    assert f"Section fourier could not be measured: {failed}" in said


def test_a_failure_of_the_dark_matter_is_said_too():
    found = measured({"dark_matter": failing}, ignore, SLIM)
    assert section_lines(found) == [
        f"Section dark_matter could not be measured: {found['dark_matter']['failed']}"
    ]


def test_a_refusal_goes_through():
    def refusing(progress):
        raise TaskError("No.")

    with pytest.raises(TaskError):
        measured({"shi": refusing}, ignore, SLIM)


class Cancelled(Exception):
    """As a job raises it."""


def test_cancelling_goes_through():
    def stop(step):
        raise Cancelled

    with pytest.raises(Cancelled):
        measured({"shi": whole, "fourier": whole}, stop, SLIM)
