"""The inspector of a supernode says only what a shuffled variable does not say as well."""

from core.features import Decoded
from core.inspector import HeadMember
from explorer.inspector.supernode import DECODED, decoded_html, read_by, read_off


def reading(score: float, control: float, frequency: int | None = 2) -> Decoded:
    return Decoded(variable="a", frequency=frequency, score=score, control=control)


def test_readings_below_their_control_are_left_out():
    good, weak, bad = reading(0.9, 0.1), reading(0.03, 0.16), reading(-0.06, -0.1)
    assert read_off([good, weak, bad]) == [good]
    assert read_off([good] * (DECODED + 2)) == [good] * DECODED


def test_a_reading_says_what_its_figure_is():
    assert "0.10 with the variable shuffled" in decoded_html(reading(0.9, 0.1))
    assert "prompts told right" in decoded_html(reading(0.9, 0.1, None))


def test_heads_are_listed_by_what_they_read_from_where_they_are():
    def head(node: str, query: str) -> HeadMember:
        return HeadMember(
            node=node, label="", rank=1, query=query, key="17", weight=0.9, delta_p=-0.1
        )

    assert read_by([head("L0H1@4", "="), head("L0H1@0", "")]) == [("L0H1@4", "= ← 17", 0.9)]
