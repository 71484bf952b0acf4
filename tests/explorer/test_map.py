"""The map of the app names every part, in an order that its imports keep."""

import re
import tomllib
from pathlib import Path

import explorer

ROOT = Path(explorer.__file__).parent


def named():
    return re.findall(r"^    ([a-z]+)  +\S", explorer.__doc__ or "", flags=re.MULTILINE)


def test_every_part_of_the_app_is_on_the_map_once():
    there = {path.stem for path in ROOT.iterdir() if not path.name.startswith(("_", "."))}
    assert sorted(named()) == sorted(there)


def test_the_order_of_the_map_is_the_order_of_the_layers():
    settings = tomllib.loads((ROOT.parent / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    (layers,) = (c["layers"] for c in contracts if c.get("containers") == ["explorer"])
    depth = {name: at for at, row in enumerate(layers) for name in row.split(" | ")}
    depths = [depth[name] for name in named()]
    assert depths == sorted(depths)
