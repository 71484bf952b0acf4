"""`hagd rebuild`: says what is there, makes what is missing, each after what it needs."""

from pathlib import Path

import pytest

from core.cli import rebuild
from tests.core.cli.conftest import Hagd


def test_everything_bundled_is_on_the_list_and_there(hagd: Hagd) -> None:
    rows = hagd("rebuild", "--list", "--json").json
    assert {row["state"] for row in rows} == {"there"}
    steps = [row["step"] for row in rows]
    assert list(dict.fromkeys(steps)) == [step.value for step in rebuild.Step]
    names = {(row["step"], row["name"]) for row in rows}
    assert {("tasks", "coreference"), ("models", "gpt2-modadd")} <= names
    assert {("transcoders", "llama-modadd/topk"), ("nulls", "null-shuffled-gpt2")} <= names


def test_only_what_is_missing_is_made_and_only_of_the_steps_asked_for(
    hagd: Hagd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def piece(step: rebuild.Step, name: str) -> rebuild.Piece:
        sign = tmp_path / name
        return rebuild.Piece(step, name, sign, lambda: sign.write_text("made"))

    all_ = [piece(step, step.value) for step in rebuild.Step]
    monkeypatch.setattr(rebuild, "pieces", lambda: iter(all_))
    (tmp_path / "models").write_text("old")
    words = ("rebuild", "--only", "models", "--only", "nulls", "--json")
    assert [row["state"] for row in hagd(*words, "--list").json] == ["there", "missing"]
    ran = hagd(*words)
    assert [(row["name"], row["state"]) for row in ran.json] == [
        ("models", "there"), ("nulls", "made")
    ]  # fmt: skip
    assert "making nulls nulls" in ran.err
    assert (tmp_path / "models").read_text() == "old"
    assert not (tmp_path / "circuits").exists()
    assert [row["state"] for row in hagd(*words).json] == ["there", "there"]


def test_an_unknown_step_is_refused(hagd: Hagd) -> None:
    assert "Invalid value for '--only'" in hagd("rebuild", "--only", "everything").refused()
