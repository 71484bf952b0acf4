"""The Lab on a cross-layer transcoder: a change at one layer is one at all later ones too."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from core.graph import NodeKind
from core.interventions import Ablation, circuit_gates
from core.lab import Change, LabSettings
from core.tasks import Split
from tests.core.lab.test_lab import CHANGES, SETTINGS, changed_logits, evaluator_of
from tests.core.lab.tiny_lab import LENGTH, Slow, tiny_lab

KINDS = ("gpt2", "llama", "neox-parallel")


@pytest.fixture(scope="module")
def labs():
    return {kind: tiny_lab(kind, crosses=True) for kind in KINDS}


@pytest.fixture(scope="module")
def slows(labs):
    return {kind: Slow(kind, lab) for kind, lab in labs.items()}


@pytest.mark.parametrize(
    ("kind", "settings"),
    [("gpt2", settings) for settings in SETTINGS]
    + [(kind, settings) for kind in KINDS[1:] for settings in SETTINGS[1:12:4]],
    ids=lambda s: s if isinstance(s, str) else f"{s.how}-{s.errors}-{s.inside}",
)
def test_a_prediction_equals_the_slow_reference(labs, slows, kind, settings):
    lab = labs[kind]
    for prompt in (0, 2):  # 5 and 4 tokens
        want = slows[kind].logits(lab.task.of(Split.TEST)[prompt], CHANGES, settings)
        got = changed_logits(lab, prompt, CHANGES, settings)
        torch.testing.assert_close(got, want, rtol=2e-4, atol=2e-4)


def test_nothing_changed_inside_the_model_is_the_model(labs):
    lab = labs["gpt2"]
    for prompt, view in enumerate(lab.prompts):
        logits = lab.model.logits(torch.tensor(view.ids)[None])[0]
        got = changed_logits(lab, prompt, [], LabSettings())
        torch.testing.assert_close(got, logits, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("how", Ablation)
def test_the_circuit_alone_answers_as_the_evaluator_runs_it(labs, how):
    lab = labs["llama"]
    evaluator = evaluator_of(lab)
    gates = circuit_gates(lab.bundle.circuit, evaluator.bounds)
    want = evaluator.outcome(gates[None], how).logit_diff[0]
    for number, part in enumerate(lab.parts):
        logits = lab.engine.baseline(number, part, LabSettings(how=how, inside="circuit")).logits
        rows = torch.arange(len(logits))
        got = logits[rows, part.batch.answer] - logits[rows, part.batch.wrong]
        start = sum(len(p.batch.index) for p in lab.parts[:number])
        torch.testing.assert_close(got, want[start : start + len(got)], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("how", Ablation)
def test_restoring_everything_inside_the_circuit_is_the_model(labs, how):
    lab = labs["gpt2"]
    places = [(layer, p) for layer in range(2) for p in range(LENGTH)]
    features = [Change(node=f"{la}:{p}:{f}", scale=1.0) for la, p in places for f in range(12)]
    errors = [Change(node=f"e:{la}:{p}", scale=1.0) for la, p in places]
    effect = lab.across_task(features + errors, LabSettings(how=how, inside="circuit"))
    torch.testing.assert_close(effect.changed, effect.full, rtol=1e-3, atol=1e-4)


def test_a_feature_ablated_below_moves_the_output_above_by_its_later_writes(labs):
    """By hand, on the last prompt position of a two-layer model whose own decoder is silenced."""
    lab = tiny_lab("gpt2", crosses=True)
    lab.transcoders[0].W_dec.zero_()
    settings = LabSettings(how=Ablation.ZERO)
    trace = lab.model.trace(torch.tensor(lab.prompts[0].ids)[None])
    a = lab.transcoders[0].encode(trace.mlp_in[0, 0, -1])
    for feature in a.nonzero()[:, 0].tolist():
        resid = trace.resid_post[-1, 0, -1] - a[feature] * lab.transcoders[0].W_later[feature, 0]
        change = Change(node=f"0:{LENGTH - 1}:{feature}", scale=0.0)
        got = changed_logits(lab, 0, [change], settings)
        torch.testing.assert_close(got, lab.model.unembed(resid), rtol=1e-4, atol=1e-4)


def test_many_threads_that_share_one_lab_answer_as_one(labs):
    lab = labs["gpt2"]
    asked = [(prompt, settings) for prompt in range(4) for settings in SETTINGS[:6]]
    want = [changed_logits(lab, prompt, CHANGES, settings) for prompt, settings in asked]
    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(changed_logits, lab, prompt, CHANGES, s) for prompt, s in asked]
        for job, expected in zip(jobs, want, strict=True):
            torch.testing.assert_close(job.result(), expected, rtol=1e-5, atol=1e-5)


def test_a_prompts_graph_closes(labs):
    graph = labs["gpt2"].prompt_graph(0)
    logits = graph.kind == int(NodeKind.LOGIT)
    total = graph.dense().sum(1)[logits]
    torch.testing.assert_close(total, graph.activation[logits], rtol=1e-4, atol=1e-3)
