"""The power of the tests for structure is counted from the rows, not told."""

from dark_matter import _power


def entry(own, blind):
    def bases(words):
        return [{"layers": [{"verdict": word} for word in words]}]

    return {"bases": bases(own), "blind": {"bases": bases(blind)} if blind else None}


def test_power_by_hand():
    entries = {
        "a": entry(["noise", "undecided"], ["structured", "undecided"]),
        "b": entry(["noise"], ["structured"]),
        "c": entry(["structured"], None),  # measured without the control
        "d": {"bases": [], "blind": {"bases": []}},  # F cannot be measured
    }
    said = _power(entries)
    assert "*structured* in 2, *undecided* in 1, *noise* in 0 of 3: they miss it in 1 rows" in said
    assert "they say *structured* in 1, *undecided* in 1, *noise* in 2 of 4;" in said
    assert "of the 2 rows whose silenced twin is *structured*, *structured* in 0" in said
    assert "*noise* in 2 of 2." in said
