"""F by size: the points that validation measured, for whoever draws them."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from core.figures import real


class Point(NamedTuple):
    """One size of the curve."""

    size: float
    score: float
    phi: float | None
    low: float | None
    high: float | None


def points_of(rows: Sequence[Mapping[str, Any]]) -> list[Point]:
    """Sizes with a score, in order."""
    found = []
    for row in rows:
        size, score = real(row.get("size")), real(row.get("faithfulness"))
        if size is not None and score is not None and size >= 0:
            rest = (real(row.get(name)) for name in ("phi", "random_low", "random_high"))
            found.append(Point(size, score, *rest))
    return sorted(found)
