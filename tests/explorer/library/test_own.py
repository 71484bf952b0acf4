"""Own paths: each is told what is wrong with it, next to its field, before a run is started."""

import pytest

from explorer.library.own import problem_of


@pytest.fixture
def place(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    (tmp_path / "coders").mkdir()
    (tmp_path / "coders" / "layer_0.safetensors").write_bytes(b"")
    (tmp_path / "task.jsonl").write_text("")
    (tmp_path / "notes.txt").write_text("")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "ref", "problem"),
    [
        ("model", "", ""),
        ("model", "model", ""),
        ("model", "nowhere", "No such folder"),
        ("model", "coders", "no config.json"),
        ("task", "task.jsonl", ""),
        ("task", "model", "No such file"),
        ("task", "notes.txt", "ends in “.txt”"),
        ("transcoders", "coders", ""),
        ("transcoders", "model", "no layer_0.safetensors"),
    ],
)
def test_a_path_is_looked_at(place, name, ref, problem):
    found = problem_of(name, f" {place / ref} " if ref else "")
    assert problem in found
    assert bool(found) == bool(problem)


@pytest.mark.parametrize(
    ("ref", "fits"),
    [("openai-community/gpt2", True), ("a/b/c", False), ("../gpt2", False), ("gpt2", False)],
)
def test_a_hub_id_is_a_model_as_well(ref, fits, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert (problem_of("model", ref) == "") is fits


def test_a_name_too_long_for_a_path_is_a_message():
    assert problem_of("model", "/" + "a" * 900) != ""
