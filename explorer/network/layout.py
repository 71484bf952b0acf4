"""Where each node of the network stands; pure arithmetic, the same for the same graph.

1. Rows are the path of computation, bottom to top (tokens, L0 heads, L0 MLP, ..., logits); columns
   are token positions. A closed supernode is one box; single nodes of one kind that share a place
   are packed into a small grid.
2. An opened supernode is a frame: its children are packed first, each in its own row, and the frame
   then takes the whole rectangle of rows and width it needs.
3. Boxes, grids and frames are rectangles (row interval x width). Those of one frame, or of one
   column, are packed left to right on a skyline, so that none covers another. Rows that hold only
   one-row rectangles are centred.
4. A row is as high as its highest content plus the frame titles and borders that meet there; a
   column is as wide as what it holds.

The browser draws the result out to the panel: to the sides by one factor of at least 1, upwards in
the gaps between rows. Neither brings two rectangles closer.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

EMPTY_ROW = 14.0
"""Height of a row without nodes, px."""
PER_LINE: Mapping[str, int] = {"feature": 5, "head": 3, "error": 4, "rest": 1}
"""Nodes of one kind side by side before a grid takes another line."""


class Spacing(NamedTuple):
    """Distances, px."""

    gap: float = 12.0
    """Between rectangles in a row."""
    column: float = 16.0
    """Between columns."""
    row: float = 34.0
    """Between rows, so that edges have room to bend."""
    title: float = 32.0
    """Height of a frame's title strip."""
    border: float = 12.0
    """Between a frame and its children."""
    frame: float = 112.0
    """Least width of a frame: its badge, a word and the count."""


NORMAL = Spacing()
COMPACT = Spacing(gap=8.0, column=10.0, row=30.0, title=30.0, border=8.0, frame=84.0)
"""For a panel of some 450 px."""


class Item(NamedTuple):
    """A node to place."""

    id: str
    kind: str
    row: int
    column: int
    width: float
    height: float
    frame: str | None = None
    """The opened supernode it lies in."""
    wish: float = 0.0
    """Width it takes where its row has room to spare."""


class Rect(NamedTuple):
    """A rectangle: left, top, width, height."""

    x: float
    y: float
    width: float
    height: float


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
    """Left edge of each column."""
    used: tuple[bool, ...]
    """Whether a column holds more than its token."""


@dataclass(slots=True, eq=False)
class _Block:
    """A rectangle being packed: rows `low` ... `high`, left edge relative to its holder."""

    low: int
    high: int
    width: float
    height: float
    column: int
    rank: int
    """Place in the order the items were given."""
    items: list[tuple[Item, float, float]] = field(default_factory=list)
    """Items of a grid with their offsets from its centre."""
    frame: str | None = None
    blocks: list["_Block"] = field(default_factory=list)
    x: float = 0.0


def arrange(
    items: Sequence[Item],
    frames: Mapping[str, str | None],
    *,
    n_rows: int,
    n_columns: int,
    home: Mapping[str, int] | None = None,
    spacing: Spacing = NORMAL,
) -> Layout:
    """Place every item; the order given breaks ties.

    Args:
        items: What is drawn.
        frames: Opened supernodes with the frame they lie in (None: in none).
        n_rows: Rows from tokens to logits.
        n_columns: Token positions; items may stand in one column more (what has no position).
        home: Column of each frame; one not named stands where most of its items do.
        spacing: Distances.
    """
    columns = _columns(items, frames, home or {}, spacing)
    packed = {column: _pack(blocks, spacing.gap) for column, blocks in columns.items()}
    row_y, gaps, height = _row_lines(columns, n_rows, spacing)
    column_x, width = _column_edges(packed, n_columns, spacing.column)
    centre: dict[str, tuple[float, float]] = {}
    rects: dict[str, Rect] = {}
    wide = {item.id: item.width for item in items}
    for column, blocks in columns.items():
        room = column_x[column + 1] - column_x[column]
        for block in blocks:
            left = column_x[column] + (room - packed[column]) / 2
            _settle(block, left, row_y, centre, rects, spacing)
            wide |= _widths(block)
    return Layout(
        size=(width, height),
        centre=centre,
        width=wide,
        frame=rects,
        depth={name: _depth(name, frames) for name in rects},
        row_y=tuple(row_y),
        gaps=tuple(gaps),
        column_x=tuple(column_x[: n_columns + 1]),
        used=tuple(_used(columns.get(column, [])) for column in range(n_columns)),
    )


def _columns(
    items: Sequence[Item],
    frames: Mapping[str, str | None],
    home: Mapping[str, int],
    spacing: Spacing,
) -> dict[int, list[_Block]]:
    """Blocks of each column; frames are made from the inside out."""
    rank = {item.id: i for i, item in enumerate(items)}
    loose: dict[str | None, list[_Block]] = defaultdict(list)
    for (frame, _, _, _), group in _grouped(items).items():
        loose[frame].extend(_grids(group, rank))
    for name in sorted(frames, key=lambda n: (-_depth(n, frames), n)):
        if inner := loose.pop(name, None):
            block = _framed(name, sorted(inner, key=lambda b: b.rank), home.get(name), spacing)
            loose[frames[name]].append(block)
    columns: dict[int, list[_Block]] = defaultdict(list)
    for block in sorted(loose[None], key=lambda b: b.rank):
        columns[block.column].append(block)
    return dict(sorted(columns.items()))


def _grouped(items: Sequence[Item]) -> dict[tuple[str | None, int, int, str], list[Item]]:
    """Items that share frame, row, column and kind. Inside a frame the column does not matter."""
    groups: dict[tuple[str | None, int, int, str], list[Item]] = defaultdict(list)
    for item in items:
        column = item.column if item.frame is None else -1
        groups[(item.frame, item.row, column, item.kind)].append(item)
    return groups


def _grids(group: Sequence[Item], rank: Mapping[str, int]) -> list[_Block]:
    """One grid for small kinds; a rectangle of its own for every item of the others."""
    lines = PER_LINE.get(group[0].kind)
    parts = [list(group)] if lines else [[item] for item in group]
    return [_grid(part, lines or 1, rank) for part in parts]


def _grid(items: Sequence[Item], per_line: int, rank: Mapping[str, int]) -> _Block:
    w = max(item.width for item in items)
    h = max(item.height for item in items)
    across = min(per_line, len(items))
    down = -(-len(items) // per_line)
    spots = [
        (item, (i % per_line - (across - 1) / 2) * w, (i // per_line - (down - 1) / 2) * h)
        for i, item in enumerate(items)
    ]
    first = items[0]
    return _Block(
        low=first.row,
        high=first.row,
        width=across * w,
        height=down * h,
        column=first.column,
        rank=rank[first.id],
        items=spots,
    )


def _framed(name: str, inner: list[_Block], home: int | None, spacing: Spacing) -> _Block:
    """A frame around packed blocks."""
    width = max(_pack(inner, spacing.gap), spacing.frame - 2 * spacing.border)
    shift = (width - max(b.x + b.width for b in inner)) / 2
    for block in inner:
        block.x += spacing.border + shift
    columns = [block.column for block in inner]
    return _Block(
        low=min(b.low for b in inner),
        high=max(b.high for b in inner),
        width=width + 2 * spacing.border,
        height=0.0,
        column=home if home is not None else max(set(columns), key=lambda c: (columns.count(c), c)),
        rank=min(b.rank for b in inner),
        frame=name,
        blocks=inner,
    )


def _pack(blocks: Sequence[_Block], gap: float) -> float:
    """Give every block its left edge on the skyline; returns the width taken."""
    skyline: dict[int, float] = defaultdict(float)
    for block in blocks:
        rows = range(block.low, block.high + 1)
        block.x = max(skyline[row] for row in rows)
        for row in rows:
            skyline[row] = block.x + block.width + gap
    width = max(skyline.values(), default=0.0) - gap
    _centre_rows(blocks, width)
    return max(width, 0.0)


def _centre_rows(blocks: Sequence[_Block], width: float) -> None:
    """Let rows that hold nothing but one-row blocks fill their room, and centre them."""
    rows: dict[int, list[_Block]] = defaultdict(list)
    for block in blocks:
        for row in range(block.low, block.high + 1):
            rows[row].append(block)
    for held in rows.values():
        if all(block.low == block.high for block in held):
            _widen(held, width - max(b.x + b.width for b in held))
            shift = (width - max(b.x + b.width for b in held)) / 2
            for block in held:
                block.x += shift


def _widen(row: Sequence[_Block], slack: float) -> None:
    """Share the room left in a row among the boxes that can use it."""
    growing = [b for b in row if b.frame is None and len(b.items) == 1 and _more(b) > 0]
    moved = 0.0
    for block in row:
        block.x += moved
        if block in growing:
            extra = min(slack / len(growing), _more(block))
            block.width += extra
            moved += extra


def _more(block: _Block) -> float:
    return block.items[0][0].wish - block.width


def _row_lines(
    columns: Mapping[int, list[_Block]], n_rows: int, spacing: Spacing
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
    block: _Block,
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


def _owed(block: _Block, spacing: Spacing) -> tuple[float, float]:
    """Room for a block's own title and lower border."""
    return (spacing.title, spacing.border) if block.frame is not None else (0.0, 0.0)


def _column_edges(
    packed: Mapping[int, float], n_columns: int, gap: float
) -> tuple[list[float], float]:
    """Left edge of every column and the width of all."""
    edges, x = [], 0.0
    for column in range(max([n_columns, *(c + 1 for c in packed)])):
        edges.append(x)
        x += packed.get(column, 0.0) + gap
    return [*edges, x], x


def _settle(
    block: _Block,
    left: float,
    row_y: Sequence[float],
    centre: dict[str, tuple[float, float]],
    rects: dict[str, Rect],
    spacing: Spacing,
) -> Rect:
    """Write the places of a block and what is in it; returns the rectangle it covers."""
    x = left + block.x
    if block.frame is None:
        y = row_y[block.low]
        for item, dx, dy in block.items:
            centre[item.id] = (x + block.width / 2 + dx, y + dy)
        return Rect(x, y - block.height / 2, block.width, block.height)
    inner = [_settle(b, x, row_y, centre, rects, spacing) for b in block.blocks]
    top = min(r.y for r in inner) - spacing.title
    bottom = max(r.y + r.height for r in inner) + spacing.border
    rects[block.frame] = Rect(x, top, block.width, bottom - top)
    return rects[block.frame]


def _widths(block: _Block) -> dict[str, float]:
    """Widths of items that are a block of their own."""
    found = {block.items[0][0].id: block.width} if len(block.items) == 1 else {}
    for inner in block.blocks:
        found |= _widths(inner)
    return found


def _used(blocks: Iterable[_Block]) -> bool:
    return any(block.frame or block.items[0][0].kind != "token" for block in blocks)


def _depth(name: str, frames: Mapping[str, str | None]) -> int:
    depth, above = 0, frames[name]
    while above is not None:
        depth, above = depth + 1, frames[above]
    return depth
