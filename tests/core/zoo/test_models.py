"""Bundled models: what their cards say is what they do."""

import json
from functools import cache

import pytest
import torch

from core.assets import MODELS
from core.interventions.sites import pca_rank, scan_sites
from core.models import bundled_models, load_model
from core.tasks import Split, encode_pairs, load_task
from core.zoo.card import measure
from core.zoo.catalogue import MEMBERS

THERE = [name for name in MEMBERS if (MODELS / name / "card.json").is_file()]
read_once = cache(load_task)
"""Six models do one task, and reading it takes as long as running one of them."""


def test_every_model_that_is_there_is_in_the_catalogue_and_every_small_one_is_there() -> None:
    assert sorted(THERE) == sorted(bundled_models())
    assert {name for name, member in MEMBERS.items() if member.size == "small"} <= set(THERE)


@pytest.mark.parametrize("name", THERE)
def test_card_holds_and_passes_the_gate(name: str) -> None:
    card = json.loads((MODELS / name / "card.json").read_text(encoding="utf-8"))
    model, task = load_model(name), read_once(card["task"])
    assert model.key == card["key"]
    for split in (Split.TEST, Split.OOD):
        measured = measure(model, encode_pairs(task.of(split), model.tokenizer)[0])
        stated = card["behaviour"][split]
        assert measured.accuracy == pytest.approx(stated["accuracy"], abs=1e-3)
        assert measured.logit_difference == pytest.approx(stated["logit_difference"], abs=1e-2)
    assert card["behaviour"][Split.TEST]["accuracy"] >= task.gate


def test_site_scan_agrees_with_the_card_on_a_few_prompts() -> None:
    card = json.loads((MODELS / "llama-modadd" / "card.json").read_text(encoding="utf-8"))
    model, task = load_model("llama-modadd"), load_task("modular-addition")
    (fit,) = encode_pairs(task.of(Split.FEATURES)[:200], model.tokenizer)
    (judge,) = encode_pairs(task.of(Split.SELECTION)[:50], model.tokenizer)
    scan = scan_sites(model, fit, judge)
    assert len(scan.sites) == len(card["sites"]) == model.n_layers * 5
    for found, stated in zip(scan.sites, card["sites"], strict=True):
        assert (found.layer, found.position) == (stated["layer"], stated["position"])
        assert found.matters or not stated["matters"]
    assert scan.accuracy_needed_only == 1.0
    # A causal model's first position never sees the operands: nothing there can vary or matter.
    assert all(s.rank_99 == 0 and not s.matters for s in scan.sites if s.position == 0)


def test_pca_rank_by_hand() -> None:
    # Variances 90, 9 and 1 of 100 on three axes.
    axes = torch.diag(torch.tensor([90.0, 9.0, 1.0]).sqrt())
    outputs = torch.cat([axes, -axes])
    assert [pca_rank(outputs, share) for share in (0.89, 0.97, 0.995)] == [1, 2, 3]
    assert pca_rank(torch.ones(4, 3), 0.99) == 0
