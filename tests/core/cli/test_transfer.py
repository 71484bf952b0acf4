"""`hagd transfer` on the bundled circuits."""

import json

import pytest

from tests.core.cli.conftest import Hagd

GPT2 = "modular-addition-gpt2"


def test_scores_stand_beside_null_and_ceiling(hagd: Hagd, tmp_path):
    out = tmp_path / "transfer.json"
    ran = hagd("transfer", GPT2, f"{GPT2}-topk", "--twin", f"{GPT2}-topk", "--out", out, "--json")
    assert ran.code == 0, ran.err
    report = ran.json
    assert json.loads(out.read_text()) == report
    assert set(report["scores"]) == {"edges", "transport", "functional", "roles"}
    for score in report["scores"].values():
        assert 0 < score["p"] <= 1
        assert score["ceiling"] == pytest.approx(score["value"])  # the twin is the other circuit
    assert report["matched"][0].keys() == {"one", "two", "r"}
    shown = hagd("transfer", GPT2, f"{GPT2}-topk")
    assert "No ceiling" in shown.out
    assert "normalised" in shown.out


def test_circuits_of_two_tasks_are_refused(hagd: Hagd):
    assert "share no prompts" in hagd("transfer", GPT2, "coreference-gpt2").refused()


def test_a_twin_of_a_third_model_is_refused(hagd: Hagd):
    said = hagd("transfer", GPT2, GPT2, "--twin", "modular-addition-llama").refused()
    assert "another seed of" in said
