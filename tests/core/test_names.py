"""Names made from what was typed: by hand."""

import json
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


@pytest.mark.parametrize(
    ("first", "title"),
    [
        ({"title": "Who was  given\u0000\nit "}, "Who was given it"),
        ({"name": "<b>Colours</b>"}, "<b>Colours</b>"),
        ({"title": "One", "name": "two"}, "One"),
        ({"title": 5, "name": " "}, "blue sky"),
        ({"title": "\u202egnis"}, "gnis"),
        ({"title": "x" * 200}, "x" * 80),
        (["title"], "blue sky"),
        ("not json", "blue sky"),
    ],
)
def test_a_task_is_called_what_its_file_calls_it(tmp_path: Path, first: object, title: str) -> None:
    path = tmp_path / "blue-sky.jsonl"
    line = first if isinstance(first, str) else json.dumps(first)
    path.write_text(line + '\n{"title": "later"}\n', "utf-8")
    assert task_title(path) == title
    assert task_name(path) == "blue-sky"  # what commands and addresses use


def test_a_task_whose_file_is_gone_or_no_text_is_called_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "odd.jsonl").write_bytes(b"\xff\xfe{}")
    (tmp_path / "folder.jsonl").mkdir()
    assert task_title(tmp_path / "gone.jsonl") == "gone"
    assert task_title(tmp_path / "odd.jsonl") == "odd"
    assert task_title(tmp_path / "folder.jsonl") == "folder"


def test_a_slug_has_nothing_that_means_something_in_a_path() -> None:
    assert slug("../a b/ç.json") == "a-b-json"
    assert slug("…") == "unnamed"


def test_a_hub_id_is_an_owner_and_a_name() -> None:
    assert is_hub_id("openai-community/gpt2")
    for other in ("gpt2", "/gpt2", "./gpt2", "a/b/c", "a/", "../up/one"):
        assert not is_hub_id(other)
