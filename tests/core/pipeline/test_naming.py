"""Names of results, and which earlier one a result may replace."""

import json
from pathlib import Path

import pytest

from core.bundle.files import PROVENANCE
from core.circuit import Attention
from core.errors import FormatError
from core.pipeline.naming import check_own, free_folder, replaced, request_of, result_name
from core.pipeline.settings import RunSettings

USUAL = RunSettings()
HEADS = RunSettings(attention=Attention.CIRCUIT)


@pytest.mark.parametrize(
    ("settings", "coders", "name"),
    [
        (USUAL, "nested", "colours-gpt2"),
        (USUAL, "topk", "colours-gpt2-topk"),
        (USUAL, "my/own coders", "colours-gpt2-own-coders"),
        (HEADS, "nested", "colours-gpt2-heads"),
        (RunSettings(guide="gnn", seed=3), "neurons", "colours-gpt2-neurons-gnn-seed3"),
        (RunSettings(null="untrained", size=40), "nested", "colours-gpt2-untrained-size40"),
        (RunSettings(max_size=50), "nested", "colours-gpt2-max50"),
        (RunSettings(draws=200), "nested", "colours-gpt2"),
    ],
)
def test_a_name_says_what_is_not_as_usual(settings, coders, name):
    assert result_name("colours/task.jsonl", "openai-community/gpt2", coders, settings) == name


def made(folder: Path, settings: RunSettings, **keys: str) -> Path:
    """A folder whose provenance says what a result is of."""
    folder.mkdir(parents=True)
    parts = {"model": "m", "task": "t", "transcoders": "c"} | keys
    record = {name: {"ref": f"x/{name}", "key": key} for name, key in parts.items()}
    settings_ = request_of("m", "t", settings).settings
    (folder / PROVENANCE).write_text(json.dumps(record | {"settings": settings_}))
    return folder


def test_the_same_request_takes_its_own_place_and_another_gets_a_number(tmp_path):
    usual = request_of("m", "t", USUAL, "c")
    assert free_folder(tmp_path, "x", usual).name == "x"
    made(tmp_path / "x", USUAL)
    assert free_folder(tmp_path, "x", usual).name == "x"
    for other in (
        request_of("m", "t", HEADS, "c"),
        request_of("m", "t", RunSettings(guide="gnn"), "c"),
        request_of("m", "another", USUAL, "c"),
        request_of("another", "t", USUAL, "c"),
        request_of("m", "t", USUAL, "another"),
    ):
        assert free_folder(tmp_path, "x", other).name == "x-2"
    made(tmp_path / "x-2", HEADS)
    assert free_folder(tmp_path, "x", request_of("m", "t", HEADS, "c")).name == "x-2"
    assert free_folder(tmp_path, "x", request_of("m", "t", HEADS, "d")).name == "x-3"


def test_what_takes_anothers_place_says_when_that_was_made(tmp_path):
    assert replaced(tmp_path / "x") == ""
    file = made(tmp_path / "x", USUAL) / PROVENANCE
    file.write_text(json.dumps(json.loads(file.read_text()) | {"created": "2026-03-04T05:06:07Z"}))
    assert replaced(tmp_path / "x") == (
        "x replaces the result of 2026-03-04 05:06 UTC: same question."
    )


def test_what_is_damaged_or_bundled_is_never_replaced(tmp_path):
    (tmp_path / "x").mkdir()
    assert free_folder(tmp_path, "x", request_of("m", "t", USUAL, "c")).name == "x-2"
    (tmp_path / "x" / PROVENANCE).write_text("[1]")
    assert free_folder(tmp_path, "x", request_of("m", "t", USUAL, "c")).name == "x-2"
    bundled = free_folder(tmp_path, "modular-addition-gpt2", request_of("m", "t", USUAL, "c"))
    assert bundled.name == "modular-addition-gpt2-2"


def test_a_folder_with_another_result_is_refused_and_told_of(tmp_path):
    usual = request_of("m", "t", USUAL)
    check_own(tmp_path / "new", usual)
    folder = made(tmp_path / "x", USUAL)
    check_own(folder, usual)
    check_own(folder, usual._replace(transcoders="c"))
    with pytest.raises(
        FormatError, match="another result .task, model, transcoders, attention liv"
    ):
        check_own(folder, usual._replace(transcoders="d"))
    with pytest.raises(FormatError, match="with --out, or replace this one with --force"):
        check_own(folder, request_of("m", "t", HEADS))
