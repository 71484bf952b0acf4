"""The inspector's parts: numbers as people read them, and nothing from data is markup."""

import numpy as np
import pytest

from explorer.inspector import parts as inspector
from explorer.inspector.charts import Curve, curve_figure, histogram_html
from explorer.inspector.contexts import Context, contexts_html, window
from explorer.inspector.graph import edge_bars, places, short, to_logit
from explorer.inspector.parts import Bar, Fact
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
        inspector.title_html("A", "x", about=BAD),
        inspector.facts_html([Fact(BAD, BAD)]),
        inspector.section_html(BAD, "", BAD),
        inspector.heading_html(BAD),
        inspector.bars_html([Bar(BAD, 1.0)]),
        contexts_html([Context(BAD, [(BAD, 0.5)], BAD)]),
    ]
    assert all("<img" not in part for part in parts)


def test_bars_are_in_proportion_and_coloured_by_sign():
    html = inspector.bars_html([Bar("a", 2.0), Bar("b", -1.0)])
    assert "hx-fill-pos" in html
    assert "width:100.0%" in html
    assert html.index("hx-fill-neg") < html.index("width:50.0%")
    assert "none" in inspector.bars_html([])


def test_a_bar_that_stands_for_a_node_leads_there():
    named = inspector.told_apart([("0:4:7", "cos 5", 1.0), ("outside", "", 0.5)])
    html = inspector.bars_html([*named, Bar("3 others", 0.1)])
    assert html.count("<button") == 1
    assert 'data-go="0:4:7"' in html
    assert "<img" not in inspector.row_html("hx-bar", BAD, "")


def test_small_bars_are_not_all_nought():
    assert "+0.0003" in inspector.bars_html([Bar("a", 0.0003)])
    assert "+0.00<" in inspector.bars_html([Bar("a", 0.0003), Bar("b", 1.0)])


def test_tokens_are_tinted_by_activation():
    html = contexts_html([Context("top", [("17", 0.0), ("=", 0.9)], "3.41", here=True)])
    assert "--tint: 0.90" in html
    assert "hx-hot" in html
    assert "this prompt" in html


def test_the_mark_of_a_histogram_stays_inside():
    html = histogram_html([5, 1, 2], 0.0, 2.0, 9.0, "role-c")
    assert "left:100.0%" in html
    assert html.count("<i ") == 3
    assert "<u" not in histogram_html([1], 0.0, 0.0, 1.0, "role-c")


def test_a_curve_marks_the_value_of_this_prompt():
    curve = Curve("s", [0, 1, 2], [0.0, 3.0, 1.0], [(0.0, 0.1), (2.0, 1.0)], "fit", 1, 2.9)
    figure = curve_figure(curve, theme.DARK, "role-c")
    assert [len(trace.x) for trace in figure.data] == [2, 3, 1]
    assert (figure.data[2].x[0], figure.data[2].y[0]) == (1, 2.9)


def test_a_curve_over_words_has_no_number_axis():
    curve = Curve("who", ["he", "she"], [1.0, 0.0], [], "", None)
    figure = curve_figure(curve, theme.LIGHT, "role-a")
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


def test_an_effect_on_a_margin_has_another_name_than_one_on_the_answer():
    one, two = inspector.direct_fact(-3.0, "39"), inspector.direct_fact(-3.0, "39", "58")
    assert (one.value, one.label, one.tone) == ("−3.00", "direct effect", "neg")
    assert two.label == "direct, 39 − 58"


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


def test_a_long_prompt_is_shown_around_its_hottest_token():
    words = [
        "after",
        "Susan",
        "and",
        "Henry",
        "walked",
        "to",
        "the",
        "cafe",
        "Susan",
        "handed",
        "the",
        "ring",
        "to",
    ]
    tokens = [(word, 0.9 if i == 10 else 0.0) for i, word in enumerate(words)]
    shown = window(tokens, room=24)
    assert ("the", 0.9) in shown
    assert shown[0] == ("…", 0.0)
    assert sum(len(word) + 1 for word, _ in shown) <= 24
    first = words.index(shown[1][0], 5)
    assert [word for word, _ in shown if word != "…"] == words[first : first + len(shown) - 2]
    assert window(tokens[:3], room=24) == tokens[:3]


def test_a_token_longer_than_the_line_is_still_shown():
    assert window([("a", 0.0), ("x" * 50, 1.0), ("b", 0.0)], room=20)[1] == ("x" * 50, 1.0)


def test_bars_after_the_fold_are_counted_and_kept():
    html = inspector.bars_html([Bar(f"n{i}", 1.0) for i in range(9)], fold=4)
    assert "<summary>5 more</summary>" in html
    assert html.count('class="hx-bar"') == 9
    assert "summary" not in inspector.bars_html([Bar("a", 1.0)] * 5, fold=4)


def test_long_names_get_a_line_of_their_own():
    short = inspector.two_lists_html(("In", [Bar("L0H1", 1.0)]), ("Out", [Bar("57", 1.0)]))
    long = inspector.two_lists_html(("In", [Bar("cos 24·a + cos 24·b", 1.0)]), ("Out", []))
    assert "hx-pair" in short
    assert "hx-pair" not in long


def test_bars_with_an_id_get_a_line_of_their_own_however_short_their_names():
    named = inspector.two_lists_html(("In", [Bar("k 1 · a", 1.0, id="C")]), ("Out", []))
    assert "hx-pair" not in named


def test_edges_of_a_supernode_name_the_supernodes_at_their_other_ends():
    made = scene()
    members = made.members("C1")
    bars = edge_bars(made, members, "out", under="C1")
    by_id = {bar.id: bar.value for bar in bars if bar.id}
    assert by_id.keys() == {"D"}
    inside = np.isin(made.edge_index[0], members) & np.isin(made.edge_index[1], made.members("D"))
    assert by_id["D"] == pytest.approx(float(made.weight[inside].sum()))
    every = np.isin(made.edge_index[0], members) & ~np.isin(made.edge_index[1], members)
    assert sum(bar.value for bar in bars) == pytest.approx(float(made.weight[every].sum()))
