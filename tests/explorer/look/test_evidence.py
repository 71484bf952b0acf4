"""What a verdict is short of, in a table."""

import math

import pytest

from explorer.look.evidence import evidence_html, other_reasons
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


@pytest.mark.parametrize(
    ("p", "told"), [(1 / 101, "&lt; 0.01"), (0.139, "0.14"), (math.nan, "–"), (None, "–")]
)
def test_p_is_escaped_and_a_missing_one_is_a_dash(p, told):
    found = short_of()
    assert f'<td class="n">{told}</td>' in evidence_html(
        found | {"random": found["random"] | {"p_value": p}}
    )
