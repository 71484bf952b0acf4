"""validation.json of a tiny model: published as measured, and null where there is no figure."""

import json
from collections import defaultdict
from dataclasses import replace

import pytest
import torch

from core.bundle import BundleInfo
from core.circuit import Attention, FeatureNode, HeadNode
from core.cli.findings import report_text
from core.cli.output import shown
from core.cli.results import _row as results_row
from core.interventions import JUDGED, Ablation, ErrorRegime, Evaluator, Gates, Places
from core.report import report_html
from core.tasks import Split, encode_pairs
from core.validation import Candidate, ValidationSettings, faithfulness, validate
from core.validation.block import measure
from core.validation.judgement import judge
from core.validation.metrics import SPAN_SHARE, smallest_span
from core.validation.verdict import Evidence
from explorer.circuit.claim import claim_html
from explorer.library.gallery import row_data
from explorer.library.shelf import shelf
from tests.core.lab.tiny_lab import LENGTH, NODES, tiny_lab

NAMES = ("faithfulness", "faithfulness_empty", "faithfulness_full", "necessity", "cpr", "cmd")


def evaluator(lab):
    tokenizer = lab.model.tokenizer
    batches = encode_pairs(lab.task.of(Split.TEST), tokenizer, LENGTH)
    means = encode_pairs(lab.task.of(Split.FEATURES), tokenizer, LENGTH)
    return Evaluator(lab.model, lab.transcoders, batches, mean_over=means, length=LENGTH)


@pytest.fixture(scope="module")
def null():
    """A random model whose empty circuit has the larger margin, and what is said of it."""
    lab = tiny_lab("llama")
    candidate = Candidate(order=tuple(FeatureNode(*n) for n in NODES), size=4, n_edges=3)
    runs = evaluator(lab)
    settings = ValidationSettings(draws=100, curve_draws=2)
    return lab, runs, validate(runs, candidate, gate=0.0, split="test", settings=settings)


def test_the_published_interval_of_the_span_is_the_measured_one(null):
    """The least span is a threshold of the verdict, not a part of the figure."""
    _, runs, found = null
    nothing = Places.of((), runs.bounds).gates(torch.zeros(1, 0))
    none = runs.outcome(nothing, Ablation.RESAMPLE).logit_diff[0]
    span = runs.model_outcome().logit_diff[0] - none
    rows = torch.randint(len(span), (1000, len(span)), generator=torch.Generator().manual_seed(0))
    want = torch.quantile(span[rows].mean(1), torch.tensor([0.025, 0.975])).tolist()
    assert found["span_ci"] == pytest.approx(want, abs=1e-6)


def test_the_verdict_is_read_from_the_strict_blocks_of_the_ablations_that_are_judged(null):
    """These alone have free random circuits; the first is the published one."""
    _, _, found = null
    read = [block for block in (found, *found["other_regimes"]) if "random_free" in block]
    regimes = [(b["split"], b["ablation"], b["error_regime"]) for b in read]
    assert regimes == [("test", ablation, "ablated") for ablation in JUDGED]
    assert read[0] is found


def test_where_heads_count_features_are_also_judged_with_all_heads_live():
    lab = tiny_lab("gpt2")
    runs, nodes = evaluator(lab), (*(FeatureNode(*n) for n in NODES), HeadNode(0, 1, 2))
    candidate = Candidate(order=nodes, size=len(nodes), n_edges=3, attention=Attention.CIRCUIT)
    settings = ValidationSettings(draws=100, curve_draws=2)
    found = measure(runs, candidate, "test", Ablation.ZERO, ErrorRegime.ABLATED, settings)
    places = Places.of(nodes, runs.bounds, Attention.CIRCUIT)
    kept, none = (places.gates(torch.full((1, len(nodes)), v)) for v in (1.0, 0.0))
    empty = runs.outcome(none, Ablation.ZERO).logit_diff[0]
    model = runs.model_outcome().logit_diff[0]

    def needed(rest):
        outcome = runs.outcome(rest, Ablation.ZERO, ErrorRegime.KEPT)
        return 1 - float(faithfulness(outcome.logit_diff, empty, model))

    heads = torch.ones_like(kept.head)
    wanted = needed(Gates(feature=1 - kept.feature, head=heads))
    whole = needed(Gates(feature=1 - kept.feature, head=1 - kept.head))
    assert found["necessity_features"] == pytest.approx(wanted, abs=1e-4)
    assert found["necessity"] == pytest.approx(whole, abs=1e-4)


def test_chance_and_what_nothing_kept_gets_right_are_counted(null):
    _, runs, found = null
    answers = [int(answer) for part in runs._parts for answer in part.batch.answer]
    assert found["chance"] == pytest.approx(max(map(answers.count, answers)) / len(answers))
    nothing = Places.of((), runs.bounds).gates(torch.zeros(1, 0))
    right = runs.outcome(nothing, Ablation.RESAMPLE).correct.float().mean()
    assert found["accuracy_empty"] == pytest.approx(float(right), abs=1e-6)


def test_random_circuits_that_no_verdict_is_read_from_see_fewer_prompts(null, monkeypatch):
    lab, runs, _ = null
    monkeypatch.setattr("core.validation.bench.FEW", 3)
    candidate = Candidate(order=tuple(FeatureNode(*n) for n in NODES), size=4, n_edges=3)
    settings = ValidationSettings(draws=100, curve_draws=2)
    shown = {
        judged: measure(
            runs, candidate, "test", Ablation.ZERO, ErrorRegime.ABLATED, settings, judged=judged
        )
        for judged in (True, False)
    }
    assert shown[True]["random"]["n_prompts"] == runs.n_prompts > 3
    assert shown[True]["random_free"]["n_prompts"] == shown[False]["random"]["n_prompts"] == 3
    assert "random_free" not in shown[False]
    assert shown[False]["logit_diff"] == shown[True]["logit_diff"]


@pytest.mark.parametrize(("low", "refused"), [(0.5, True), (0.6, False)])
def test_a_span_within_the_least_one_is_nothing_to_explain(null, low, refused):
    blocks = (null[2], null[2]["other_regimes"][0])
    given = Evidence(1.0, 0.0, low, 0.5, blocks, errors_kept=0.0, worst_fvu=None)
    judged = judge(given)
    assert (judged.verdict == "rejected") is refused
    assert (judged.failed["model"] == ("span",)) is refused
    assert ("F is not measurable" in judged.reasons[0]) is refused


def test_the_least_span_is_a_share_of_the_models_own_spread(null):
    _, runs, found = null
    margins = runs.model_outcome().logit_diff[0]
    want = SPAN_SHARE * float(margins.square().mean().sqrt())
    assert found["smallest_span"] == pytest.approx(want, abs=1e-6)
    assert float(smallest_span(3 * margins)) == pytest.approx(3 * want)


def test_what_cannot_be_computed_is_null_and_rejected(null):
    found = null[2]
    assert {name: found[name] for name in NAMES} == dict.fromkeys(NAMES)
    assert found["faithfulness_ci"] == [None, None]
    assert found["random"]["faithfulness_mean"] is None
    assert all(point["faithfulness"] is None for point in found["curve"])
    assert found["verdict"] == "rejected"
    assert any("keep F – of the margin" in reason for reason in found["reasons"])
    json.dumps(found, allow_nan=False)


def test_every_reader_shows_a_dash_for_null(null, tmp_path):
    lab, _, found = null
    bundle = lab.bundle
    parts = {"circuit": bundle.circuit, "graph": bundle.graph, "labels": {}, "provenance": {}}
    assert "<b>–</b>" in report_html(title="t", validation=found, **parts)
    info = BundleInfo(path=tmp_path, name="n", verdict="rejected", validation=found)
    row = row_data(shelf([info], {})[0], "")
    assert (row["f"], row["pm"], row["curve"]["line"]) == ("–", "", [])
    assert "<span>F <b>–</b></span>" in claim_html(replace(bundle, validation=found))
    assert report_text(found | {"out": "o"}) is not None
    assert {shown(cell) for cell in results_row(defaultdict(lambda: None, verdict=""))} >= {"–"}
