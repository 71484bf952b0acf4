"""Edges of the network are led past boxes: none is hidden, so that one sees where each goes."""

import json
import subprocess
from pathlib import Path
from shutil import which

import pytest

import explorer

FOLDER = Path(explorer.__file__).parent / "network" / "canvas"
PROGRAM = """
import { routeEdges } from "./edges.js";
const box = (id, px, py, pw = 120, ph = 60) => [id, { id, kind: "supernode", px, py, pw, ph, spread: pw * 0.7 }];
const dot = (id, px, py) => [id, { id, kind: "feature", px, py, pw: 27, ph: 27, body: 13, spread: 0 }];
const nodes = new Map(NODES);
const edges = EDGES.map(([from, to]) => ({ id: `${from}>${to}`, from, to, width: 2 }));
routeEdges(edges, nodes, { left: -200, right: 200 });
const seen = edges.map(({ points, curve, behind }) => ({ points, curve, behind: behind.length }));
console.log(JSON.stringify(seen));
"""  # noqa: E501 - a program, read by node

pytestmark = pytest.mark.skipif(which("node") is None, reason="needs node")


def _routed(tmp_path: Path, nodes: str, edges: list[list[str]]) -> list[dict]:
    """Points, curves and hidden crossings of edges among nodes, as the canvas lays them."""
    for name in ("edges.js", "route.js"):
        (tmp_path / name).write_text((FOLDER / name).read_text("utf-8"), "utf-8")
    (tmp_path / "package.json").write_text('{"type": "module"}', "utf-8")
    program = PROGRAM.replace("NODES", nodes).replace("EDGES", json.dumps(edges))
    (tmp_path / "run.js").write_text(program, "utf-8")
    command = ["node", str(tmp_path / "run.js")]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def _in_box(points: list[list[float]], x: float, y: float, wide: float, tall: float) -> bool:
    return any(abs(px - x) < wide / 2 and abs(py - y) < tall / 2 for px, py in points)


COLUMN = '[box("T", 0, 200), box("M", 0, 0), box("S", 0, -200)]'


def test_an_edge_is_led_past_a_box_between_its_ends(tmp_path):
    (way,) = _routed(tmp_path, COLUMN, [["T", "S"]])
    assert not _in_box(way["points"], 0, 0, 120, 60)
    assert way["behind"] == 0
    assert way["points"][0] == [0, 170]
    assert way["points"][-1] == [0, -165]


def test_an_edge_with_nothing_in_its_way_is_one_curve(tmp_path):
    (way,) = _routed(
        tmp_path, '[box("T", 0, 200), box("M", 150, 0), box("S", 0, -200)]', [["T", "S"]]
    )
    assert len(way["curve"]) == 8


def test_edges_past_the_same_box_keep_apart(tmp_path):
    nodes = COLUMN[:-1] + ', box("U", 0, 300), box("V", 0, -300)]'
    ways = _routed(tmp_path, nodes, [["T", "S"], ["U", "V"], ["U", "S"], ["T", "V"]])
    at = [
        next(x for (x, y), (_, after) in zip(w["points"], w["points"][1:], strict=False)
             if y >= 0 >= after)
        for w in ways
    ]  # fmt: skip
    assert not any(_in_box(way["points"], 0, 0, 120, 60) for way in ways)
    assert all(abs(a - b) >= 6 for i, a in enumerate(at) for b in at[:i])


def test_an_edge_leaves_its_box_on_the_side_where_it_turns(tmp_path):
    """Else it would cross the edges beside it at once."""
    nodes = '[box("T", 0, 200), box("M", 20, 0), box("S", 0, -200)]'
    past, straight = _routed(tmp_path, nodes, [["T", "S"], ["T", "M"]])
    turned = min(past["points"], key=lambda point: abs(point[1]))[0]
    assert (turned < 20) == (past["points"][0][0] < straight["points"][0][0])


def test_a_dot_in_the_way_is_passed_too_and_no_way_winds_between_lines_of_dots(tmp_path):
    nodes = '[dot("T", 0, 200), dot("A", 0, 8), dot("B", 20, -8), dot("S", 0, -200)]'
    (way,) = _routed(tmp_path, nodes, [["T", "S"]])
    assert not _in_box(way["points"], 0, 8, 13, 13)
    assert not _in_box(way["points"], 20, -8, 13, 13)
    inside = {round(x, 3) for x, y in way["points"] if abs(y) < 14}
    assert len(inside) == 1  # upright past both


def test_where_there_is_no_room_an_edge_goes_straight_and_says_so(tmp_path):
    nodes = '[box("T", 0, 200), box("M", 0, 0, 400), box("S", 0, -200)]'
    (way,) = _routed(tmp_path, nodes, [["T", "S"]])
    assert way["behind"] == 1
