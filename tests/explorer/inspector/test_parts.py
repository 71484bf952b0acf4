"""The inspector's parts: numbers as people read them, and nothing from data is markup."""

import numpy as np
import pytest

from explorer.inspector import parts as inspector
from explorer.inspector.graph import edge_bars, places, short, to_logit
from explorer.inspector.parts import Bar, Context, Curve, Fact
from explorer.look import theme
from tests.explorer.scenes import scene

BAD = "<img src=x onerror=1>"


@pytest.mark.parametrize(
    ("value", "shown"), [(0.414, "+0.41"), (-0.05, "−0.05"), (-0.001, "+0.00"), (0.0, "+0.00")]
)
def test_a_signed_number_has_a_true_minus(value, shown):
    assert inspector.signed(value) == shown


@pytest.mark.parametrize(("value", "shown"), [(3.414, "3.41"), (-123.4, "−123"), (0.0, "0.00")])
def test_a_number_is_short(value, shown):
    assert inspector.number(value) == shown


@pytest.mark.parametrize(
    ("share", "shown"), [(0.5, "50 %"), (0.094, "9.4 %"), (0.0003, "0.03 %"), (0.0, "0 %")]
)
def test_a_share_is_a_percentage(share, shown):
    assert inspector.percent(share) == shown


def test_text_from_data_is_escaped():
    parts = [
        inspector.title_html(BAD, "x"),
        inspector.facts_html([Fact(BAD, BAD)]),
        inspector.section_html(BAD, "", BAD),
        inspector.heading_html(BAD),
        inspector.bars_html([Bar(BAD, 1.0)]),
        inspector.contexts_html([Context(BAD, [(BAD, 0.5)], BAD)]),
    ]
    assert all("<img" not in part for part in parts)


def test_bars_are_in_proportion_and_coloured_by_sign():
    html = inspector.bars_html([Bar("a", 2.0), Bar("b", -1.0)])
    assert "hx-fill-pos" in html
    assert "width:100.0%" in html
    assert html.index("hx-fill-neg") < html.index("width:50.0%")
    assert "none" in inspector.bars_html([])


def test_tokens_are_tinted_by_activation():
    html = inspector.contexts_html([Context("top", [("17", 0.0), ("=", 0.9)], "3.41", here=True)])
    assert "--tint: 0.90" in html
    assert "hx-hot" in html
    assert "this prompt" in html


def test_the_mark_of_a_histogram_stays_inside():
    html = inspector.histogram_html([5, 1, 2], 0.0, 2.0, 9.0, "role-c")
    assert "left:100.0%" in html
    assert html.count("<i ") == 3
    assert "<u" not in inspector.histogram_html([1], 0.0, 0.0, 1.0, "role-c")


def test_a_curve_marks_the_value_of_this_prompt():
    curve = Curve("s", [0, 1, 2], [0.0, 3.0, 1.0], [(0.0, 0.1), (2.0, 1.0)], "fit", 1, 2.9)
    figure = inspector.curve_figure(curve, theme.DARK, "role-c")
    assert [len(trace.x) for trace in figure.data] == [2, 3, 1]
    assert (figure.data[2].x[0], figure.data[2].y[0]) == (1, 2.9)


def test_a_curve_over_words_has_no_number_axis():
    curve = Curve("who", ["he", "she"], [1.0, 0.0], [], "", None)
    figure = inspector.curve_figure(curve, theme.LIGHT, "role-a")
    assert figure.layout.xaxis.type == "category"
    assert len(figure.data) == 1


def test_edges_of_a_group_close_and_leave_out_inner_ones():
    made = scene()
    members = made.members("D")
    inside = np.isin(made.edge_index[1], members) & ~np.isin(made.edge_index[0], members)
    bars = edge_bars(made, members, "in")
    assert sum(bar.value for bar in bars) == pytest.approx(float(made.weight[inside].sum()))
    assert bars[-1].label.endswith("others")
    sizes = [abs(bar.value) for bar in bars[:-1]]
    assert sizes == sorted(sizes, reverse=True)


def test_a_group_says_where_it_is():
    made = scene()
    assert places(made, made.members("C")) == "L0 at ="
    assert places(made, np.concatenate([made.members("A"), made.members("B")])).startswith("L0 at")


def test_the_direct_effect_is_that_on_the_answer():
    made = scene()
    lead = made.ids.index(made.lead)
    hit = np.isin(made.edge_index[0], made.members("D")) & (made.edge_index[1] == lead)
    assert to_logit(made, made.members("D")) == pytest.approx(float(made.weight[hit].sum()))
    assert short(made, lead) == "57"
    assert short(made, made.ids.index("tok:1")) == "token 17"


def test_names_that_repeat_are_told_apart_by_their_id():
    bars = inspector.told_apart([("1:4:2", "cos", 1.0), ("1:4:3", "cos", 2.0), ("1:4:4", "", 3.0)])
    assert [(bar.id, bar.label) for bar in bars] == [
        ("1:4:2", "cos"),
        ("1:4:3", "cos"),
        ("", "1:4:4"),
    ]
    assert inspector.told_apart([("1:4:2", "sin", 1.0)], "all")[0].id == "1:4:2"
    html = inspector.bars_html([bars[0], inspector.told_apart([("1:4:2", "sin", 1.0)])[0]])
    assert 'title="1:4:2 cos"' in html
    assert 'title="sin"' in html
