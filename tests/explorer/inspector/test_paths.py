"""The heads that an edge runs through, in a few words: by hand."""

import pytest

from core.attribution import Paths
from explorer.inspector.parts import Bar, bars_html, two_lists_html
from explorer.inspector.paths import via_text, with_paths


@pytest.mark.parametrize(
    ("direct", "heads", "text"),
    [
        (0.2, [("L1H2", 0.61)], "via L1H2 0.61, direct 0.20"),
        (0.0, [("L1H2", 0.61), ("L0H1", -0.3)], "via L1H2 0.61, L0H1 −0.30"),
        (0.5, [("L1H2", 0.01)], ""),  # all but all of it is direct
        (0.0, [("L1H2", 1.0), ("L0H1", 0.01)], "via L1H2 1.00"),
        (0.1, [(f"L1H{i}", 0.4) for i in range(4)],
         "via L1H0 0.40, L1H1 0.40, direct 0.10, other heads 0.80"),
        (0.0, [], ""),
    ],
)  # fmt: skip
def test_only_what_is_worth_a_word_is_named(direct, heads, text):
    assert via_text(Paths(direct=direct, heads=tuple(heads))) == text


def test_a_bar_has_a_line_below_and_its_list_the_whole_width():
    bars = [Bar("token 17", 0.8, go="tok:1"), Bar("5 others", 0.1)]
    found = with_paths(bars, {"tok:1": Paths(direct=0.2, heads=(("L1H2", 0.6),))})
    assert [bar.via for bar in found] == ["via L1H2 0.60, direct 0.20", ""]
    assert "via L1H2 0.60, direct 0.20</div>" in bars_html(found)
    assert "hx-wide" in two_lists_html(("In", found), ("Out", []))
    assert "hx-wide" not in two_lists_html(("In", bars), ("Out", []))
