"""Every verdict can be reached, and only by its own numbers."""

import pytest

from core.validation import Evidence, Verdict, judge


def block(**changes):
    base = {
        "ablation": "resample", "n_nodes": 40, "faithfulness": 0.97,
        "faithfulness_ci": [0.95, 0.99], "phi": 0.99, "phi_empty": 0.02, "necessity": 0.95,
        "random": {"n": 100, "faithfulness_max": 0.3, "p_value": 1 / 101},
        "necessity_errors": "kept",
    }  # fmt: skip
    return {**base, **changes}


def evidence(resample, mean=None, **changes):
    base = {"accuracy": 1.0, "gate": 0.98, "span_ci_low": 3.0, "smallest_span": 1.0}
    base |= {
        "errors_kept": 0.98,
        "worst_fvu": 0.01,
        "blocks": (resample, mean or {**resample, "ablation": "mean"}),
    }
    return Evidence(**{**base, **changes})


def test_what_cannot_be_computed_passes_no_threshold_and_is_a_dash():
    empty = dict.fromkeys(("faithfulness", "phi", "phi_empty", "necessity"))
    random = {"n": 100, "faithfulness_max": None, "p_value": 1.0}
    none = block(**empty, faithfulness_ci=[None, None], random=random)
    judged = judge(evidence(none, errors_kept=float("nan")))
    assert judged.verdict is Verdict.DOES_NOT_HOLD
    assert "keep F – of the margin and φ – of the right answers" in judged.reasons[0]
    assert "as on the clean prompt, – of the margin is left" in judged.reasons[0]


NEEDED = {"n": 100, "faithfulness_max": 0.3, "p_value": 1 / 101, "necessity_max": 0.96}
"""Random circuits of which one is needed as much; heads are left out of that where they count."""
WEAK = {"faithfulness": 0.4, "faithfulness_ci": [0.35, 0.45], "phi": 0.5}


@pytest.mark.parametrize(
    ("given", "want"),
    [
        (evidence(block()), Verdict.HOLDS),
        (evidence(block(necessity=0.1)), Verdict.SUFFICIENT_NOT_NECESSARY),
        (evidence(block(random=NEEDED)), Verdict.SUFFICIENT_NOT_NECESSARY),
        (evidence(block(random=NEEDED, necessity_features=0.94)), Verdict.SUFFICIENT_NOT_NECESSARY),
        (evidence(block(random=NEEDED, necessity_features=0.97)), Verdict.HOLDS),
        (evidence(block(faithfulness=0.8, faithfulness_ci=[0.75, 0.85])), Verdict.HOLDS_IN_PART),
        (evidence(block(), block(**WEAK, ablation="mean")), Verdict.HOLDS_IN_PART),
        (evidence(block(**WEAK)), Verdict.NECESSARY_NOT_SUFFICIENT),
        (evidence(block(**WEAK, necessity=0.1)), Verdict.DOES_NOT_HOLD),
        (
            evidence(block(faithfulness=0.8, faithfulness_ci=[0.6, 0.95], phi=0.85)),
            Verdict.UNDECIDED,
        ),
        (evidence(block(), accuracy=0.3), Verdict.REJECTED),
        (evidence(block(), span_ci_low=-0.1), Verdict.REJECTED),
    ],
)
def test_verdicts(given, want):
    assert judge(given).verdict is want


def test_a_random_circuit_that_does_as_well_spoils_it():
    no_better = block(random={"n": 100, "faithfulness_max": 0.98, "p_value": 0.2})
    assert judge(evidence(no_better)).verdict is Verdict.NOT_SPECIFIC


def test_a_circuit_that_gets_few_right_does_not_hold_in_part():
    few = block(faithfulness=0.75, faithfulness_ci=[0.72, 0.78], phi=0.4, necessity=0.2)
    assert judge(evidence(few)).verdict is Verdict.DOES_NOT_HOLD
    some = block(faithfulness=0.75, faithfulness_ci=[0.72, 0.78], phi=0.8, necessity=0.2)
    assert judge(evidence(some)).verdict is Verdict.HOLDS_IN_PART


def test_where_nearly_any_feature_of_the_sites_would_do_it_holds_in_part():
    dense = block(random={"n": 100, "faithfulness_max": 0.93, "p_value": 1 / 101})
    judged = judge(evidence(dense))
    assert judged.verdict is Verdict.HOLDS_IN_PART
    assert judged.failed["resample"] == ("random",)
    assert any("nearly any of their features would do" in reason for reason in judged.reasons)


def test_a_circuit_no_more_needed_than_a_random_one_is_not_necessary():
    shared = block(
        random={"n": 100, "faithfulness_max": 0.3, "p_value": 1 / 101, "necessity_max": 0.96}
    )
    judged = judge(evidence(shared))
    assert judged.verdict is Verdict.SUFFICIENT_NOT_NECESSARY
    assert "without a random circuit: 0.04 or more" in judged.reasons[0]


def test_features_that_need_no_search_are_told_and_do_not_spoil_it():
    plain = {
        "first": {"faithfulness": 0.93, "phi": 1.0},
        "most_active": {"faithfulness": 0.5, "phi": 1.0},
    }
    judged = judge(evidence(block(plain=plain)))
    assert judged.verdict is Verdict.HOLDS
    assert "the dictionary's first features: F 0.93, the most active: F 0.50" in judged.reasons[0]
    assert "where and how many, more than which" in judged.reasons[-1]


def test_a_floor_spoils_it_and_is_named():
    judged = judge(evidence(block(phi_empty=0.9)))
    assert judged.verdict is not Verdict.HOLDS
    assert any("floor" in reason for reason in judged.reasons)


def test_dark_matter_and_a_small_dictionary_are_named():
    judged = judge(evidence(block(**WEAK), errors_kept=0.9, worst_fvu=0.4))
    assert any("dark matter" in reason for reason in judged.reasons)
    assert any("larger dictionary" in reason for reason in judged.reasons)


def test_a_rejected_circuit_is_told_what_else_would_have_stopped_it():
    bad = block(**WEAK, random={"n": 100, "faithfulness_max": 0.6, "p_value": 0.4})
    none = block(faithfulness=None, faithfulness_ci=[None, None], necessity=None, ablation="mean")
    judged = judge(evidence(bad, none, accuracy=0.3, span_ci_low=-0.1))
    assert judged.verdict is Verdict.REJECTED
    assert judged.failed == {
        "model": ("gate", "span"),
        "resample": ("faithfulness", "phi", "random"),
        "mean": ("faithfulness", "necessity"),
    }
    assert "answers 0.30 of the prompts" in judged.reasons[0]
    assert "more than 1 logits" in judged.reasons[1]
    assert "F 0.40 (0.9 is required)" in judged.reasons[2]
    assert "p 0.4000 against random circuits" in judged.reasons[2]
    assert "F not measurable" in judged.reasons[3]


def test_a_rejected_circuit_that_fails_by_nothing_else_is_told_so():
    judged = judge(evidence(block(), accuracy=0.3))
    assert "it meets every condition" in judged.reasons[1]


def test_what_rounds_to_nothing_has_no_sign_and_p_keeps_its_digits():
    judged = judge(evidence(block(necessity=1.001, phi_empty=-0.0)))
    assert "-0.00" not in " ".join(judged.reasons)
    assert "p = 0.0099" in judged.reasons[0]


@pytest.mark.parametrize(("regime", "words"), [("kept", "kept as on the"), ("live", "recomputed")])
def test_necessity_says_how_errors_run(regime, words):
    judged = judge(evidence(block(necessity_errors=regime)))
    assert words in judged.reasons[0]


def test_both_ablations_have_to_find_it_necessary():
    under_mean = block(ablation="mean", necessity=0.1)
    judged = judge(evidence(block(), under_mean))
    assert judged.verdict is Verdict.SUFFICIENT_NOT_NECESSARY


def test_the_floor_is_a_share_of_the_circuits_own_accuracy():
    # Half of 0.92 is less than 0.48, half of 1 is not.
    assert judge(evidence(block(phi=0.92, phi_empty=0.48))).failed["resample"] == ("floor",)
    assert judge(evidence(block(phi=1.0, phi_empty=0.48))).failed["resample"] == ()


@pytest.mark.parametrize(
    ("chance", "empty", "n", "holds"),
    [
        (0.5, 0.50, 200, True),
        (0.5, 0.57, 200, True),  # 2 standard errors of one half are 0.071
        (0.5, 0.58, 200, False),
        (0.02, 0.55, 200, False),
        (0.6, 0.60, 200, False),  # one answer for most prompts: accuracy says too little
    ],
)
def test_a_floor_at_chance_is_no_floor(chance, empty, n, holds):
    given = block(phi_empty=empty, accuracy_empty=empty, chance=chance, n_prompts=n)
    judged = judge(evidence(given))
    assert (judged.verdict is Verdict.HOLDS) is holds
    assert ("floor" not in judged.failed["resample"]) is holds
    assert ("no more than the commonest answer has" in judged.reasons[0]) is holds
