"""The component's scripts: data never becomes markup, and nothing comes from outside."""

import re
from pathlib import Path

import pytest

import explorer

FOLDER = Path(explorer.__file__).parent / "canvas"
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
