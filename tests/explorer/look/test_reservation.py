"""What a verdict is short of, in a line and in a table."""

from explorer.look.evidence import evidence_html, other_reasons, p_text
from explorer.look.reservation import in_short, reservation
from tests.explorer.validation.sections import block


def found(verdict="holds_in_part", **failed):
    mean = block("mean") | {"phi_empty": 0.57, "accuracy_empty": 0.56}
    said = ["Under resample ablation 12 nodes alone keep F 0.90 of the margin.", "And <b>more</b>."]
    names = {"model": [], "resample": [], "mean": []} | failed
    return block() | {"verdict": verdict, "failed": names, "other_regimes": [mean],
                      "reasons": said}  # fmt: skip


def test_a_floor_under_one_ablation():
    short = reservation(found(mean=["floor"]))
    assert short == "In part: with nothing kept, accuracy is already 0.56 under mean ablation."
    assert in_short(found(mean=["floor"])) == "φ(∅) 0.57, mean"


def test_chance_stands_beside_a_floor():
    made = found(mean=["floor"])
    made["other_regimes"][0]["chance"] = 0.5
    assert "already 0.56 (chance 0.50) under mean" in reservation(made)


def test_several_conditions_of_one_ablation_name_it_once():
    short = reservation(found(mean=["floor", "random"]))
    assert short.startswith("In part, under mean ablation: with nothing kept")
    assert short.count("mean") == 1
    assert "up to F 0.31" in short


def test_a_condition_of_both_has_both_figures():
    short = reservation(found(resample=["phi"], mean=["phi", "floor"]))
    assert "φ is 0.95 under resample and 0.95 under mean ablation" in short


def test_a_model_that_cannot_be_explained_comes_first():
    made = found("rejected", model=["gate"], mean=["floor"]) | {"model_accuracy": 0.03, "gate": 0.9}
    short = "Rejected: the model answers 0.03 of the prompts right, 0.90 is required."
    assert reservation(made) == short
    assert in_short(made) == ""


def test_what_holds_and_what_is_old_has_no_reservation():
    assert reservation(found("holds")) == ""
    assert reservation({"verdict": "holds_in_part", "faithfulness": 0.9}) == ""
    assert reservation({}) == in_short({}) == ""


def test_the_table_marks_the_figure_that_misses():
    html = evidence_html(found(mean=["floor"]))
    assert html.count("hx-unmet") == 1
    assert "<b>0.57</b>" in html
    assert "≥ 0.90" in html
    assert evidence_html({}) == ""


def test_a_condition_of_two_figures_marks_the_right_one():
    needed = evidence_html(found(mean=["necessity"]))
    assert needed.index("… without a random one") < needed.index("hx-unmet")
    random = evidence_html(found(mean=["random"]))
    assert "hx-unmet" not in random  # neither figure misses here: nothing is marked by guess


def test_sentences_of_the_same_figures_are_left_out_beside_the_table():
    assert other_reasons(found()) == ["And <b>more</b>."]
    assert len(other_reasons({"reasons": found()["reasons"]})) == 2


def test_the_least_p_of_a_hundred_draws_is_not_given_finer():
    assert p_text({"p_value": 1 / 101, "n": 100}) == "&lt; 0.01"
    assert p_text({"p_value": 0.139}) == "0.14"
    assert p_text({}) == "–"
