"""The whole study: its bases and rows on a tiny model, its words on a real one made blind."""

import json
from dataclasses import replace

import pytest
import torch

from core.darkmatter import Prompts, Settings, StandIn, dark_matter
from core.darkmatter.bench import ErrorBench, bases
from core.darkmatter.decide import exchanged
from core.darkmatter.sample import observe_errors
from core.darkmatter.split import fit_layer
from core.darkmatter.stand_ins import Layer, noise_like
from core.errors import SettingsError
from core.interventions import Ablation, ErrorRegime, Evaluator, all_gates
from core.models import load_model
from core.pipeline.judging.dark_matter import dark_matter_of
from core.pipeline.prepare import prepare
from core.tasks import load_task
from core.transcoders import open_transcoders
from tests.tiny import tiny_batch, tiny_model, tiny_transcoders


def prompts(model, seed, number=24):
    """Prompts that the model answers its own way, so that there is a behaviour to lose."""
    found = []
    for length, shift in ((4, 1), (5, 0)):
        batch = tiny_batch(prompts=number, length=length, shift=shift, seed=seed + length)
        answer = model.logits(batch.clean).argmax(-1)
        wrong = model.logits(batch.corrupt).argmax(-1)
        found.append(replace(batch, answer=answer, wrong=torch.where(wrong == answer, 3, wrong)))
    rows = range(2 * number)
    return Prompts(batches=found, variables=[{"odd": i % 2, "three": i % 3} for i in rows])


@pytest.fixture(scope="module")
def tiny():
    model = tiny_model("gpt2")
    coders = tiny_transcoders(model)
    fit, choose, judge = (prompts(model, seed) for seed in (0, 100, 200))
    evaluator = Evaluator(model, coders, judge.batches, mean_over=fit.batches, length=5)
    return evaluator, fit, choose, judge


@pytest.fixture(scope="module")
def section(tiny):
    evaluator, fit, choose, judge = tiny
    steps = []
    found = dark_matter(
        evaluator,
        circuit(evaluator),
        fit=fit,
        choose=choose,
        judge=judge,
        progress=lambda done, total: steps.append((done, total)),
    )
    return found, steps


def circuit(evaluator):
    gates = all_gates(evaluator.bounds)[None]
    half = torch.rand(gates.feature.shape, generator=torch.Generator().manual_seed(4)) < 0.5
    return replace(gates, feature=half.float())


def test_the_section_is_json_and_complete(section):
    found, steps = section
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["measurable"]
    assert [base["base"] for base in found["bases"]] == ["dictionary", "circuit"]
    assert steps == [(i + 1, 6) for i in range(6)]
    for base in found["bases"]:
        assert [row["layers"] for row in base["layers"]] == [[0], [1]]
        assert base["together"]["layers"] == [0, 1]
        for row in (*base["layers"], base["together"]):
            assert set(row["faithfulness"]) == {kind.value for kind in StandIn}
            assert row["verdict"] in ("structured", "noise", "undecided")
            low, high = row["faithfulness"]["noise"]["ci"]
            assert low <= row["faithfulness"]["noise"]["value"] <= high
            assert {one["variable"] for one in row["probed"]} == {"odd", "three"}
    assert [p["variable"] for p in found["layers"][0]["probes"]] == ["odd", "three"]


def test_the_dictionary_with_its_own_errors_is_the_model(section):
    dictionary, strict = section[0]["bases"]
    for row in (*dictionary["layers"], dictionary["together"]):
        assert row["faithfulness"]["real"]["value"] == pytest.approx(1, abs=1e-4)
        assert row["lost"]["real"]["value"] == 0
    # in the strict circuit the error at rest is the corrupt one
    at_rest = {row["faithfulness"]["resampled"]["value"] for row in strict["layers"]}
    assert len({round(value, 4) for value in at_rest}) == 1


def test_the_stand_ins_that_regimes_have_too_score_as_the_regimes_do(tiny, section):
    evaluator = tiny[0]
    gates = circuit(evaluator)
    found = section[0]["bases"][1]["together"]["faithfulness"]
    empty = evaluator.outcome(replace(gates, feature=0 * gates.feature), Ablation.RESAMPLE)
    span = evaluator.model_outcome().logit_diff.mean() - empty.logit_diff.mean()
    for name, regime in (
        ("real", ErrorRegime.KEPT), ("zero", ErrorRegime.ZERO), ("mean", ErrorRegime.MEAN),
        ("resampled", ErrorRegime.ABLATED),
    ):  # fmt: skip
        m = evaluator.outcome(gates, Ablation.RESAMPLE, regime).logit_diff.mean()
        want = float((m - empty.logit_diff.mean()) / span)
        assert found[name]["value"] == pytest.approx(want, abs=2e-4)


def test_the_interaction_is_what_all_cost_beyond_their_sum(section):
    for base in section[0]["bases"]:
        lost = [row["lost"]["shuffled"]["value"] for row in base["layers"]]
        together = base["together"]["lost"]["shuffled"]["value"]
        assert base["interaction"] == pytest.approx(together - sum(lost), abs=1e-5)


def test_a_model_without_a_behaviour_is_not_measured(tiny):
    _, fit, choose, judge = tiny
    same = [replace(batch, wrong=batch.answer) for batch in judge.batches]
    evaluator = Evaluator(tiny[0].model, tiny[0].transcoders, same, mean_over=fit.batches, length=5)
    found = dark_matter(evaluator, circuit(evaluator), fit=fit, choose=choose, judge=judge)
    assert not found["measurable"]
    assert found["bases"] == []


def test_too_few_draws_are_refused():
    with pytest.raises(SettingsError, match="at least 20"):
        Settings(draws=19)


def test_an_error_that_is_noise_is_not_told_from_noise(tiny):
    """The null of test 1 itself: the layer's error is one more draw."""
    evaluator, fit, _, judge = tiny
    model, coders = evaluator.model, evaluator.transcoders
    seen = observe_errors(model, coders, fit.batches, 5)
    sample = observe_errors(model, coders, judge.batches, 5)
    found = []
    for seed in range(12):
        chance = torch.Generator().manual_seed(seed)
        split = fit_layer(seen.read[1], seen.error[1], seen.present)
        bench = ErrorBench.on(evaluator, sample, [split, split], Settings(seed=seed))
        size = bench.layers[1].deviation
        error = split.mean + noise_like(size, 1, chance)[0]
        noisy = Layer(error, error, *split.parts(sample.read[1], error), split)
        bench = replace(bench, layers=(bench.layers[0], noisy))
        base = bases(bench, circuit(evaluator))[0]
        real = bench.stand_in(base, (1,), StandIn.REAL)[0]
        found.append(exchanged(real, bench.stand_in(base, (1,), StandIn.NOISE), seed))
    assert min(found) > 0.01
    assert sum(p < 0.1 for p in found) <= 4


def test_a_dictionary_made_blind_leaves_structure_and_a_good_one_noise(monkeypatch):
    """Bundled GPT-2 on modular addition; a tenth of its features write nothing any more."""
    monkeypatch.setattr("core.pipeline.judging.dark_matter.JUDGED", 64)
    monkeypatch.setattr("core.pipeline.judging.dark_matter.FITTED", 600)
    model = load_model("gpt2-modadd")
    prepared = prepare(model, load_task("modular-addition", tokenizer=model.tokenizer))
    opened = open_transcoders(model, "topk")
    assert opened is not None
    coders = opened.transcoders
    chance = torch.Generator().manual_seed(0)
    blind = replace(
        coders,
        layers=tuple(
            replace(one, W_dec=one.W_dec * (torch.rand(len(one.W_dec), 1, generator=chance) > 0.1))
            for one in coders
        ),
    )
    good, bad = (dark_matter_of(prepared, used, None) for used in (coders, blind))
    assert [base["base"] for base in good["bases"]] == ["dictionary"]
    words = [row["verdict"] for row in (*good["bases"][0]["layers"], good["bases"][0]["together"])]
    assert words == ["noise"] * 3
    assert good["layers"][0]["probes"][0]["role"] == "a"
    first = bad["bases"][0]["layers"][0]
    assert first["verdict"] == "structured"
    assert first["lost"]["shuffled"]["value"] > first["lost"]["noise"]["value"] > 0.05
