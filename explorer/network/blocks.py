"""The rectangles of the network, packed inside frames and columns; `layout` then places them.

1. Single nodes of one kind that share a place are one grid; every other item is a rectangle of its
   own. Each is a `Block`: a row interval and a width.
2. An opened supernode is a frame: its children are packed first, each in its own row, and the frame
   is the rectangle of rows and width that they need.
3. Blocks of one frame, or of one column, are packed left to right on a skyline, so that none covers
   another. Rows that hold only one-row blocks are centred.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

PER_LINE: Mapping[str, int] = {"feature": 5, "head": 3, "error": 4, "rest": 1}
"""Nodes of one kind side by side before a grid takes another line."""


STAGGERED = "feature"
"""Kind whose lines are shifted: an edge reaches a dot between the dots of the lines before it."""
CLEAR = 9.0
"""Least distance of a dot's own edge to the dots beside it, px."""
LINE_GAP = 24.0
"""Between lines of boxes, px: room for the ends of edges, and for those led past a box."""
MOST_SHIFTS = 4
"""Lines for which dots are moved apart; with more of them they stand closer."""


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


class Placed(NamedTuple):
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


@dataclass(slots=True, eq=False)
class Block:
    """A rectangle being packed: rows `low` ... `high`, left edge relative to its holder."""

    low: int
    high: int
    width: float
    height: float
    column: int
    rank: int
    """Place in the order the items were given."""
    items: list[tuple[Placed, float, float]] = field(default_factory=list)
    """Items of a grid with their offsets from its centre."""
    frame: str | None = None
    blocks: list["Block"] = field(default_factory=list)
    x: float = 0.0


def columns_of(
    items: Sequence[Placed],
    frames: Mapping[str, str | None],
    home: Mapping[str, int],
    spacing: Spacing,
    across: int | None = None,
) -> dict[int, list[Block]]:
    """Blocks of each column; frames are made from the inside out.

    Args:
        items: What is drawn.
        frames: Opened supernodes with the frame they lie in.
        home: Column of each frame; one not named stands where most of its items do.
        spacing: Distances.
        across: Closed supernodes side by side in a frame before they take another line; None: all.
    """
    rank = {item.id: i for i, item in enumerate(items)}
    loose: dict[str | None, list[Block]] = defaultdict(list)
    for (frame, _, _, kind), group in _grouped(items).items():
        wrapped = across if frame is not None and kind == "supernode" else None
        if wrapped is not None and len(group) > wrapped:
            loose[frame].append(_stack(group, wrapped, rank, spacing.gap))
        else:
            loose[frame].extend(_grids(group, rank))
    for name in sorted(frames, key=lambda n: (-depth_of(n, frames), n)):
        if inner := loose.pop(name, None):
            block = _framed(name, sorted(inner, key=lambda b: b.rank), home.get(name), spacing)
            loose[frames[name]].append(block)
    columns: dict[int, list[Block]] = defaultdict(list)
    for block in sorted(loose[None], key=lambda b: b.rank):
        columns[block.column].append(block)
    return dict(sorted(columns.items()))


def _grouped(items: Sequence[Placed]) -> dict[tuple[str | None, int, int, str], list[Placed]]:
    """Items that share frame, row, column and kind. Inside a frame the column does not matter."""
    groups: dict[tuple[str | None, int, int, str], list[Placed]] = defaultdict(list)
    for item in items:
        column = item.column if item.frame is None else -1
        groups[(item.frame, item.row, column, item.kind)].append(item)
    return groups


def _grids(group: Sequence[Placed], rank: Mapping[str, int]) -> list[Block]:
    """One grid for small kinds; a rectangle of its own for every item of the others."""
    lines = PER_LINE.get(group[0].kind)
    parts = [list(group)] if lines else [[item] for item in group]
    return [_grid(part, lines or 1, rank) for part in parts]


def _grid(items: Sequence[Placed], per_line: int, rank: Mapping[str, int]) -> Block:
    w = max(item.width for item in items)
    h = max(item.height for item in items)
    across = min(per_line, len(items))
    down = -(-len(items) // per_line)
    staggered = items[0].kind == STAGGERED and down > 1
    w = max(w, CLEAR * min(down, MOST_SHIFTS)) if staggered else w
    shift = w / down if staggered else 0.0
    lines = [divmod(i, per_line) for i in range(len(items))]
    spots = [
        (
            item,
            (place - (across - 1) / 2) * w + (line - (down - 1) / 2) * shift,
            (line - (down - 1) / 2) * h,
        )
        for item, (line, place) in zip(items, lines, strict=True)
    ]
    first = items[0]
    return Block(
        low=first.row,
        high=first.row,
        width=across * w + (down - 1) * shift,
        height=down * h,
        column=first.column,
        rank=rank[first.id],
        items=spots,
    )


def _stack(items: Sequence[Placed], per_line: int, rank: Mapping[str, int], gap: float) -> Block:
    """Boxes of one row of the network on several lines."""
    w, h = max(item.width for item in items), max(item.height for item in items)
    down = -(-len(items) // per_line)
    lines = [divmod(i, per_line) for i in range(len(items))]
    spots = [
        (
            item,
            (place - (per_line - 1) / 2) * (w + gap),
            (line - (down - 1) / 2) * (h + LINE_GAP),
        )
        for item, (line, place) in zip(items, lines, strict=True)
    ]
    return Block(
        low=items[0].row,
        high=items[0].row,
        width=per_line * (w + gap) - gap,
        height=down * (h + LINE_GAP) - LINE_GAP,
        column=items[0].column,
        rank=rank[items[0].id],
        items=spots,
    )


def _framed(name: str, inner: list[Block], home: int | None, spacing: Spacing) -> Block:
    """A frame around packed blocks."""
    width = max(pack(inner, spacing.gap), spacing.frame - 2 * spacing.border)
    shift = (width - max(b.x + b.width for b in inner)) / 2
    for block in inner:
        block.x += spacing.border + shift
    columns = [block.column for block in inner]
    return Block(
        low=min(b.low for b in inner),
        high=max(b.high for b in inner),
        width=width + 2 * spacing.border,
        height=0.0,
        column=home if home is not None else max(set(columns), key=lambda c: (columns.count(c), c)),
        rank=min(b.rank for b in inner),
        frame=name,
        blocks=inner,
    )


def pack(blocks: Sequence[Block], gap: float) -> float:
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


def _centre_rows(blocks: Sequence[Block], width: float) -> None:
    """Let rows that hold nothing but one-row blocks fill their room, and centre them."""
    rows: dict[int, list[Block]] = defaultdict(list)
    for block in blocks:
        for row in range(block.low, block.high + 1):
            rows[row].append(block)
    for held in rows.values():
        if all(block.low == block.high for block in held):
            _widen(held, width - max(b.x + b.width for b in held))
            shift = (width - max(b.x + b.width for b in held)) / 2
            for block in held:
                block.x += shift


def _widen(row: Sequence[Block], slack: float) -> None:
    """Share the room left in a row among the boxes that can use it."""
    growing = [b for b in row if b.frame is None and len(b.items) == 1 and _more(b) > 0]
    moved = 0.0
    for block in row:
        block.x += moved
        if block in growing:
            extra = min(slack / len(growing), _more(block))
            block.width += extra
            moved += extra


def _more(block: Block) -> float:
    return block.items[0][0].wish - block.width


def depth_of(name: str, frames: Mapping[str, str | None]) -> int:
    depth, above = 0, frames[name]
    while above is not None:
        depth, above = depth + 1, frames[above]
    return depth
