"""The table of `frontier`: a line for each model, dictionary and way of counting."""

from collections.abc import Mapping
from typing import Any

from study import line, rule, shown

SHOWN = (30, 40, 57, 85, 100, 200, 347)
"""Sizes of the table; the JSON file has them all."""
ABLATIONS = ("resample", "mean")
WANTED = 0.97
"""F and φ of a circuit that is good enough."""
DRAWS = 100
"""Random circuits of a size."""


def page(found: Mapping[str, Any]) -> str:
    """A line a row, F under both ablations at some sizes."""
    head = ["model/dictionary/counting", "smallest", "live", "bits", "random F", "fires"]
    lines = [
        "# Size and faithfulness",
        "",
        "`python benchmarks/frontier.py`. Strict regime, test split; F as resample / mean. "
        f"Smallest: nodes at which F and φ reach {WANTED} under both on the selection split, then "
        "in brackets the worst of the four on the test split; live and bits: of that circuit; "
        f"random F: best of {DRAWS} site-matched circuits of that size, the larger of both "
        "ablations; fires: median firing rate of the kept features. Where no circuit is good "
        "enough these are of the largest. – : not measurable.",
        "",
        line([*head, *(f"F at {size}" for size in SHOWN)]),
        rule(len(head) + len(SHOWN)),
    ]
    return "\n".join([*lines, *(_line(name, row) for name, row in found["rows"].items())]) + "\n"


def _line(name: str, row: Mapping[str, Any]) -> str:
    points = {point["size"]: point for point in row["frontier"]}
    at = row["smallest"] or row["frontier"][-1]
    four = [at[f"{m}_{how}"] for m in ("f", "phi") for how in ABLATIONS]
    worst = "–" if None in four else f"{min(four):.3f}"
    beside = next((r for r in row["random"] if r["size"] == at["size"]), None)
    best = [r for r in (beside or {}).items() if r[0].startswith("f_") and r[1] is not None]
    cells = [
        f"{at['size'] if row['smallest'] else '> ' + str(at['size'])} ({worst})",
        str(at["live"]),
        str(at["bits"]),
        f"{max(value for _, value in best):.2f}" if best else "–",
        f"{row['firing']['median']:.2f}",
    ]
    for size in SHOWN:
        point = points.get(size)
        pair = [point[f"f_{how}"] for how in ABLATIONS] if point else []
        cells.append(" / ".join(map(shown, pair)))
    return line([name, *cells])
