"""`hagd train`: a folder that loads, a report on unseen prompts, and refusals before any work."""

from pathlib import Path

import pytest

from core.models import load_model
from core.transcoders import load_heads, load_transcoders
from tests.core.cli.conftest import Hagd

BASE = ("train", "--model", "gpt2-modadd", "--task", "modular-addition", "--features", 32)


@pytest.mark.parametrize("kind", ["topk", "nested", "clt"])
def test_writes_transcoders_that_load_and_reports_them(
    hagd: Hagd, tmp_path: Path, kind: str
) -> None:
    out = tmp_path / "coders"
    ran = hagd(*BASE, "--kind", kind, "--k", 4, "--steps", 20, "--out", out, "--json")
    assert ran.code == 0, ran.err
    made = load_transcoders(out, load_model("gpt2-modadd"))
    assert (made.kind, made.key) == (kind, ran.json["key"])
    layers = ran.json["quality"]["layers"]
    assert len(layers) == 2
    assert all(0 <= layer["dead_share"] <= 1 for layer in layers)
    assert "training" in ran.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--k", 64], "training setting `features`"),
        (["--steps", 0], "`steps` is 0"),
        (["--kind", "dense"], "Invalid value for '--kind'"),
    ],
)
def test_bad_settings_are_refused(
    hagd: Hagd, tmp_path: Path, words: list[object], message: str
) -> None:
    assert message in hagd(*BASE, "--out", tmp_path / "x", *words).refused()
    assert not (tmp_path / "x").exists()


def test_folder_of_other_things_is_refused(hagd: Hagd, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("x")
    assert "holds other files" in hagd(*BASE, "--out", tmp_path).refused()
    assert "is a file" in hagd(*BASE, "--out", tmp_path / "thesis.txt").refused()


def test_bad_task_lines_are_all_listed(hagd: Hagd, tmp_path: Path) -> None:
    task = tmp_path / "task.jsonl"
    good = '{"clean": "<bos> 1 + 2 =", "corrupt": "<bos> 1 + 3 =", "answer": "3", "wrong": "4"}'
    bad = '{"clean": "<bos> 1 + 2 =", "corrupt": "<bos> 1", "answer": "3", "wrong": "4"}'
    task.write_text("\n".join([good, bad, good, "{"]))
    ran = hagd("train", "--model", "gpt2-modadd", "--task", task, "--out", tmp_path / "x")
    assert (ran.code, ran.out) == (2, "")
    assert "Traceback" not in ran.err


def test_prediction_heads_are_kept_and_go_with_the_dictionary_they_belong_to(
    hagd: Hagd, tmp_path: Path
) -> None:
    out = tmp_path / "coders"
    words = (*BASE, "--k", 4, "--steps", 10, "--out", out, "--json")
    assert hagd(*words, "--prediction", 0.1).json["prediction_heads"] == 1
    (head,) = load_heads(out)
    assert head.shape[0] == 32
    assert hagd(*words).json["prediction_heads"] == 0
    assert load_heads(out) == ()
