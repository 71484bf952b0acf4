"""What ships is whole: circuits open with all their parts, README links lead somewhere."""

import re
from functools import cache
from pathlib import Path

import pytest

from core.assets import CIRCUITS
from core.bundle import list_bundles, open_bundle
from core.lab import Lab, LabSettings
from core.predictions import intact
from core.tasks import load_task
from core.zoo.circuits import RECIPES

ROOT = Path(__file__).resolve().parents[1]


read_once = cache(load_task)
"""Ten circuits and more are of one task, and reading it takes as long as opening the circuit."""


def test_every_circuit_has_its_recipe():
    assert {info.name for info in list_bundles(CIRCUITS)} == set(RECIPES)
    assert not [info.error for info in list_bundles(CIRCUITS) if info.error]


@pytest.mark.parametrize("name", RECIPES)
def test_a_bundled_circuit_opens_with_all_its_parts(name, monkeypatch):
    monkeypatch.setattr("core.lab.workspace.load_task", read_once)
    bundle = open_bundle(CIRCUITS / name)
    assert not bundle.missing
    lab = Lab(bundle)
    effect = lab.across_task((), LabSettings())
    published = bundle.validation["faithfulness"]
    if published is not None:
        assert effect.faithfulness_circuit == pytest.approx(published, abs=1e-3)


@pytest.mark.parametrize(
    "name", [name for name, recipe in RECIPES.items() if recipe.null != "none"]
)
def test_a_null_does_not_validate(name):
    """Without a behaviour there is nothing to explain; a random circuit for a real one fails."""
    found = open_bundle(CIRCUITS / name).validation
    shuffled = RECIPES[name].null == "shuffled-features"
    assert found["verdict"] == ("does_not_hold" if shuffled else "rejected")


def test_a_null_that_passes_the_gate_is_stopped_by_what_is_measured_of_it():
    """Not by accuracy: by a span that is too small, or by random circuits that do as well."""
    still = open_bundle(CIRCUITS / "null-same-answer-gpt2").validation
    assert still["model_accuracy"] >= still["gate"]
    assert still["failed"]["model"] == ["span"]
    assert still["faithfulness"] is None
    random = open_bundle(CIRCUITS / "null-shuffled-gpt2").validation
    assert random["model_accuracy"] >= random["gate"]
    assert random["failed"]["model"] == []
    assert {"faithfulness", "random"} <= set(random["failed"]["resample"])
    assert random["random"]["p_value"] > 0.05


def test_every_predicted_record_is_as_it_was_registered_before_the_test():
    found = {name: open_bundle(CIRCUITS / name).validation.get("predictions") for name in RECIPES}
    records = {name: record for name, record in found.items() if record and "scores" in record}
    assert len(records) > len(RECIPES) // 2
    assert [name for name, record in records.items() if not intact(record)] == []
    one = next(iter(records.values()))
    raised = {how: {"graph": [x + 0.1 for x in by["graph"]]} for how, by in one["expected"].items()}
    assert not intact(one | {"expected": raised})


@pytest.mark.parametrize("name", ["modular-addition-gpt2", "modular-addition-llama"])
def test_modular_addition_reaches_its_goal_strictly(name):
    validation = open_bundle(CIRCUITS / name).validation
    blocks = [validation, validation["other_regimes"][0]]
    assert [block["ablation"] for block in blocks] == ["resample", "mean"]
    for block in blocks:
        assert block["error_regime"] == "ablated"
        assert block["n_nodes"] <= 347
        assert block["faithfulness"] >= 0.97
        assert block["phi"] >= 0.97
        assert block["random"]["p_value"] < 0.01


def test_readme_links_lead_somewhere():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    assert links
    assert not [link for link in links if not (ROOT / link).exists()]
