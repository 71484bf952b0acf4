"""Where each node of the network stands; pure arithmetic, the same for the same graph.

1. Rows are the path of computation, bottom to top (tokens, L0 heads, L0 MLP, ..., logits); columns
   are token positions. A closed supernode is one box, an opened one a frame (`blocks`).
2. A row is as high as its highest content plus the frame titles and borders that meet there.
3. A column is as wide as what it holds ("own"). On a long prompt it is only as wide as it must be
   in each row ("shared"): a box may stand over the tokens beside its own, which have nothing there.

The browser draws the result out to the panel: to the sides by one factor of at least 1, upwards in
the gaps between rows. Neither brings two rectangles closer.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from explorer.network.blocks import (
    COMPACT,
    NORMAL,
    Block,
    Placed,
    Rect,
    Spacing,
    columns_of,
    depth_of,
    pack,
)

__all__ = ["COMPACT", "NORMAL", "Columns", "Layout", "Placed", "Rect", "Spacing", "arrange"]

Columns = Literal["own", "shared"]

EMPTY_ROW = 14.0
"""Height of a row without nodes, px."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Positions in px at scale 1; the origin is the top left corner."""

    size: tuple[float, float]
    centre: Mapping[str, tuple[float, float]]
    """Centre of each item."""
    width: Mapping[str, float]
    """Width each item got: what it asked for, or more where its row had room."""
    frame: Mapping[str, Rect]
    """Rectangle of each opened supernode."""
    depth: Mapping[str, int]
    """How many frames a frame lies in."""
    row_y: tuple[float, ...]
    """Centre line of each row, row 0 (tokens) being the lowest."""
    gaps: tuple[tuple[float, float], ...]
    """Stretches of height between rows, where nothing stands; here the picture may be drawn out."""
    column_x: tuple[float, ...]
    """Left edge of each column and the right one of the last; empty where they share their room."""
    used: tuple[bool, ...]
    """Whether a column holds more than its token."""


def arrange(
    items: Sequence[Placed],
    frames: Mapping[str, str | None],
    *,
    n_rows: int,
    n_columns: int,
    home: Mapping[str, int] | None = None,
    spacing: Spacing = NORMAL,
    columns: Columns = "own",
    across: int | None = None,
) -> Layout:
    """Place every item; the order given breaks ties.

    Args:
        items: What is drawn.
        frames: Opened supernodes with the frame they lie in (None: in none).
        n_rows: Rows from tokens to logits.
        n_columns: Token positions; items may stand in one column more (what has no position).
        home: Column of each frame; one not named stands where most of its items do.
        spacing: Distances.
        columns: Whether each column has its width for itself.
        across: Closed supernodes side by side in a frame before they take another line; None: all.
    """
    held = columns_of(items, frames, home or {}, spacing, across)
    packed = {column: pack(blocks, spacing.gap) for column, blocks in held.items()}
    rows, gaps, height = _row_lines(held, n_rows, spacing)
    if columns == "own":
        lefts, edges, width = _own_columns(packed, n_columns, spacing.column)
    else:
        lefts, edges, width = _shared_columns(held, packed, spacing.column)
    placed = _Places({}, {}, {item.id: item.width for item in items})
    for column, blocks in held.items():
        for block in blocks:
            _settle(block, lefts[column], rows, placed, spacing)
    return Layout(
        size=(width, height),
        centre=placed.centre,
        width=placed.width,
        frame=placed.frame,
        depth={name: depth_of(name, frames) for name in placed.frame},
        row_y=tuple(rows),
        gaps=tuple(gaps),
        column_x=tuple(edges),
        used=tuple(_used(held.get(column, [])) for column in range(n_columns)),
    )


def scale_in(made: Layout, room: tuple[float, float]) -> float:
    """How large a layout can be shown in a panel, 1 at most."""
    width, height = (max(1.0, side) for side in made.size)
    return min(1.0, room[0] / width, room[1] / height)


class _Places(NamedTuple):
    """What is known of places so far, by id."""

    centre: dict[str, tuple[float, float]]
    frame: dict[str, Rect]
    width: dict[str, float]


def _row_lines(
    columns: Mapping[int, list[Block]], n_rows: int, spacing: Spacing
) -> tuple[list[float], list[tuple[float, float]], float]:
    """Centre line of every row, the gaps between rows, and the height of all."""
    half = [EMPTY_ROW / 2] * n_rows
    above, below = [0.0] * n_rows, [0.0] * n_rows
    for blocks in columns.values():
        for block in blocks:
            _measure(block, half, above, below, _owed(block, spacing), spacing)
    y, lines, gaps = 0.0, [0.0] * n_rows, []
    for row in reversed(range(n_rows)):
        y += above[row] + half[row]
        lines[row] = y
        y += half[row] + below[row]
        if row:
            gaps.append((y, y + spacing.row))
            y += spacing.row
    return lines, gaps, y


def _measure(
    block: Block,
    half: list[float],
    above: list[float],
    below: list[float],
    owed: tuple[float, float],
    spacing: Spacing,
) -> None:
    """Let a block claim its height in its rows; nested titles and borders add up in `owed`."""
    title, border = owed
    above[block.high] = max(above[block.high], title)
    below[block.low] = max(below[block.low], border)
    if block.frame is None:
        half[block.low] = max(half[block.low], block.height / 2)
    for inner in block.blocks:
        more_title, more_border = _owed(inner, spacing)
        nested = (
            more_title + (title if inner.high == block.high else 0.0),
            more_border + (border if inner.low == block.low else 0.0),
        )
        _measure(inner, half, above, below, nested, spacing)


def _owed(block: Block, spacing: Spacing) -> tuple[float, float]:
    """Room for a block's own title and lower border."""
    return (spacing.title, spacing.border) if block.frame is not None else (0.0, 0.0)


def _own_columns(
    packed: Mapping[int, float], n_columns: int, gap: float
) -> tuple[dict[int, float], list[float], float]:
    """Where each column's blocks begin, the lines between columns, and the width of all."""
    edges, x = [0.0], 0.0
    for column in range(max([n_columns, *(c + 1 for c in packed)])):
        x += packed.get(column, 0.0) + gap
        edges.append(x)
    lefts = {column: edges[column] + gap / 2 for column in packed}
    return lefts, edges[: n_columns + 1], x


def _shared_columns(
    held: Mapping[int, list[Block]], packed: Mapping[int, float], gap: float
) -> tuple[dict[int, float], list[float], float]:
    """As `_own_columns`, each column as far left as its rows allow, the centres still in order."""
    taken: dict[int, float] = defaultdict(float)
    lefts: dict[int, float] = {}
    centre = 0.0
    for column, blocks in held.items():
        spots = [(block, row) for block in blocks for row in range(block.low, block.high + 1)]
        free = max(taken[row] - block.x for block, row in spots)
        lefts[column] = max(free, centre + gap - packed[column] / 2)
        centre = lefts[column] + packed[column] / 2
        for block, row in spots:
            end = lefts[column] + block.x + block.width + gap
            taken[row] = max(taken[row], end)
    return lefts, [], max(taken.values(), default=gap) - gap


def _settle(
    block: Block, left: float, row_y: Sequence[float], placed: _Places, spacing: Spacing
) -> Rect:
    """Write the places of a block and what is in it; returns the rectangle it covers."""
    x = left + block.x
    if block.frame is None:
        y = row_y[block.low]
        for item, dx, dy in block.items:
            placed.centre[item.id] = (x + block.width / 2 + dx, y + dy)
        if len(block.items) == 1:
            placed.width[block.items[0][0].id] = block.width
        return Rect(x, y - block.height / 2, block.width, block.height)
    inner = [_settle(b, x, row_y, placed, spacing) for b in block.blocks]
    top = min(r.y for r in inner) - spacing.title
    bottom = max(r.y + r.height for r in inner) + spacing.border
    placed.frame[block.frame] = Rect(x, top, block.width, bottom - top)
    return placed.frame[block.frame]


def _used(blocks: Iterable[Block]) -> bool:
    return any(block.frame or block.items[0][0].kind != "token" for block in blocks)
