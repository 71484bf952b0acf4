"""The table of `frontier`: a line for each model, dictionary and way of counting."""

from collections.abc import Mapping, Sequence
from typing import Any

from study import line, rule, shown

from core.choices import JUDGED

SHOWN = (30, 40, 57, 85, 100, 200, 347)
"""Sizes of the table; the JSON file has them all."""
BESIDE = ("first", "most active", "random", "prefix random", "swept smallest")
"""Columns of circuits without a search."""
WANTED = 0.97
"""F and φ of a circuit that is good enough."""
DRAWS = 100
"""Random circuits of a size."""


def page(found: Mapping[str, Any]) -> str:
    """A line a row, F under both ablations at some sizes."""
    head = ["model/dictionary/counting", "smallest", "live", "bits", "fires", "F", *BESIDE]
    lines = [
        "# Size and faithfulness",
        "",
        "`python benchmarks/frontier.py`. Strict regime, test split; F as resample / mean. "
        f"Smallest: nodes at which F and φ reach {WANTED} under both on the selection split, then "
        "in brackets the worst of the four on the test split; live and bits: of that circuit; "
        "fires: median firing rate of the kept features; F: of that circuit. Beside it, without a "
        "search, circuits with as many nodes of each kind, layer and position. First: the first "
        "features of the dictionary; most active: those of the largest mean activation; random, "
        f"prefix random: best of {DRAWS} drawn among all that fire there, or in the dense prefix "
        "of a nested dictionary. Swept smallest: as smallest, all heads and the first features of "
        "either layer, of which only the two counts are chosen, on the selection split (then in "
        "brackets counts; worst on test). Where no circuit is good enough these are of the "
        "largest. – : not measurable, or no such circuit.",
        "",
        line([*head, *(f"F at {size}" for size in SHOWN)]),
        rule(len(head) + len(SHOWN)),
    ]
    return "\n".join([*lines, *(_line(name, row) for name, row in found["rows"].items())]) + "\n"


def _line(name: str, row: Mapping[str, Any]) -> str:
    points = {point["size"]: point for point in row["frontier"]}
    at = row["smallest"] or row["frontier"][-1]
    cells = [
        f"{at['size'] if row['smallest'] else '> ' + str(at['size'])} ({_worst(at)})",
        str(at["live"]),
        str(at["bits"]),
        f"{row['firing']['median']:.2f}",
        _pair(at),
        *_beside(row, at["size"]),
    ]
    cells += [_pair(points.get(size)) for size in SHOWN]
    return line([name, *cells])


def _beside(row: Mapping[str, Any], size: int) -> list[str]:
    """Cells of the circuits of a size that no search found."""
    controls, swept = row.get("controls", {}), row.get("swept")
    return [
        *(_pair(_of(size, controls.get(name))) for name in ("first", "most active")),
        *(_pair(_of(size, of), "_max") for of in (row["random"], controls.get("prefix random"))),
        "–" if swept is None else _swept(swept),
    ]


def _swept(swept: Mapping[str, Any]) -> str:
    at = swept["smallest"]
    if at is None:
        return f"> {swept['sizes'][-1]['size']}"
    return f"{at['size']} ({' + '.join(map(str, at['layers']))}; {_worst(at)})"


def _of(size: int, points: Sequence[Mapping[str, Any]] | None) -> Mapping[str, Any] | None:
    return next((point for point in points or () if point["size"] == size), None)


def _worst(at: Mapping[str, Any]) -> str:
    """Of F and φ under both ablations."""
    four = [at[f"{m}_{how}"] for m in ("f", "phi") for how in JUDGED]
    return "–" if None in four else f"{min(four):.3f}"


def _pair(point: Mapping[str, Any] | None, end: str = "") -> str:
    """F as resample / mean."""
    pair = [point[f"f_{how}{end}"] for how in JUDGED] if point else [None]
    return " / ".join(map(shown, pair))
