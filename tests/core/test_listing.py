"""What a bundle's head alone tells: whether it is a null run, and what its task is called."""

from pathlib import Path

import pytest

from core.bundle import BundleInfo, null_of


def head(task: str = "", verdict: str = "holds", null: str | None = None) -> BundleInfo:
    record = {"settings": {"null": null}}
    return BundleInfo(path=Path("/r/b"), name="b", task=task, verdict=verdict, provenance=record)


@pytest.mark.parametrize("record", [{}, {"settings": None}, {"settings": {"null": ""}}])
def test_who_says_nothing_of_nulls_is_none(record):
    assert null_of(record) == "none"


def test_a_null_is_one_by_its_settings_or_because_it_was_refused_as_one():
    assert not head().is_null
    assert not head(null="none", verdict="does_not_hold").is_null
    assert head(null="untrained").is_null
    assert head(verdict="rejected").is_null


def test_a_task_is_called_by_its_name_its_file_or_its_folder():
    assert head("modular-addition").task_title == "modular addition"
    assert head("../blue-sky.jsonl").task_title == "blue sky"
    assert head("../colours/task.jsonl").task_title == "colours"


def test_a_task_that_leads_out_of_the_assets_has_a_title_all_the_same():
    assert head("assets/../../blue-sky.jsonl").task_title == "blue sky"
