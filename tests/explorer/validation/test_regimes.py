"""Regimes and controls: each figure once, beside what it is held against, and escaped."""

from explorer.validation import regimes
from tests.explorer.validation.sections import block, sections


def test_the_matrix_holds_every_regime_of_the_split_and_marks_the_verdicts_own():
    found = regimes.matrix(sections())
    assert found.count("<td") == 9  # three ablations by ablated, kept, zero
    assert found.count("not measured") == 4
    assert found.count("hv-own") == 1
    assert '<td class="hv-4 hv-own"><b>0.90</b><small>0.89–0.91</small></td>' in found
    assert "<b>0.50</b>" in found
    assert "0.77" not in found


def test_other_splits_stand_apart():
    assert regimes.other_splits(sections()) == "other distribution, resample <b>0.77</b>"
    assert regimes.other_splits(block()) == ""


def test_controls_are_told_beside_the_circuit_and_absent_ones_left_out():
    found = regimes.controls(sections() | {"other_task": {"name": "<x>", "faithfulness": 0.06}})
    for part in ("best of 100", "<b>0.31</b>", "<b>0.11</b>", "<b>0.44</b>", "&lt;x&gt;", "0.20"):
        assert part in found
    assert "<b>0.20</b> of the margin is left (without a random one at best 0.60)" in found
    bare = regimes.controls({"faithfulness": 0.9, "phi": None})
    assert "random" not in bare
    assert "margin" not in bare
    assert "this circuit" in bare


def test_nothing_measured_is_an_empty_matrix_and_reasons_are_escaped():
    assert regimes.matrix({}) == ""
    assert regimes.sentences(["<i>"]) == '<ul class="hv-reasons"><li>&lt;i&gt;</li></ul>'
    assert regimes.sentences([]) == ""
