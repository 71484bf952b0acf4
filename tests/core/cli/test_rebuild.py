"""`hagd rebuild`: says what is there, makes what is missing, each after what it needs."""

from pathlib import Path

import pytest

from core.cli import rebuild
from core.errors import GateError
from tests.core.cli.conftest import Hagd


def test_everything_bundled_is_on_the_list(hagd: Hagd) -> None:
    rows = hagd("rebuild", "--list", "--json").json
    assert {row["state"] for row in rows if row["step"] in ("tasks", "nulls")} == {"there"}
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
        return rebuild.Piece(step, name, (sign,), lambda: sign.write_text("made"))

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


def test_what_fails_is_told_and_costs_only_what_is_made_from_it(
    hagd: Hagd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails() -> None:
        raise GateError("below its gate")

    model, other = tmp_path / "bad" / "card.json", tmp_path / "other"
    all_ = [
        rebuild.Piece(rebuild.Step.MODELS, "bad", (model,), fails),
        rebuild.Piece(rebuild.Step.TRANSCODERS, "bad/nested", (tmp_path / "no",), fails, model),
        rebuild.Piece(rebuild.Step.MODELS, "other", (other,), other.touch),
    ]
    monkeypatch.setattr(rebuild, "pieces", lambda: iter(all_))
    ran = hagd("rebuild", "--json")
    states = ["failed", "not made: bad is missing", "made"]
    assert ([row["state"] for row in ran.json], ran.code) == (states, 1)
    assert "below its gate" in ran.err
    found = hagd("rebuild", "--list", "--match", "bad", "--json").json
    assert [row["name"] for row in found] == ["bad", "bad/nested"]


def test_everything_that_can_be_rebuilt_is_bundled(hagd: Hagd) -> None:
    rows = hagd("rebuild", "--list", "--json").json
    assert [row["name"] for row in rows if row["state"] != "there"] == []


@pytest.mark.parametrize("gone", ["sorting.jsonl", "sorting.json"])
def test_a_task_without_one_of_its_files_is_made_again(
    hagd: Hagd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gone: str
) -> None:
    monkeypatch.setattr("core.assets.TASKS", tmp_path)
    ask = ("rebuild", "--only", "tasks", "--match", "sorting", "--json")
    assert [row["state"] for row in hagd(*ask).json] == ["made"]
    whole = (tmp_path / gone).read_bytes()
    (tmp_path / gone).unlink()
    assert [row["state"] for row in hagd(*ask).json] == ["made"]
    assert (tmp_path / gone).read_bytes() == whole
    assert [row["state"] for row in hagd(*ask).json] == ["there"]


def test_an_unknown_step_is_refused(hagd: Hagd) -> None:
    assert "Invalid value for '--only'" in hagd("rebuild", "--only", "everything").refused()
