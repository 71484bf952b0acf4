"""`hagd transfer` on the bundled circuits."""

import json
from collections.abc import Iterator
from functools import cache

import pytest

from core.assets import CIRCUITS
from core.transfer import open_subject
from tests.core.cli.conftest import Hagd

GPT2 = "modular-addition-gpt2"


@pytest.fixture(autouse=True, scope="module")
def opened_once() -> Iterator[None]:
    """A circuit is opened once for all tests: reading its prompts takes longer than the rest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("core.transfer.open_subject", cache(open_subject))
        yield


def test_scores_stand_beside_null_and_no_ceiling_without_a_twin(hagd: Hagd, tmp_path):
    out = tmp_path / "transfer.json"
    ran = hagd("transfer", GPT2, f"{GPT2}-topk", "--out", out, "--json")
    assert ran.code == 0, ran.err
    report = ran.json
    assert json.loads(out.read_text()) == report
    assert set(report["scores"]) == {"edges", "transport", "functional", "roles"}
    for score in report["scores"].values():
        assert 0 < score["p"] <= 1
        assert score["ceiling"] is None
    assert report["matched"][0].keys() == {"one", "two", "r"}
    shown = hagd("transfer", GPT2, f"{GPT2}-topk")
    said = " ".join(shown.out.split())
    assert report["verdict"] in said
    assert report["verdict"].startswith(f"Carried into {GPT2}-topk, the circuit keeps ")
    assert "No ceiling" in shown.out
    assert "normalised" in shown.out


def test_circuits_of_two_tasks_are_refused(hagd: Hagd):
    assert "share no prompts" in hagd("transfer", GPT2, "coreference-gpt2").refused()


@pytest.mark.parametrize(
    ("twin", "why"),
    [
        ("modular-addition-llama", "has another architecture"),
        (GPT2, "has the same weights and the same dictionary"),
        (f"{GPT2}-topk", "has a dictionary of kind topk instead of nested"),
        ("null-shuffled-gpt2", r"is a null (shuffled-features)"),
    ],
)
def test_what_is_no_twin_is_refused_as_a_ceiling(hagd: Hagd, twin, why):
    places = [CIRCUITS / name for name in (GPT2, "modular-addition-neox", twin)]
    said = hagd("transfer", *places[:2], "--twin", places[2]).refused()
    assert f"{twin} is no ceiling: beside {GPT2}, it {why}" in said


def test_a_circuit_without_a_margin_of_its_own_is_said(hagd: Hagd):
    shown = hagd("transfer", GPT2, "null-untrained-gpt2")
    assert shown.code == 0, shown.err
    assert "null-untrained-gpt2's own F cannot be measured" in shown.out
    assert shown.err == ""
