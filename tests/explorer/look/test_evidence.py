"""What a verdict is short of, in a table."""

from explorer.look.evidence import evidence_html, other_reasons, p_text
from tests.explorer.validation.sections import short_of


def test_the_table_marks_the_figure_that_misses():
    html = evidence_html(short_of(mean=["floor"]))
    assert html.count("hx-unmet") == 1
    assert "<b>0.57</b>" in html
    assert "≥ 0.90" in html
    assert evidence_html({}) == ""


def test_a_condition_of_two_figures_marks_the_right_one():
    needed = evidence_html(short_of(mean=["necessity"]))
    assert needed.index("… without a random one") < needed.index("hx-unmet")
    random = evidence_html(short_of(mean=["random"]))
    assert "hx-unmet" not in random  # neither figure misses here: nothing is marked by guess


def test_sentences_of_the_same_figures_are_left_out_beside_the_table():
    assert other_reasons(short_of()) == ["And <b>more</b>."]
    assert len(other_reasons({"reasons": short_of()["reasons"]})) == 2


def test_the_least_p_of_a_hundred_draws_is_not_given_finer():
    assert p_text({"p_value": 1 / 101, "n": 100}) == "&lt; 0.01"
    assert p_text({"p_value": 0.139}) == "0.14"
    assert p_text({}) == "–"
