"""Regimes and controls: each figure once, beside what it is held against, and escaped."""

from explorer.validation import regimes
from tests.explorer.validation.sections import block, sections


def test_regimes_stand_in_two_strips_where_few_pairs_were_measured():
    found = regimes.matrix(sections())
    assert found.count("<td") == 5  # resample, mean, zero; errors kept and zero: none is blank
    assert "not measured" not in found
    assert found.count("hv-own") == 1
    assert '"><b>0.90</b><small>0.89–0.91</small></td>' in found
    assert "<b>0.50</b>" in found
    assert "0.77" not in found


def test_regimes_are_a_matrix_where_most_pairs_were_measured():
    others = [block("mean"), block(errors="zero"), block("mean", errors="zero")]
    found = regimes.matrix(block() | {"other_regimes": others})
    assert found.count("<td") == 4
    assert found.count("hv-own") == 1


def test_a_cell_says_what_its_score_stands_beside():
    few = block("zero", f=0.5) | {"chance": 0.25, "n_prompts": 300}
    few["random"] = {"n": 20, "n_prompts": 64, "faithfulness_max": 0.2}
    found = regimes.matrix(block() | {"other_regimes": [few]})
    said = "chance 0.25, best of 20 random F 0.20 (on 64 prompts); 300 prompts"
    assert said in found


def test_other_splits_stand_apart():
    assert regimes.other_splits(sections()) == "Other distribution: resample <b>0.77</b>"
    assert regimes.other_splits(block()) == ""


def test_a_split_says_how_many_prompts_it_has():
    other = block(split="ood", f=0.77) | {"n_prompts": 1440}
    told = regimes.other_splits(block() | {"other_regimes": [other]})
    assert told == "Other distribution (1,440 prompts): resample <b>0.77</b>"


def test_random_circuits_on_other_prompts_than_the_circuit_say_so():
    one = block() | {"n_prompts": 401}
    one["random"] = one["random"] | {"n_prompts": 401}
    one["random_free"] = one["random_free"] | {"n_prompts": 128}
    found = regimes.controls(one)
    assert found.count("on 401 prompts") == 0
    assert found.count("best of 100, p &lt; 0.01, on 128 prompts") == 1


def test_controls_are_told_beside_the_circuit_and_absent_ones_left_out():
    found = regimes.controls(sections() | {"other_task": {"name": "<x>", "faithfulness": 0.06}})
    for part in ("best of 100", "<b>0.31</b>", "<b>0.11</b>", "<b>0.44</b>", "&lt;x&gt;", "0.20"):
        assert part in found
    assert "<b>0.20</b> of the margin is left, without a random one 0.60 or more" in found
    assert "chance is 0.50" in regimes.controls(block() | {"chance": 0.5})
    assert "<b>" not in regimes.controls({"phi": 0.8, "phi_empty": 1.0})
    bare = regimes.controls({"faithfulness": 0.9, "phi": None})
    assert "random" not in bare
    assert "margin" not in bare
    assert "this circuit" in bare


def test_nothing_measured_is_an_empty_matrix():
    assert regimes.matrix({}) == ""
