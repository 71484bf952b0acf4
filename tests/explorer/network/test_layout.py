"""Positions: rows upwards, columns by position, frames around their children, nothing overlaps."""

import itertools
import random
from itertools import combinations

import pytest

from explorer.network import blocks, layout
from explorer.network.component import picture
from explorer.network.layout import Placed, Rect, arrange
from tests.explorer.scenes import scene


def rect(item: Placed, made: layout.Layout) -> Rect:
    x, y = made.centre[item.id]
    width = made.width[item.id]
    return Rect(x - width / 2, y - item.height / 2, width, item.height)


def overlap(a: Rect, b: Rect) -> bool:
    wide = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    high = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    return wide > 0.01 and high > 0.01


def holders(name: str | None, frames: dict[str, str | None]) -> set[str]:
    out: set[str] = set()
    while name is not None:
        out.add(name)
        name = frames[name]
    return out


def check(
    items: list[Placed],
    frames: dict[str, str | None],
    n_rows: int,
    n_columns: int,
    columns: layout.Columns,
    across: int | None = None,
) -> layout.Layout:
    """What must hold of every layout."""
    made = arrange(
        items, frames, n_rows=n_rows, n_columns=n_columns, columns=columns, across=across
    )
    for a, b in combinations(items, 2):
        assert not overlap(rect(a, made), rect(b, made)), (a, b)
    for item in items:
        box, inside = rect(item, made), holders(item.frame, frames)
        for name, frame in made.frame.items():
            if name in inside:
                assert frame.x <= box.x
                assert frame.y <= box.y
                assert box.x + box.width <= frame.x + frame.width + 0.01
                assert box.y + box.height <= frame.y + frame.height + 0.01
            else:
                assert not overlap(box, frame), (item, name)
    for a, b in combinations(made.frame, 2):
        nested = a in holders(b, frames) or b in holders(a, frames)
        assert nested or not overlap(made.frame[a], made.frame[b]), (a, b)
    for box in [*(rect(i, made) for i in items), *made.frame.values()]:
        assert box.x >= -0.01
        assert box.y >= -0.01
        assert box.x + box.width <= made.size[0] + 0.01
        assert box.y + box.height <= made.size[1] + 0.01
    for low, high in made.gaps:
        for box in (rect(i, made) for i in items):
            assert min(box.y + box.height, high) - max(box.y, low) <= 0.01
    return made


def random_case(seed: int) -> tuple[list[Placed], dict[str, str | None], int, int]:
    rng = random.Random(seed)
    n_rows, n_columns = rng.randint(2, 9), rng.randint(1, 7)
    frames: dict[str, str | None] = {}
    for i in range(rng.randint(0, 5)):
        frames[f"F{i}"] = rng.choice([None, *frames])
    kinds = {"supernode": (84, 62), "feature": (22, 22), "head": (62, 34), "error": (32, 26)}
    items = []
    for i in range(rng.randint(1, 40)):
        kind = rng.choice(list(kinds))
        width, height = kinds[kind]
        frame = rng.choice([None, *frames])
        row, column = rng.randrange(n_rows), rng.randrange(n_columns)
        items.append(Placed(f"n{i}", kind, row, column, width, height, frame, width * 1.8))
    return items, frames, n_rows, n_columns


@pytest.mark.parametrize("columns", ["own", "shared"])
@pytest.mark.parametrize("across", [None, 2, 1])
@pytest.mark.parametrize("seed", range(40))
def test_nothing_overlaps_and_frames_hold_their_children(seed, across, columns):
    check(*random_case(seed), columns, across)


def test_many_children_of_an_opened_supernode_stand_on_several_lines():
    items = [Placed(f"A{i}", "supernode", 1, 0, 58, 62, "A", 156) for i in range(12)]
    wide, high = (check(items, {"A": None}, 3, 2, "own", across) for across in (None, 4))
    assert high.size[0] < 0.45 * wide.size[0]
    assert len({y for _, y in high.centre.values()}) == 3
    assert layout.scale_in(high, (500, 500)) > layout.scale_in(wide, (500, 500))


def test_a_deep_circuit_is_drawn_large_enough_to_read():
    for density, room in (("normal", (640, 560)), ("compact", (440, 330))):
        deep = picture(scene(), ("C", "C1", "D"), None, density).graph
        width, height = deep["size"]
        assert min(room[0] / width, room[1] / height) > 0.65, density


@pytest.mark.parametrize("seed", range(20))
def test_shared_columns_take_no_more_room_than_own_ones_and_keep_their_order(seed):
    items, _, n_rows, n_columns = random_case(seed)
    loose = [item._replace(frame=None) for item in items]
    own = check(loose, {}, n_rows, n_columns, "own")
    shared = check(loose, {}, n_rows, n_columns, "shared")
    assert shared.size[0] <= own.size[0] + 0.01
    assert shared.column_x == ()


def test_a_wide_box_stands_over_the_tokens_beside_its_own():
    tokens = [Placed(f"t{c}", "token", 0, c, 28, 22) for c in range(9)]
    box = Placed("A", "supernode", 1, 8, 180, 62)
    made = arrange([*tokens, box], {}, n_rows=2, n_columns=9, columns="shared")
    gap = layout.NORMAL.column
    assert made.centre["A"][0] == made.centre["t8"][0]
    assert made.centre["t8"][0] - made.centre["t7"][0] == pytest.approx(28 + gap)


def test_the_same_items_give_the_same_places():
    items, frames, n_rows, n_columns = random_case(3)
    first = arrange(items, frames, n_rows=n_rows, n_columns=n_columns)
    assert arrange(items, frames, n_rows=n_rows, n_columns=n_columns) == first


def test_rows_go_up_and_columns_go_right():
    items = [Placed(f"{r}.{c}", "supernode", r, c, 80, 60) for r in range(4) for c in range(3)]
    made = arrange(items, {}, n_rows=4, n_columns=3)
    assert list(made.row_y) == sorted(made.row_y, reverse=True)
    for r in range(4):
        assert [made.centre[f"{r}.{c}"][0] for c in range(3)] == sorted(
            made.centre[f"{r}.{c}"][0] for c in range(3)
        )
        assert {made.centre[f"{r}.{c}"][1] for c in range(3)} == {made.row_y[r]}


def test_a_column_with_only_its_token_is_narrow():
    tokens = [Placed(f"t{c}", "token", 0, c, 28, 22) for c in range(3)]
    made = arrange([*tokens, Placed("A", "supernode", 1, 1, 84, 62)], {}, n_rows=2, n_columns=3)
    assert made.used == (False, True, False)
    assert made.column_x[1] - made.column_x[0] == pytest.approx(28 + layout.NORMAL.column)
    assert made.column_x[2] - made.column_x[1] == pytest.approx(84 + layout.NORMAL.column)


def test_a_box_takes_the_room_its_row_can_spare():
    items = [Placed("a", "supernode", 0, 0, 80, 60, None, 150)]
    items += [Placed(f"b{i}", "supernode", 1, 0, 80, 60) for i in range(3)]
    made = arrange(items, {}, n_rows=2, n_columns=1)
    assert made.width["a"] == 150
    assert made.width["b0"] == 80


def test_an_empty_frame_is_not_drawn():
    made = arrange([Placed("a", "feature", 0, 0, 22, 22)], {"X": None}, n_rows=1, n_columns=1)
    assert made.frame == {}


@pytest.mark.parametrize(
    "opened", [(), ("C",), ("C", "C1"), ("A", "A1", "B", "C", "C1", "C2", "C3", "C4", "D", "D1")]
)
@pytest.mark.parametrize("density", ["normal", "compact"])
def test_the_handmade_circuit_has_no_overlaps(opened, density):
    graph = picture(scene(), opened, None, density).graph
    boxes = [
        (n["id"], Rect(n["x"] - n["w"] / 2, n["y"] - n["h"] / 2, n["w"], n["h"]))
        for n in graph["nodes"]
    ]
    for (a, first), (b, second) in combinations(boxes, 2):
        small = Rect(second.x + 0.2, second.y + 0.2, second.width - 0.4, second.height - 0.4)
        assert not overlap(first, small), (a, b)
    assert {f["id"] for f in graph["frames"]} == set(opened)


@pytest.mark.parametrize("many", [6, 11, 15, 23])
def test_no_edge_of_a_dot_comes_up_behind_another(many):
    items = [Placed(f"f{i}", "feature", 1, 0, 22, 22) for i in range(many)]
    made = check(items, {}, 2, 1, "own")
    across = sorted(x for x, _ in made.centre.values())
    lines = -(-many // 5)
    apart = [b - a for a, b in itertools.pairwise(across)]
    assert min(apart) >= min(blocks.CLEAR, blocks.CLEAR * blocks.MOST_SHIFTS / lines) - 0.01


def test_dots_on_one_line_stand_side_by_side():
    items = [Placed(f"f{i}", "feature", 1, 0, 22, 22) for i in range(5)]
    made = check(items, {}, 2, 1, "own")
    across = [x for x, _ in made.centre.values()]
    assert [b - a for a, b in itertools.pairwise(across)] == pytest.approx([22.0] * 4)
