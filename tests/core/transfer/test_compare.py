"""Whole comparisons on tiny models: a circuit is itself, and what it is not is told."""

from dataclasses import replace

import pytest
import torch

from core.circuit import node_table
from core.errors import TransferError
from core.interventions import Ablation, circuit_gates
from core.pipeline.finding.graphs import restricted, task_graph
from core.pipeline.prepare import prepare
from core.pipeline.progress import ignore
from core.store import open_store
from core.tasks import Split
from core.transfer import Subject, TransferSettings, compare, kept, with_ceiling
from core.transfer.functional import carried
from core.validation import faithfulness
from tests.core.lab.tiny_lab import tiny_lab

FEW = TransferSettings(draws=40, solves=5)


def subject(kind="llama", answers="own") -> Subject:
    lab = tiny_lab(kind, answers=answers)
    prepared = prepare(lab.model, lab.task)
    whole = task_graph(prepared, lab.transcoders, 4, ignore).graph()
    graph, _ = restricted(whole, lab.bundle.circuit.nodes)
    return Subject(
        bundle=replace(lab.bundle, graph=graph),
        model=lab.model,
        transcoders=lab.transcoders,
        prepared=prepared,
    )


@pytest.fixture(scope="module")
def one() -> Subject:
    return subject()


def test_a_circuit_is_itself_on_every_score(one):
    found = compare(one, one, FEW)
    assert found.n_nodes == (24, 24)
    assert all(pair.one == pair.two for pair in found.matched)
    assert all(pair.r == pytest.approx(1, abs=1e-4) for pair in found.matched)
    assert found.scores["transport"].value == pytest.approx(1, abs=0.01)
    for name in ("edges", "roles", "transport"):
        assert found.scores[name].null_mean < found.scores[name].value
    assert found.scores["edges"].p <= 2 / 41


def test_another_model_is_less_than_itself_and_never_refused(one):
    found = compare(one, subject("gpt2"), FEW)
    assert set(found.scores) == {"edges", "transport", "functional", "roles"}
    assert found.scores["edges"].value < 0.5
    assert len(found.matched) <= 24


@pytest.mark.parametrize("how", [Ablation.RESAMPLE, Ablation.MEAN])
def test_carrying_a_circuit_home_is_running_it(one, how):
    rows = node_table(one.bundle.circuit.features)
    (home,) = carried(one, rows, draws=3, ablations=(how,))
    evaluator = one.prepared.evaluator(one.transcoders, Split.TEST)
    gates = circuit_gates(one.bundle.circuit, evaluator.bounds)[None]
    none = circuit_gates(replace(one.bundle.circuit, nodes=()), evaluator.bounds)[None]
    slow = faithfulness(
        evaluator.outcome(gates, how).logit_diff,
        evaluator.outcome(none, how).logit_diff[0],
        evaluator.model_outcome().logit_diff[0],
    )
    assert home.faithfulness == pytest.approx(float(slow[0]), abs=1e-5)
    assert home.faithfulness == pytest.approx(home.own, abs=1e-6)
    nothing = carried(one, rows[:0], draws=3, ablations=(how,))[0]
    assert nothing.faithfulness == pytest.approx(0, abs=1e-5)
    assert len(home.random) == 3


def test_prompts_that_the_other_model_cannot_read_are_refused(one):
    task = one.prepared.task
    pairs = tuple(replace(pair, clean=pair.clean.replace("w", "x")) for pair in task.pairs)
    strange = replace(one, prepared=replace(one.prepared, task=replace(task, pairs=pairs)))
    with pytest.raises(TransferError, match="share no prompts"):
        compare(strange, one, FEW)


def test_a_comparison_is_kept_and_given_again(one, tmp_path, monkeypatch):
    with open_store(tmp_path / "store") as store:
        first = kept(one, one, store, FEW)
        monkeypatch.setattr("core.transfer.stored.compare", lambda *_: 1 / 0)
        assert kept(one, one, store, FEW) == first
        with pytest.raises(ZeroDivisionError):
            kept(one, one, store, replace(FEW, seed=1))


def test_the_ceiling_is_the_mean_of_the_twins_and_normalises_by_hand():
    def report(value, null):
        return {"scores": {"edges": {"value": value, "null_mean": null}}}

    bare = with_ceiling(report(0.3, 0.1), [])["scores"]["edges"]
    assert (bare["ceiling"], bare["normalised"]) == (None, None)
    found = with_ceiling(report(0.3, 0.1), [report(0.4, 0.1), report(0.6, 0.1)])["scores"]["edges"]
    assert found["ceiling"] == pytest.approx(0.5)
    assert found["normalised"] == pytest.approx(0.5)
    low = with_ceiling(report(0.3, 0.1), [report(0.1, 0.1)])["scores"]["edges"]
    assert low["normalised"] is None, "a ceiling at the null measures nothing"


def test_activations_are_the_coders_own_and_aligned_at_the_right(one):
    from core.transfer.subject import activations

    batches = one.prepared.batches[Split.TEST]
    found = activations(one, batches)
    short = next(batch for batch in batches if batch.clean.shape[1] == 4)
    trace = one.model.trace(short.clean)
    expected = one.transcoders.layers[1].encode(trace.mlp_in[1])
    order = torch.cat([batch.index for batch in batches]).argsort().argsort()
    start = sum(len(b.clean) for b in batches[: batches.index(short)])
    rows = order[start : start + len(short.clean)]
    assert torch.allclose(found[1][rows][:, 1:], expected)
    assert not found[1][rows][:, 0].any()
