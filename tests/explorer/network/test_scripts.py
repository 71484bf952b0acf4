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
