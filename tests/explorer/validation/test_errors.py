"""Dark matter: bars with intervals over one axis, words, and what can be read."""

import pytest

from explorer.look.colours import DARK, LIGHT
from explorer.validation import errors
from tests.explorer.validation.sections import dark_matter


def base(name="dictionary") -> dict:
    found = errors.base_named(dark_matter(), name)
    assert found is not None
    return dict(found)


@pytest.mark.parametrize("colours", [DARK, LIGHT])
def test_every_stand_in_has_a_bar_with_its_interval_on_the_one_axis(colours):
    rows = errors.rows_of(base())
    assert [errors.title_of(row) for row in rows] == ["Layer 0", "Layer 1", "All layers"]
    span = errors.extent(rows, 0.02)
    figure = errors.lost_figure(rows[0], colours, span, 0.02)
    bars = {bar.name: bar for bar in figure.data}
    assert list(bars) == [stand.label for stand in errors.STANDS]
    assert bars["another prompt's"].x == (0.04,)
    assert bars["another prompt's"].error_x.array[0] == pytest.approx(0.001)
    assert bars["linear part out"].x == (0.08,)
    assert bars["the rest out"].x == (0.07,)
    low, high = figure.layout.xaxis.range
    assert low < -0.025
    assert high > 0.081
    assert {(shape.x0, shape.x1) for shape in figure.layout.shapes} == {(-0.02, 0.02), (0, 0)}
    texts = {note.text for note in figure.layout.annotations}
    assert {"their mean", "0.040", "0.080"} <= texts


def test_a_row_without_figures_draws_no_bars():
    figure = errors.lost_figure({"layers": [0]}, DARK, errors.extent([{}], 0.02), 0.02)
    assert not figure.data
    assert "–" in {note.text for note in figure.layout.annotations}


def test_the_word_is_a_mark_and_a_text_beside_how_much_is_unexplained():
    found = dark_matter()
    rows = errors.rows_of(base())
    head = errors.head_html(rows[0], found["layers"])
    assert "1.2 % of the variance, R² 0.50 linear" in head
    assert 'class="hx-verdict hx-warn"' in head
    assert "structured" in head
    assert "variance" not in errors.head_html(rows[2], found["layers"])
    assert "hx-idle" in errors.head_html({"layers": [0], "verdict": "<odd>"}, [])
    assert "&lt;odd&gt;" in errors.head_html({"layers": [0], "verdict": "<odd>"}, [])


def test_probes_stand_beside_their_controls():
    table = errors.probe_table(dark_matter(), base())
    assert "kind of" in table
    assert table.count("<b>0.88</b>") == 2
    assert table.count('<td class="n hx-faint">0.25</td>') == 2
    assert table.count('<td class="n">0.061</td>') == 2
    assert "&lt;b&gt;" in table
    assert "“<b>”" not in table
    assert errors.probe_table({"layers": [{"layer": 0, "probes": []}]}, base()) == ""
