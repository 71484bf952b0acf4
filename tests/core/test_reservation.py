"""What a verdict is short of, in a line."""

from core.verdicts import in_short, reservation
from tests.explorer.validation.sections import short_of


def test_a_floor_under_one_ablation():
    short = reservation(short_of(mean=["floor"]))
    assert short == "In part: with nothing kept, accuracy is already 0.56 under mean ablation."
    assert in_short(short_of(mean=["floor"])) == "φ(∅) 0.57, mean"


def test_chance_stands_beside_a_floor():
    made = short_of(mean=["floor"])
    made["other_regimes"][0]["chance"] = 0.5
    assert "already 0.56 (chance 0.50) under mean" in reservation(made)


def test_several_conditions_of_one_ablation_name_it_once():
    short = reservation(short_of(mean=["floor", "random"]))
    assert short.startswith("In part, under mean ablation: with nothing kept")
    assert short.count("mean") == 1
    assert "up to F 0.31" in short


def test_a_condition_of_both_has_both_figures():
    short = reservation(short_of(resample=["phi"], mean=["phi", "floor"]))
    assert "φ is 0.95 under resample and 0.95 under mean ablation" in short


def test_a_model_that_cannot_be_explained_comes_first():
    made = short_of("rejected", model=["gate"], mean=["floor"])
    made |= {"model_accuracy": 0.03, "gate": 0.9}
    short = "Rejected: the model answers 0.03 of the prompts right, 0.90 is required."
    assert reservation(made) == short
    assert in_short(made) == ""


def test_a_circuit_that_is_not_necessary_says_so_in_a_few_signs():
    """Short enough for a row of the library: beside the verdict there is little room."""
    made = short_of("sufficient_not_necessary", resample=["necessity"])
    made |= {"necessity": 0.7, "random": {"necessity_max": 0.8}}
    assert in_short(made) == "no more than random, resample"
    assert in_short(made | {"necessity": 0.4, "random": {"necessity_max": 0.2}}) == (
        "costs 0.40, resample"
    )


def test_what_holds_and_what_is_old_has_no_reservation():
    assert reservation(short_of("holds")) == ""
    assert reservation({"verdict": "holds_in_part", "faithfulness": 0.9}) == ""
    assert reservation({}) == in_short({}) == ""
