"""The map of the engine names every package, in an order that its imports keep."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

import core

ROOT = Path(core.__file__).parent


def named():
    return re.findall(r"^    ([a-z]+)  +\S", core.__doc__ or "", flags=re.MULTILINE)


def test_every_package_of_the_engine_is_on_the_map_once():
    there = {path.stem for path in ROOT.iterdir() if not path.name.startswith(("_", "."))}
    assert sorted(named()) == sorted(there)


def is_module(path):
    """Whether a file or folder can be imported and is no dunder."""
    named = not path.name.startswith(("_", "."))
    return named and (path.suffix == ".py" or (path / "__init__.py").is_file())


@pytest.mark.parametrize(
    "package",
    sorted(ROOT.glob("*/**/__init__.py")),
    ids=lambda path: path.parent.relative_to(ROOT).as_posix(),
)
def test_the_map_of_a_package_names_every_module_of_it_once(package):
    said = ast.get_docstring(ast.parse(package.read_text("utf-8"))) or ""
    on_it = re.findall(r"^([a-z_]+)  +\S", said, flags=re.MULTILINE)
    there = {path.stem for path in package.parent.iterdir() if is_module(path)}
    assert not on_it or sorted(on_it) == sorted(there)


def test_the_order_of_the_map_is_the_order_of_the_layers():
    settings = tomllib.loads((ROOT.parent / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    (layers,) = (c["layers"] for c in contracts if c.get("containers") == ["core"])
    height = {name: -at for at, row in enumerate(layers) for name in row.split(" | ")}
    heights = [height[name] for name in named()]
    assert heights == sorted(heights)
