"""F by size as inline SVG: the circuit, φ, and the band of random circuits of each size.

Sizes stand at log(1 + size), so that small circuits have room; ticks that would touch are left out.
Where a point has no random circuits of its own the band has a gap: nothing is drawn that was not
measured.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from core.figures import two
from core.verdicts import Point, points_of

LEFT, RIGHT, TOP, BOTTOM = 44.0, 900.0, 16.0, 250.0
WIDTH, HEIGHT = 1040, 292
BETWEEN = 34.0
"""Least distance of two ticks, in pixels."""


def curve(found: Mapping[str, Any], chosen: int) -> str:
    """The drawing with its caption; empty where fewer than two sizes were measured."""
    points = points_of(found.get("curve") or ())
    if len(points) < 2:
        return ""
    scale = Scale(points)
    ring = next((point for point in points if point.size == chosen), None)
    parts = (
        scale.axes(),
        _band(points, scale),
        _line([(p.size, p.phi) for p in points if p.phi is not None], "phi", "φ", scale),
        _line([(p.size, p.score) for p in points], "circuit", "circuit F", scale),
        _ring(ring, scale) if ring else "",
    )
    return (
        f'<svg class="curve" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="Faithfulness against circuit size">{"".join(parts)}</svg>'
        '<p class="note">Line: this circuit, cut to each size. Dashes: accuracy kept φ. Band: 5 to '
        "95 % of random circuits of that size. Ring: the size in use.</p>"
    )


class Scale:
    """Sizes and scores to places in the drawing."""

    def __init__(self, points: Sequence[Point]) -> None:
        self.sizes = [point.size for point in points]
        self.most = math.log1p(max(self.sizes)) or 1.0
        scores = [v for p in points for v in (p.score, p.phi, p.low, p.high) if v is not None]
        self.low, self.high = max(-0.5, min(0.0, *scores)), min(1.5, max(1.0, *scores))

    def x(self, size: float) -> float:
        return LEFT + (RIGHT - LEFT) * math.log1p(size) / self.most

    def y(self, score: float) -> float:
        inside = min(max(score, self.low), self.high)
        return TOP + (BOTTOM - TOP) * (self.high - inside) / (self.high - self.low)

    def ticks(self) -> list[float]:
        """Sizes that are named: the largest first, then those that have room beside others."""
        named: list[float] = []
        for size in sorted({*self.sizes}, key=lambda s: (s != max(self.sizes), s)):
            if all(abs(self.x(size) - self.x(other)) >= BETWEEN for other in named):
                named.append(size)
        return sorted(named)

    def axes(self) -> str:
        """Grid lines with their scores, and the ticks."""
        rows = "".join(
            f'<line class="grid" x1="{LEFT}" x2="{RIGHT}" y1="{self.y(v):.1f}" '
            f'y2="{self.y(v):.1f}"/><text x="{LEFT - 8}" y="{self.y(v) + 4:.1f}" '
            f'class="end">{v:g}</text>'
            for v in (0.0, 0.25, 0.5, 0.75, 1.0)
        )
        ticks = "".join(
            f'<text class="mid tick" x="{self.x(size):.1f}" y="{BOTTOM + 18}">{size:g}</text>'
            for size in self.ticks()
        )
        middle = (LEFT + RIGHT) / 2
        return f'{rows}{ticks}<text class="mid" x="{middle}" y="{BOTTOM + 36}">nodes kept</text>'


def _band(points: Sequence[Point], scale: Scale) -> str:
    banded = [(p.size, p.low, p.high) for p in points if p.low is not None and p.high is not None]
    if len(banded) < 2:
        return ""
    upper = [f"{scale.x(size):.1f} {scale.y(high):.1f}" for size, _, high in banded]
    lower = [f"{scale.x(size):.1f} {scale.y(low):.1f}" for size, low, _ in reversed(banded)]
    size, low, high = banded[-1]
    middle = (scale.y(low) + scale.y(high)) / 2 + 4
    return (
        f'<path class="band" d="M{"L".join([*upper, *lower])}Z"/>'
        f'<text x="{scale.x(size) + 10:.1f}" y="{middle:.1f}">random, any shape</text>'
    )


def _line(pairs: Sequence[tuple[float, float]], name: str, label: str, scale: Scale) -> str:
    if len(pairs) < 2:
        return ""
    path = "L".join(f"{scale.x(size):.1f} {scale.y(score):.1f}" for size, score in pairs)
    size, score = pairs[-1]
    # φ ends where F ends more often than not: its name stands above the line's
    y = scale.y(score) + (-10 if name == "phi" else 6)
    return (
        f'<path class="line {name}" d="M{path}"/>'
        f'<text class="{name}" x="{scale.x(size) + 10:.1f}" y="{y:.1f}">{label}</text>'
    )


def _ring(point: Point, scale: Scale) -> str:
    x, y = scale.x(point.size), scale.y(point.score)
    return (
        f'<line class="chosen" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{BOTTOM}"/>'
        f'<circle class="ring" cx="{x:.1f}" cy="{y:.1f}" r="5"/>'
        f'<text class="strong" x="{x + 12:.1f}" y="{y + 24:.1f}">'
        f"{point.size:g} nodes, F {two(point.score)}</text>"
    )
