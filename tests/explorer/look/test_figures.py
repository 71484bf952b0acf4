"""Figures: what is drawn is what was given, told apart by fill, and text stays text."""

import json

import numpy as np
import pytest

from explorer.look import figures, theme
from explorer.look.figures import Bars, Dots

ROWS = [Bars("57", 0.99, 0.98, 0.37, True), Bars("<b>4", 0.0, 0.01, 0.14)]


@pytest.fixture(params=["dark", "light"])
def colours(request):
    return theme.palette(request.param)


def _texts(figure):
    return [note.text for note in figure.layout.annotations]


def test_bars_hold_the_three_series_in_their_fills(colours):
    figure = figures.prompt_bars(ROWS, colours)
    full, circuit, changed = figure.data
    assert (list(full.x), list(circuit.x), list(changed.x)) == (
        [0.99, 0.0],
        [0.98, 0.01],
        [0.37, 0.14],
    )
    assert full.marker.color == "rgba(0,0,0,0)"
    assert circuit.marker.color == colours["series-circuit"]
    assert changed.marker.pattern.shape == "/"


def test_bars_say_the_change_from_the_base(colours):
    assert "<b>−0.61</b>" in _texts(figures.prompt_bars(ROWS, colours))
    assert "<b>−0.62</b>" in _texts(figures.prompt_bars(ROWS, colours, base="full"))


def test_a_token_that_looks_like_html_stays_text(colours):
    assert "<b>&lt;b&gt;4</b>" in _texts(figures.prompt_bars(ROWS, colours))


def test_no_tokens_is_an_empty_figure_not_an_error(colours):
    assert figures.prompt_bars([], colours).data[0].x == ()


def test_the_strip_has_a_dot_for_each_prompt_a_median_and_chance(colours):
    series = [
        Dots("full model", "full", [1, 0.9, 0.8]),
        Dots("ablated", "ablated", [0.5, 0.1, 0.2]),
    ]
    figure = figures.task_strip(series, colours, names=["a", "b", "c"], chance=0.25, current=1)
    dots = [trace for trace in figure.data if trace.name]
    assert [len(trace.x) for trace in dots] == [3, 3]
    rings = [trace.x[0] for trace in figure.data if trace.hoverinfo == "skip"]
    assert rings == [0.9, 0.1]
    assert {"<b>0.90</b>", "<b>0.20</b>", "chance", "median"} <= set(_texts(figure))


@pytest.mark.parametrize("chance", [0.0, 0.25, 0.5, 0.51, 0.9, 1.0])
def test_chance_is_named_apart_from_the_head_of_the_medians(colours, chance):
    strip = figures.task_strip([Dots("a", "full", [1.0])], colours, names=["a"], chance=chance)
    notes = {note.text: note for note in strip.layout.annotations}
    word, head, plot = 40, notes["median"], 120  # pixels; no panel leaves a plot less than that
    low, high = strip.layout.xaxis.range
    line = plot * (chance - low) / (high - low)
    end = line + notes["chance"].xshift + word * (notes["chance"].xanchor == "left")
    assert end < plot + head.xshift - word


def test_a_series_of_some_prompts_has_its_ring_only_where_it_has_the_prompt(colours):
    some = [Dots("random ablated", "random", [0.3, 0.4], prompts=[0, 2])]
    names = ["a", "b", "c"]
    without = figures.task_strip(some, colours, names=names, current=1)
    assert not [trace for trace in without.data if trace.hoverinfo == "skip"]
    figure = figures.task_strip(some, colours, names=names, current=2)
    assert [trace.x[0] for trace in figure.data if trace.hoverinfo == "skip"] == [0.4]
    assert list(figure.data[0].customdata) == ["a", "c"]


def test_the_histogram_counts_every_draw_and_shows_the_selection(colours):
    random = np.linspace(0, 0.2, 200)
    figure = figures.against_random(0.58, random, colours)
    assert sum(figure.data[0].y) == 200
    assert figure.data[2].x == (0.58,)
    low, high = figure.layout.xaxis.range
    assert low <= 0
    assert high > 0.58


def test_a_histogram_of_values_below_zero_keeps_them_on_the_axis(colours):
    figure = figures.against_random(-0.2, [-0.5, 0.1], colours)
    assert sum(figure.data[0].y) == 2
    assert "<b>−0.20</b>" in _texts(figure)


@pytest.mark.parametrize(("value", "text"), [(0.144, "+0.14"), (-0.61, "−0.61"), (-0.001, "0.00")])
def test_signed_numbers_have_a_true_minus(value, text):
    assert figures.signed(value) == text


def test_every_colour_of_a_figure_is_a_token_of_the_theme(colours):
    series = [Dots("full model", "full", [1.0]), Dots("random", "random", [0.5])]
    drawn = [
        figures.prompt_bars(ROWS, colours),
        figures.task_strip(series, colours, names=["a"], chance=0.1, current=0),
        figures.against_random(0.5, [0.1, 0.2], colours),
    ]
    known = {value.upper() for value in colours.values()}
    for figure in drawn:
        text = json.dumps(figure.to_plotly_json(), default=lambda v: getattr(v, "tolist", str)())
        used = {f"#{part[:6].upper()}" for part in text.split('"#')[1:]}
        assert used <= known


def test_no_figure_links_outside():
    assert "plotlyServerURL" not in figures.CONFIG
    assert figures.CONFIG["displaylogo"] is False
