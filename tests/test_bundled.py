"""What ships is whole: circuits open with all their parts, README links lead somewhere."""

import re
from pathlib import Path

import pytest

from core.assets import CIRCUITS
from core.bundle import list_bundles, open_bundle
from core.lab import Lab, LabSettings
from core.pipeline.bundled import RECIPES

ROOT = Path(__file__).resolve().parents[1]


def test_every_recipe_has_its_circuit():
    assert {info.name for info in list_bundles(CIRCUITS)} == set(RECIPES)
    assert not [info.error for info in list_bundles(CIRCUITS) if info.error]


@pytest.mark.parametrize("name", RECIPES)
def test_a_bundled_circuit_opens_with_all_its_parts(name):
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
def test_a_null_is_rejected(name):
    assert open_bundle(CIRCUITS / name).validation["verdict"] == "rejected"


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
