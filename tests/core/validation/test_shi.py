"""The five tests on a tiny model: a circuit that is the model, and one that is not."""

import pytest
import torch

from core.circuit import FeatureNode
from core.interventions import Ablation, ErrorRegime, Evaluator, Places
from core.tasks import Split, encode_pairs
from core.validation import Alive, Candidate
from core.validation.shi import _Bench, _inflated, shi_tests
from tests.core.lab.tiny_lab import LENGTH, tiny_lab


@pytest.fixture(scope="module")
def runs():
    lab = tiny_lab("gpt2")
    tokenizer = lab.model.tokenizer
    batches = encode_pairs(lab.task.of(Split.TEST), tokenizer, LENGTH)
    means = encode_pairs(lab.task.of(Split.FEATURES), tokenizer, LENGTH)
    return Evaluator(lab.model, lab.transcoders, batches, mean_over=means, length=LENGTH)


def alive(runs):
    return [FeatureNode(*row) for row in runs.active().nonzero().tolist()]


@pytest.fixture(scope="module")
def strongest(runs):
    """Alive nodes, those first whose absence moves the strict circuit of all of them the most."""
    nodes = alive(runs)
    places = Places.of(nodes, runs.bounds)
    masks = torch.cat([torch.ones(1, len(nodes)), 1 - torch.eye(len(nodes))])
    scores = runs.outcome(places.gates(masks), Ablation.RESAMPLE).logit_diff
    order = (scores[1:] - scores[0]).abs().mean(1).argsort(descending=True).tolist()
    return [nodes[i] for i in order]


def test_every_test_has_its_figures_and_a_sentence(runs, strongest):
    found = shi_tests(runs, Candidate(order=tuple(strongest), size=6, n_edges=0))
    names = ("equivalence", "independence", "minimality", "sufficiency", "partial_necessity")
    kept = {
        name: found[name]["p_value"] >= found["alpha"] for name in names if name != "minimality"
    }
    expected = {
        "equivalence": kept["equivalence"],  # ideal: nothing speaks against it
        "independence": kept["independence"],
        "minimality": found["minimality"]["removable"] == 0,
        "sufficiency": not kept["sufficiency"],  # flexible: beats the random ones significantly
        "partial_necessity": not kept["partial_necessity"],
    }
    assert {name: found[name]["passed"] for name in names} == expected
    for name, passed in expected.items():
        said = f"{name.replace('_', ' ')} {'passed' if passed else 'failed'} ("
        assert said in found["sentence"]
    assert found["minimality"]["tested"] == 6
    assert found["n_prompts"] == runs.n_prompts


def test_nodes_that_never_fire_are_removable_and_the_strongest_are_not(runs, strongest):
    dead = (~runs.active()).nonzero()[:3].tolist()
    padded = (*strongest[:3], *(FeatureNode(*row) for row in dead))
    found = shi_tests(runs, Candidate(order=padded, size=6, n_edges=0))["minimality"]
    assert set(found["removable_nodes"]) >= {str(FeatureNode(*row)) for row in dead}
    assert str(strongest[0]) not in found["removable_nodes"]
    assert not found["passed"]


def test_inflated_circuits_are_the_circuit_and_one_alive_node_more(runs, strongest):
    bench = _Bench(runs, Candidate(order=tuple(strongest), size=4, n_edges=0), 0)
    gates = _inflated(bench)
    extra = gates.feature - bench.gates.feature
    assert extra.flatten(1).sum(1).tolist() == [1.0] * 100
    assert set(extra.unique().tolist()) == {0.0, 1.0}
    assert not (extra.sum(0).bool() & ~runs.active()).any()


def test_a_circuit_of_everything_leaves_no_random_node_to_add(runs):
    nodes = tuple(alive(runs))
    found = shi_tests(runs, Candidate(order=nodes, size=len(nodes), n_edges=0))
    assert found["minimality"]["passed"] is None
    assert "minimality not testable" in found["sentence"]


def test_distances_are_those_of_the_evaluator(runs, strongest):
    candidate = Candidate(order=tuple(strongest), size=5, n_edges=0)
    found = shi_tests(runs, candidate)
    gates = Places.of(candidate.first(5), runs.bounds).gates(torch.ones(1, 5))
    model = runs.model_outcome().logit_diff[0]
    own = runs.outcome(gates, Ablation.RESAMPLE).logit_diff[0]
    rest = runs.outcome(gates.complement(candidate.attention), Ablation.RESAMPLE, ErrorRegime.KEPT)
    near, away = (own - model).abs().mean(), (rest.logit_diff[0] - model).abs().mean()
    assert found["sufficiency"]["distance"] == pytest.approx(float(near), abs=1e-5)
    assert found["partial_necessity"]["distance"] == pytest.approx(float(away), abs=1e-5)
    assert Alive.on(runs, candidate.attention).active.sum() == len(strongest)
