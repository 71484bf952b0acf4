"""Names made from what was typed: by hand."""

from pathlib import Path

import pytest

from core.names import is_hub_id, slug, task_name, task_title


@pytest.mark.parametrize(
    ("ref", "name"),
    [
        ("modular-addition", "modular-addition"),
        ("/home/me/colours.jsonl", "colours"),
        ("/home/me/blue-sky/task.jsonl", "blue-sky"),
        ("/home/me/ioi/Prompts.csv", "ioi"),
        ("/task.jsonl", "task"),
    ],
)
def test_a_task_is_called_by_its_file_or_its_folder(ref: str, name: str) -> None:
    assert task_name(ref) == name


def test_a_file_here_is_called_by_the_folder_it_is_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "blue_sky").mkdir()
    monkeypatch.chdir(tmp_path / "blue_sky")
    assert (task_name("task.jsonl"), task_title("task.jsonl")) == ("blue_sky", "blue sky")


def test_a_slug_has_nothing_that_means_something_in_a_path() -> None:
    assert slug("../a b/ç.json") == "a-b-json"
    assert slug("…") == "unnamed"


def test_a_hub_id_is_an_owner_and_a_name() -> None:
    assert is_hub_id("openai-community/gpt2")
    for other in ("gpt2", "/gpt2", "./gpt2", "a/b/c", "a/", "../up/one"):
        assert not is_hub_id(other)
