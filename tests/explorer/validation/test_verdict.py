"""The verdict's five figures: each beside its control, and none finer than it can be."""

from explorer.validation import verdict
from tests.explorer.validation.sections import sections


def test_each_figure_has_its_control():
    found = verdict.figures_html(sections() | {"chance": 0.5})
    for part in ("random 0.31 at best", "everything 1.00", "chance 0.50", "&lt; 0.01",
                 "none of 100 as good"):  # fmt: skip
        assert part in found
    assert "0.0099" not in found


def test_what_cannot_be_measured_says_so():
    found = verdict.figures_html({"faithfulness": None, "phi": 0.8, "random": {}})
    assert found.count("not measurable") == 3
    assert verdict.claim_html({"faithfulness": None, "necessity": 1.0}, 3) == ""


def test_how_many_random_circuits_did_as_well():
    assert verdict.reached({"p_value": 14 / 101, "n": 100}) == "13 of 100 as good"
    assert verdict.reached({"p_value": 1 / 201, "n": 200}) == "none of 200 as good"
    assert verdict.reached({}) == ""
