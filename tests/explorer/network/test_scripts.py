"""The component's scripts: data never becomes markup, and nothing comes from outside."""

import json
import re
import subprocess
from pathlib import Path
from shutil import which

import pytest

import explorer

FOLDER = Path(explorer.__file__).parent / "network" / "canvas"
SCRIPTS = sorted(FOLDER.glob("*.js"))
MARKUP = ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
@pytest.mark.parametrize("way", MARKUP)
def test_no_text_becomes_markup(script, way):
    assert way not in script.read_text("utf-8")


@pytest.mark.parametrize("path", [*SCRIPTS, FOLDER / "canvas.css"], ids=lambda path: path.name)
def test_no_outside_address(path):
    found = set(re.findall(r"(?:https?:)?//[\w.-]+\.\w+[^\s\"']*", path.read_text("utf-8")))
    assert found <= {"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_every_import_exists(script):
    for name in re.findall(r"from \"\./([\w.]+)\"", script.read_text("utf-8")):
        assert (FOLDER / name).exists()


@pytest.mark.skipif(which("node") is None, reason="needs node")
def test_a_closed_supernode_knows_how_much_in_it_is_ablated(tmp_path):
    (tmp_path / "store.mjs").write_text((FOLDER / "store.js").read_text("utf-8"), "utf-8")
    (tmp_path / "run.mjs").write_text(
        """
        import { createStore } from "./store.mjs";
        const parents = { B: null, B1: "B", B2: "B", "1:4:2": "B1" };
        const sizes = { B: 10, B1: 4, B2: 6 };
        const store = createStore({ graph: { parents, sizes, openable: [] } });
        const parts = () => ["B", "B1", "B2"].map((id) => store.partly(id));
        const out = [parts()];
        store.setScale(["B1"], 0); out.push(parts());
        store.setScale(["1:4:2"], 1); out.push(parts());
        store.clear(); store.setScale(["1:4:2"], 0); out.push(parts());
        store.clear(); store.setScale(["B1"], 0.5); out.push(parts());
        store.clear(); store.setScale(["B"], 0); out.push(parts());
        console.log(JSON.stringify(out));
        """,
        "utf-8",
    )
    said = subprocess.run(
        ["node", str(tmp_path / "run.mjs")], capture_output=True, text=True, check=True
    )
    assert json.loads(said.stdout) == [
        [0, 0, 0],
        [0.4, 0, 0],
        [0.3, 0, 0],
        [0.1, 0.25, 0],
        [0, 0, 0],
        [0, 0, 0],
    ]


def _run(tmp_path: Path, scripts: dict[str, str], program: str) -> object:
    """What a program prints as JSON, with some of the component's scripts beside it."""
    for name, text in scripts.items():
        (tmp_path / name).write_text(text, "utf-8")
    (tmp_path / "package.json").write_text('{"type": "module"}', "utf-8")
    (tmp_path / "run.js").write_text(program, "utf-8")
    command = ["node", str(tmp_path / "run.js")]
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(said.stdout)


ROW = """
import { fitRow } from "./rowfit.js";
const row = "<bos> after Susan and Henry walked to the cafe , Susan handed the ring to".split(" ")
  .map((label, i) => ({ kind: "token", label, px: 20 * i, pw: 28, w: 28, used: i % 5 === 2 }));
row.push({ kind: "position", label: "pos 14", px: 285, pw: 54, w: 54, used: true });
const size = { size: 13, least: 10.5, gap: 4, from: 0, to: ROOM, beside: 0 };
fitRow(row, size);
console.log(JSON.stringify(row.map((n) => [n.label, n.px - n.pw / 2, n.px + n.pw / 2, n.used])));
"""


@pytest.mark.skipif(which("node") is None, reason="needs node")
@pytest.mark.parametrize("room", [1400, 700, 420, 300])
def test_tokens_and_positions_of_a_row_never_overlap(tmp_path, room):
    script = {"rowfit.js": (FOLDER / "rowfit.js").read_text("utf-8")}
    row = _run(tmp_path, script, ROW.replace("ROOM", str(room)))
    assert isinstance(row, list)
    placed = sorted(row, key=lambda n: n[1])
    assert all(a[2] <= b[1] - 3.9 for a, b in zip(placed, placed[1:], strict=False))
    if room >= 700:  # there is room: nothing leaves the row and every token is whole
        assert placed[0][1] >= -0.01
        assert placed[-1][2] <= room + 0.01
        assert all(right - left >= 0.6 * 10.5 * len(label) for label, left, right, _ in row)
    if room >= 420:  # what carries edges keeps its text where others must give way
        assert all(
            right - left >= 0.6 * 10.5 * len(label) for label, left, right, used in row if used
        )


WORDS = """
globalThis.document = { createElement: () => ({ getContext: () => ({
  set font(_) {}, measureText: (text) => ({ width: 6 * text.length }) }) }) };
const { dropTwins, fitted } = await import("./treefit.js");
const cells = [
  fitted("indirect_object", 60, 2, ""), fitted("indirect_object", 60, 1, ""),
  fitted("k = 24", 40, 1, ""), fitted("result", 14, 1, ""),
  fitted("\u2192 5 \u00b7 k 1 \u00b7 result", 48, 3, ""),
];
const apart = (room, ...texts) => {
  const twins = texts.map((text) => (
    { level: 1, above: "A", text, room, font: "", ...fitted(text, room, 1, "") }));
  dropTwins(twins);
  return twins.map((t) => t.lines);
};
const told = [
  apart(42, "cos 24·a", "cos 24·b"), apart(42, "k = 12345678", "k = 12345679"),
  apart(60, "day = tue · at go", "day = tue, sat · at day", "day = sun · at go"),
  apart(60, "with 0:7:2 · L0 at on", "with 0:7:2 · L0 at go"),
  apart(42, "varies with b", "varies with b"),
];
console.log(JSON.stringify([...cells.map((c) => c.lines), told]));
"""


@pytest.mark.skipif(which("node") is None, reason="needs node")
def test_a_cell_of_the_hierarchy_says_words_or_nothing(tmp_path):
    script = {name: (FOLDER / name).read_text("utf-8") for name in ("treefit.js", "text.js")}
    two, one, whole, none, kept, told = _run(tmp_path, script, WORDS)
    assert two == ["indirect_", "object"]
    assert one == ["indirect…"]
    assert whole == ["k = 24"]
    assert none == []
    assert kept == ["→ 5 ·", "k 1 ·", "result"]  # never "→ 5 · k" and "1"
    waves, numbers, days, places, same = told
    assert waves == [["…24·a"], ["…24·b"]]
    assert numbers == [["…345678"], ["…345679"]]
    assert days == [["…tue · at…"], ["…tue, sat…"], ["day = sun…"]]  # what differs, not the end
    assert places == [["…L0 at on"], ["…L0 at go"]]
    assert same == [[], []]


BOXES = """
import { heightFor, insetOf, nameLines } from "./boxwords.js";
const ctx = { font: "", measureText(text) {
  return { width: 0.5 * text.length * Number(this.font.match(/([\\d.]+)px/)[1]) }; } };
const said = [];
const scales = [[56, 1], [56, 0.9], [56, 0.8], [56, 0.7], [62, 1], [62, 0.8], [62, 0.65]];
for (const [height, view] of scales) {
  const palette = { ui: "ui", mono: "mono", least: 10.5 / view, grow: Math.max(1, 0.88 / view) };
  const tall = heightFor(height, palette.least);
  for (const [wide, narrow] of [[48, true], [120, false]])
    for (const [name, deep] of [["L0 at name 1", tall], ["subject, indirect_object", tall],
                                ["subject, indirect_object", 52], ["subject", 34]]) {
      const room = deep - insetOf(height);
      const { lines, size } = nameLines(ctx, palette, name, wide, room, narrow);
      const low = insetOf(height) + 18 + (1.15 * lines.length + 0.22) * size * palette.grow;
      said.push({ view, deep, tall, height, lines, low });
    }
}
console.log(JSON.stringify(said));
"""


@pytest.mark.skipif(which("node") is None, reason="needs node")
def test_a_name_has_as_many_lines_as_its_box_has_room_for(tmp_path):
    script = {name: (FOLDER / name).read_text("utf-8") for name in ("boxwords.js", "text.js")}
    said = _run(tmp_path, script, BOXES)
    assert isinstance(said, list)
    assert all(box["low"] <= box["deep"] - 1 for box in said)
    assert all(0 <= box["tall"] - box["height"] <= 7 for box in said)
    assert all(box["tall"] == box["height"] for box in said if box["view"] >= 0.9)
    two = ["L0 at", "name 1"]  # never one shortened line where the box could be higher
    assert two in [box["lines"] for box in said if box["view"] == 0.7]
    cut = [box["lines"] for box in said if box["deep"] == 52 and box["view"] == 0.7]
    assert cut
    assert all(len(lines) == 1 and lines[0].endswith("…") for lines in cut)


STORE = """
import { createStore } from "./store.js";
const parents = { B: null, B1: "B", B2: "B", "1:4:2": "B1" };
const store = createStore({ graph: { parents, sizes: { B: 10, B1: 4, B2: 6 }, openable: [] } });
const say = () => [store.word(), store.scaledIn("B").map(([id, f]) => `${id}*${f}`)];
const out = [say()];
store.setScale(["B1"], 0); out.push(say());
store.setScale(["1:4:2"], 0.5); out.push(say());
store.clear(); store.setScale(["1:4:2"], 2); out.push(say());
store.setScale(["B"], 0.5); out.push(say());
console.log(JSON.stringify(out));
"""


@pytest.mark.skipif(which("node") is None, reason="needs node")
def test_what_was_done_is_told_in_one_word(tmp_path):
    script = {"store.js": (FOLDER / "store.js").read_text("utf-8")}
    assert _run(tmp_path, script, STORE) == [
        ["ablated", []],
        ["ablated", []],
        ["changed", ["1:4:2*0.5"]],
        ["scaled", ["1:4:2*2"]],
        ["scaled", []],
    ]


@pytest.mark.skipif(which("node") is None, reason="needs node")
def test_find_lists_an_exact_id_then_ids_then_labels_that_start_so_then_the_rest(tmp_path):
    (tmp_path / "find.mjs").write_text((FOLDER / "find.js").read_text("utf-8"), "utf-8")
    (tmp_path / "run.mjs").write_text(
        """
        import { matches } from "./find.mjs";
        const index = [["B", "k a1"], ["C", "a1 = 7"], ["A11", "x"], ["A1", "y"], ["D", "z"]]
          .map(([id, label]) => ({ id, label }));
        const many = Array.from({ length: 30 }, (_, i) => ({ id: `0:1:${i}`, label: "" }));
        const ids = (found) => found.map((entry) => entry.id);
        console.log(JSON.stringify([
          ids(matches(index, " a1 ")), ids(matches(index, "zz")), ids(matches(index, "  ")),
          ids(matches(many, "0:1:2")).slice(0, 3), matches(many, "0").length,
        ]));
        """,
        "utf-8",
    )
    said = subprocess.run(
        ["node", str(tmp_path / "run.mjs")], capture_output=True, text=True, check=True
    )
    assert json.loads(said.stdout) == [
        ["A1", "A11", "C", "B"], [], [], ["0:1:2", "0:1:20", "0:1:21"], 9
    ]  # fmt: skip
