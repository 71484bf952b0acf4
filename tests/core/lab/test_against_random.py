"""Random selections and the tests against them: matching by hand, p by hand, planted answers."""

import math
from dataclasses import replace
from typing import get_args

import pytest
import torch

from core.circuit import FeatureNode, HeadNode
from core.errors import NodeError, SettingsError
from core.interventions import Ablation
from core.lab import Change, Comparison, LabSettings
from core.lab.against_random import compare
from core.lab.comparison import LabBench, Ran
from core.lab.contents import Claim
from core.lab.selections import draw_selections
from core.lab.words import _VERDICTS, NOTHING, sentence, verdict
from core.lab.workspace import EndPoints
from tests.core.lab.tiny_lab import NODES, tiny_lab

INSIDE = LabSettings(inside="circuit")


@pytest.fixture(scope="module")
def lab():
    return tiny_lab("llama", answers="own")


def grid(layers=2, positions=2, features=16):
    return [
        FeatureNode(la, p, f)
        for la in range(layers)
        for p in range(positions)
        for f in range(features)
    ]


def activation():
    """Feature f has mean activation f everywhere, so the quarters of 16 are f // 4."""
    return torch.arange(16.0).expand(2, 2, 16)


def test_draws_keep_layer_position_and_quarter_and_never_take_the_selection():
    selection = [FeatureNode(0, 1, 2), FeatureNode(0, 1, 13), FeatureNode(1, 0, 5)]
    draws = draw_selections(selection, grid(), activation(), draws=50, seed=0)
    for nodes in draws.selections:
        assert sorted((n.layer, n.position, n.feature // 4) for n in nodes) == [
            (0, 1, 0), (0, 1, 3), (1, 0, 1)
        ]  # fmt: skip
        assert not set(nodes) & set(selection)
        assert len(set(nodes)) == 3
    assert (draws.matched, draws.overlap) == (1.0, 0.0)
    assert len({nodes for nodes in draws.selections}) > 10


def test_draws_follow_their_seed():
    few = draw_selections(grid()[:3], grid(), activation(), draws=5, seed=1)
    assert few == draw_selections(grid()[:3], grid(), activation(), draws=5, seed=1)
    assert few != draw_selections(grid()[:3], grid(), activation(), draws=5, seed=2)


def test_a_pool_that_runs_out_gives_way_to_the_next_closest():
    selection = [FeatureNode(0, 0, f) for f in range(4)]  # the whole lowest quarter of its site
    draws = draw_selections(selection, grid(), activation(), draws=20, seed=0)
    assert draws.matched == 0.0
    assert all((n.layer, n.position) == (0, 0) for nodes in draws.selections for n in nodes)
    site = [FeatureNode(0, 0, f) for f in range(16)]
    draws = draw_selections(site, grid(), activation(), draws=20, seed=0)
    assert all((n.layer, n.position) == (0, 1) for nodes in draws.selections for n in nodes)


def test_more_than_half_of_the_pool_draws_permutations_and_says_so():
    pool = grid()
    draws = draw_selections(pool[:40], pool, activation(), draws=10, seed=0)
    assert all(len(set(nodes)) == 40 for nodes in draws.selections)
    assert draws.overlap > 0.3


def test_heads_are_exchanged_for_heads():
    heads = [HeadNode(la, h, p) for la in range(2) for h in range(4) for p in (None, 0, 1)]
    selection = [HeadNode(0, 1, 1), HeadNode(1, 2), FeatureNode(0, 0, 0)]
    draws = draw_selections(selection, [*grid(), *heads], activation(), draws=30, seed=0)
    for feature, placed, whole in draws.selections:
        assert isinstance(feature, FeatureNode)
        assert (placed.layer, placed.position) == (0, 1)
        assert placed.head != 1
        assert (whole.layer, whole.position) == (1, None)
        assert whole.head != 2


def test_p_by_hand():
    random = torch.tensor([0.1, 0.2, 0.3, 0.4])
    assert compare(0.35, random, least=0.0).p_value == pytest.approx(2 / 5)
    assert compare(0.4, random, least=0.0).p_value == pytest.approx(2 / 5)  # equal counts
    assert compare(0.9, torch.rand(99) / 2, least=0.1).p_value == pytest.approx(0.01)
    assert compare(0.9, torch.rand(99) / 2, least=0.1).claim == "shown"
    small = compare(0.05, torch.zeros(99), least=0.1)  # sure, but too small to matter
    near = compare(0.25, torch.full((99,), 0.23), least=0.1)  # sure, but hardly beyond random
    assert small.p_value == near.p_value == pytest.approx(0.01)
    assert small.claim == near.claim == "not shown"


def test_a_large_figure_among_nearly_the_same_nodes_is_undecided():
    random = torch.full((99,), 0.85)
    assert compare(0.9, random, least=0.5, overlap=0.8).claim == "undecided"
    assert compare(0.9, random, least=0.5, overlap=0.3).claim == "not shown"
    assert compare(0.4, random, least=0.5, overlap=0.8).claim == "not shown"  # whatever was drawn
    assert compare(0.9, random / 2, least=0.5, overlap=0.8).claim == "shown"  # in spite of that


def test_a_large_figure_that_hardly_any_matched_draw_stands_beside_is_undecided():
    """It may beat every draw, or none: they are nodes of other places."""
    for random in (torch.zeros(99), torch.full((99,), 0.95)):
        assert compare(0.9, random, least=0.5, matched=0.2).claim == "undecided"
    assert compare(0.9, torch.zeros(99), least=0.5, matched=0.3).claim == "shown"
    assert compare(0.4, torch.zeros(99), least=0.5, matched=0.0).claim == "not shown"


def test_the_verdict_says_that_hardly_any_draw_was_matched():
    lone, large = (
        compare(value, torch.zeros(200), least=0.1, matched=matched)
        for value, matched in ((0.9, 0.0), (0.9, 1.0))
    )
    assert verdict(lone, lone) == "Undecided: hardly any matched selection exists."
    assert verdict(large, lone) == (
        "Necessary; sufficiency undecided: hardly any matched selection exists."
    )
    assert "hardly any" not in verdict(large, replace(lone, claim="undecided", matched=1.0))
    small = replace(lone, value=0.05, claim="not shown")  # too small, whatever was drawn
    assert sentence(lone, small, overlap=0.0).count("hardly any of them matched") == 2
    assert "hardly any of them matched" not in sentence(large, large, overlap=0.0)


def test_words_say_the_verdict_and_the_figures():
    yes, no = (
        Comparison(value=value, random=random, p_value=p, claim=claim, matched=1.0)
        for value, random, p, claim in (
            (0.58, torch.zeros(200), 1 / 201, "shown"),
            (0.06, torch.full((200,), 0.1), 7 / 201, "not shown"),
        )
    )
    assert verdict(yes, no) == "Necessary, not sufficient."
    text = sentence(yes, no, overlap=0.0)
    assert "costs 0.58 of F; none of 200 random selections cost as much" in text
    assert "keeps 0.06 of F; 6 of 200 random selections keep as much (mean 0.10)" in text
    assert "nearly the same nodes" in sentence(yes, no, overlap=0.8)
    near = replace(no, value=0.25, random=torch.full((200,), 0.23), p_value=1 / 201)
    assert "cost as much (mean 0.23, less than 0.1 below it)" in sentence(near, no, overlap=0.0)
    open_ = replace(no, claim="undecided")
    assert verdict(open_, yes) == "Sufficient; necessity undecided."
    assert verdict(open_, open_) == "Undecided."
    assert len(set(_VERDICTS.values())) == len(_VERDICTS) == len(get_args(Claim)) ** 2


@pytest.mark.parametrize("settings", [LabSettings(), INSIDE, LabSettings(how=Ablation.MEAN)])
def test_values_equal_those_of_single_runs(lab, settings):
    """Necessity and sufficiency two ways: gates in a batch, and changes over the whole task."""
    chosen = [str(node) for node in NODES[3:9]] + ["L0H1@4"]
    got = lab.against_random(chosen, settings, draws=8, prompts=99)
    assert got.n_prompts == len(lab.prompts)
    before = lab.across_task([], settings).faithfulness
    cut = lab.across_task([Change(node=node, scale=0.0) for node in chosen], settings)
    assert got.necessity.value == pytest.approx(before - cut.faithfulness, abs=1e-3)
    rest = [str(node) for node in NODES if str(node) not in chosen]
    only = lab.across_task([Change(node=node, scale=0.0) for node in rest], settings)
    assert got.sufficiency.value == pytest.approx(only.faithfulness, abs=1e-3)


def test_f_by_hand_between_two_end_points(lab):
    """Margins 1 and 5: what answers with a mean margin of 2 has F (2 − 1) / (5 − 1)."""
    bench = LabBench(lab, INSIDE, lab.everything())
    ran = Ran(logit_diff=torch.tensor([[1.0, 3.0], [5.0, 5.0]]), p_answer=torch.zeros(2, 2))
    bench.ends = EndPoints(empty=torch.tensor([0.0, 2.0]), full=torch.tensor([4.0, 6.0]))
    assert bench.f(ran).tolist() == [0.25, 1.0]


@pytest.mark.parametrize("full", [-1.0, 0.0], ids=["inverted", "none"])
def test_a_model_no_better_than_its_empty_circuit_has_no_f_and_proves_nothing(
    lab, monkeypatch, full
):
    """With a span below 0 the sign of F would turn and the worst selection look the best."""
    n = len(lab.prompts)
    ends = EndPoints(empty=torch.zeros(n), full=torch.full((n,), full))
    monkeypatch.setattr(lab, "end_points", lambda parts, how: ends)
    effect = lab.across_task([Change(node="0:4:2", scale=0.0)], INSIDE)
    assert math.isnan(effect.faithfulness)
    assert math.isnan(effect.faithfulness_circuit)
    got = lab.against_random(["0:4:2"], INSIDE, draws=5, prompts=99)
    for figure in (got.necessity, got.sufficiency):
        assert math.isnan(figure.value)
        assert (figure.p_value, figure.claim) == (1.0, "not shown")
    assert got.verdict == "Nothing to compare."
    assert got.sentence == NOTHING


def test_what_cannot_be_computed_is_no_better_than_any_random_selection():
    assert compare(math.nan, torch.zeros(99), least=0.1).p_value == 1.0
    assert compare(0.9, torch.full((99,), math.nan), least=0.1).p_value == 1.0
    assert compare(0.9, torch.zeros(99), least=0.1).p_value == 0.01


def test_the_whole_circuit_is_held_against_itself_and_the_sentence_says_so(lab):
    got = lab.against_random([str(node) for node in NODES], INSIDE, draws=10)
    assert got.necessity.p_value == 1.0
    assert got.overlap == 1.0
    assert "nearly the same nodes" in got.sentence


def test_the_same_seed_gives_the_same_test_and_progress_is_told(lab):
    nodes, told = [str(node) for node in NODES[:3]], []
    one = lab.against_random(nodes, draws=30, progress=lambda done, of: told.append((done, of)))
    two = lab.against_random(nodes, draws=30)
    assert torch.equal(one.necessity.random, two.necessity.random)
    assert told == [(25, 60), (30, 60), (55, 60), (60, 60)]
    assert one.random_p_answer.shape == one.prompts.shape == (one.n_prompts,)


def test_a_band_spans_what_random_ablations_leave(lab):
    low, high = lab.random_band(0, [str(NODES[0])], draws=20)
    assert 0 <= low <= high <= 1
    assert (low, high) == lab.random_band(0, [str(NODES[0])], draws=20)


def test_bad_questions_are_refused(lab):
    with pytest.raises(NodeError, match="Nothing is selected"):
        lab.against_random([])
    with pytest.raises(NodeError, match="Node e:0:1 is an error"):
        lab.against_random(["0:4:2", "e:0:1"])
    with pytest.raises(NodeError, match="Not a node id"):
        lab.random_band(0, ["A1"])
    with pytest.raises(SettingsError, match="0 draws"):
        lab.against_random(["0:4:2"], draws=0)
