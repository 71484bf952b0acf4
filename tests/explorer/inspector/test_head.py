"""The inspector of a head: nothing from data is markup, one cell is marked, lists are whole."""

import pytest
import torch

from core.features import EdgeRow
from core.inspector import HeadReport, KeyShare, SourcePair, WhyReport
from explorer.inspector import head as inspector_head

BAD = "<img src=x onerror=1>"


def report(tokens=("a", "b", "c"), shift=0) -> HeadReport:
    pattern = torch.tensor([[1.0, 0, 0], [0.25, 0.75, 0], [0.1, 0.2, 0.7]])
    keys = tuple(
        KeyShare(
            position=i + shift, token=t, weight=float(pattern[2, i]), effect=i - 1.0, score=0.0
        )
        for i, t in enumerate(tokens)
    )
    return HeadReport(
        node="L0H2", label="reads b", kind=BAD, kind_about=BAD, prompt=0, tokens=tokens,
        shift=shift, pattern=pattern, query=2 + shift, keys=keys,
        promoted=(), suppressed=(), delta_p=-0.25,
    )  # fmt: skip


def because(**changes) -> WhyReport:
    given = {
        "head": "L0H2", "query": 2, "key": 1, "weight": 0.2, "score": 1.5,
        "pairs": (SourcePair("x", "y", 1.0), SourcePair(BAD, BAD, -0.5)), "rest": 1.0,
        "at_query": (EdgeRow(node="0:1:2", text="same", effect=2.0),
                     EdgeRow(node="0:1:3", text="same", effect=-0.5)),
        "at_key": (EdgeRow(node="", text=BAD, effect=1.5),), "gap": 1e-6,
    }  # fmt: skip
    return WhyReport(**given | changes)


def test_text_from_data_is_escaped():
    made = report(tokens=(BAD, BAD, BAD))
    parts = [
        inspector_head.kind_html(made),
        inspector_head.pattern_html(made, 2, 1),
        inspector_head.why_html(because(), made),
    ]
    assert all("<img" not in part for part in parts)
    assert all("&lt;img" in part for part in parts)


@pytest.mark.parametrize("shift", [0, 3])
def test_one_cell_is_marked_and_later_keys_are_left_out(shift):
    html = inspector_head.pattern_html(report(shift=shift), 2 + shift, 1 + shift)
    assert html.count("<i") == 6
    assert html.count("hx-chosen") == 1
    assert 'class="hx-chosen" style="--v: 0.200" title="c looks at b: 0.20"' in html


def test_why_names_both_ends_the_score_and_what_is_left():
    html = inspector_head.why_html(because(), report())
    assert "Why c looks at b" in html
    assert "score +1.50" in html
    assert "all other pairs +1.00" in html
    assert "x × y" in html
    assert "gap" not in html


def test_sources_of_one_name_are_told_apart_by_their_ids():
    html = inspector_head.why_html(because(), report())
    assert "0:1:2" in html
    assert "0:1:3" in html


def test_a_gap_that_matters_is_said():
    assert "gap 2e-02" in inspector_head.why_html(because(gap=0.02), report())


def test_the_facts_name_what_it_looks_at_most():
    facts = {
        fact.label: fact.value for fact in inspector_head.head_facts(report(), -0.25, ("5", "7"))
    }
    assert facts["looks most at"] == "c"
    assert facts["of attention"] == "70 %"
    assert facts["ΔP if ablated"] == "−0.25"
    assert facts["direct, 5 − 7"] == "+0.00"  # never under the name of the answer alone
