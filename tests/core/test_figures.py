"""Figures in files and as people read them: what cannot be computed is null, NaN or a dash."""

import json
import math

from core.figures import (
    each_float,
    figure,
    figure_of,
    json_safe,
    number,
    or_nan,
    p_text,
    percent,
    probability,
    real,
    spread,
    two,
)

NAN, INF = math.nan, math.inf


def test_figures_have_no_negative_nothing_and_p_keeps_its_digits():
    told = [figure(value) for value in (-0.004, -0.006, 0.0, None, NAN, -INF)]
    assert told == ["0.00", "-0.01", "0.00", "–", "–", "–"]
    assert [figure(value, 3) for value in (-0.0004, 0.12345)] == ["0.000", "0.123"]
    assert [probability(p) for p in (1 / 101, 1.0, None, NAN)] == ["0.0099", "1.0000", "–", "–"]


def test_a_p_value_is_no_finer_than_a_hundred_draws_can_tell():
    told = [p_text(p) for p in (1 / 101, 0.01, 0.139, 1, None, NAN, "0.5")]
    assert told == ["< 0.01", "0.01", "0.14", "1.00", "–", "–", "–"]


def test_figures_for_people_have_a_true_minus_and_lose_no_small_ones():
    assert [two(v) for v in (-0.5, 0, 0.0042, None, NAN)] == ["−0.50", "0.00", "4.2e−03", "–", "–"]
    assert [percent(v) for v in (0.5, 0.004, 0.995, -0.25)] == ["50 %", "0.4 %", "99.5 %", "−25 %"]
    told = [spread(v) for v in ([0.97, 0.99], (-1.0, 2), [None, 1.0], [1.0], None)]
    assert told == ["0.97–0.99", "−1.00–2.00", "", "", ""]


def test_a_file_holds_null_for_what_cannot_be_computed():
    assert [number(value) for value in (1 / 3, NAN, INF, -INF)] == [0.333333, None, None, None]
    assert number(1 / 3, 4) == 0.3333
    body = {"a": [NAN, 1.5, {"b": INF}], "c": (1, True, "x", None)}
    assert json_safe(body) == {"a": [None, 1.5, {"b": None}], "c": [1, True, "x", None]}
    json.dumps(json_safe(body), allow_nan=False)


def test_what_a_file_holds_is_read_as_a_number_or_as_none():
    assert [real(value) for value in (2, 0.5, True, "1", None, NAN, INF)] == [2.0, 0.5] + [None] * 5
    assert or_nan(0.5) == 0.5
    assert math.isnan(or_nan(None))
    assert figure_of({"f": 0.5}, "f") == 0.5
    assert math.isnan(figure_of({"f": None}, "f"))
    assert math.isnan(figure_of({}, "f"))


def test_every_float_is_changed_and_nothing_else():
    assert each_float({"a": (1.26, 2), "b": "x"}, lambda x: round(x, 1)) == {
        "a": [1.3, 2],
        "b": "x",
    }
