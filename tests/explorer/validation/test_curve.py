"""The curve shows what was measured, and nothing where nothing was."""

import math

import pytest

from core.verdicts import points_of
from explorer.look.colours import DARK, LIGHT
from explorer.validation.curve import size_curve, ticks
from tests.explorer.validation.sections import sections


def data(figure) -> dict:
    return {trace.name: trace for trace in figure.data}


@pytest.mark.parametrize("colours", [DARK, LIGHT])
def test_circuit_accuracy_and_random_circuits_are_drawn_with_the_size_in_use(colours):
    figure = size_curve(sections(), colours)
    assert figure is not None
    lines = data(figure)
    assert list(lines["F"].y) == [0, 0.25, 0.5, 1.0]
    assert lines["φ"].line.dash == "dash"
    assert max(lines["random"].y) == 0.1
    said = [note.text for note in figure.layout.annotations]
    assert "<b>12 nodes, F 0.50</b>" in said
    assert {"F, circuit", "φ, accuracy", "random, F"} <= set(said)
    heights = sorted(note.y for note in figure.layout.annotations if note.xref == "paper")
    assert min(b - a for a, b in zip(heights, heights[1:], strict=False)) >= 0.069


def test_without_random_circuits_there_is_no_band_and_without_sizes_no_figure():
    found = sections()
    for point in found["curve"]:
        del point["random_low"]
    figure = size_curve(found, DARK)
    assert figure is not None
    assert "random" not in data(figure)
    assert size_curve({"curve": found["curve"][:1]}, DARK) is None
    assert size_curve({}, DARK) is None


def test_a_size_in_use_that_was_not_measured_has_no_ring():
    figure = size_curve(sections() | {"n_nodes": 13}, DARK)
    assert figure is not None
    assert not [note for note in figure.layout.annotations if "nodes, F" in note.text]


def test_named_sizes_have_room_and_the_largest_is_named():
    rows = [{"size": n, "faithfulness": 0.0, "phi": 0.0} for n in range(0, 400, 7)]
    named = ticks(points_of(rows))
    assert named[-1] == 399
    assert named[0] == 0
    places = [math.log1p(size) for size in named]
    assert min(b - a for a, b in zip(places, places[1:], strict=False)) >= 0.065 * math.log1p(399)


def test_the_label_of_the_size_in_use_stands_over_the_plot():
    figure = size_curve(sections(), DARK)
    assert figure is not None
    (note,) = [a for a in figure.layout.annotations if "nodes, F" in a.text]
    assert (note.y, note.yref, note.yanchor) == (1, "paper", "bottom")
    assert figure.layout.margin.t >= 20
