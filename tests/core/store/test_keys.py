"""Content keys: the same work has one name, other work another."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path

import pytest

import core
from core.errors import StoreError
from core.store import canonical_json, code_version, installed, stage_key


class How(StrEnum):
    MEAN = "mean"


@dataclass(frozen=True)
class Settings:
    size: int = 3
    how: How = How.MEAN
    where: tuple[int, ...] = (1, 2)


def test_canonical_json_by_hand() -> None:
    value = {"b": Settings(), "a": [None, True, 0.5, "é", Path("x/y")]}
    assert canonical_json(value).decode() == (
        '{"a":[null,true,0.5,"é","x/y"],"b":{"how":"mean","size":3,"where":[1,2]}}'
    )


def test_key_does_not_depend_on_order_or_on_dataclass_or_table() -> None:
    one = stage_key("graph", 1, {"model": "m", "task": "t"}, Settings())
    table = {"where": [1, 2], "how": "mean", "size": 3}
    assert stage_key("graph", 1, {"task": "t", "model": "m"}, table) == one
    assert len(one) == 64


@pytest.mark.parametrize(
    "other",
    [
        ("tree", 1, {"model": "m"}, {"size": 3}),
        ("graph", 2, {"model": "m"}, {"size": 3}),
        ("graph", 1, {"model": "n"}, {"size": 3}),
        ("graph", 1, {"model": "m"}, {"size": 4}),
    ],
)
def test_every_part_changes_the_key(other: tuple) -> None:
    assert stage_key(*other) != stage_key("graph", 1, {"model": "m"}, {"size": 3})


@pytest.mark.parametrize(
    ("value", "match"),
    [
        ({"a": {1: 2}}, r"value\['a'\] is not text: got 1"),
        ({"a": [0, object()]}, r"value\['a'\]\[1\] can not be stored: got object"),
        ([float("nan")], "NaN or infinite"),
        ([float("inf")], "NaN or infinite"),
        (b"bytes", "got bytes"),
    ],
)
def test_what_has_no_one_spelling_is_refused(value: object, match: str) -> None:
    with pytest.raises(StoreError, match=match):
        canonical_json(value)


def test_the_code_version_is_a_hash_of_every_module_of_the_engine() -> None:
    root, digest = Path(core.__file__).parent, hashlib.sha256()
    for file in sorted(root.rglob("*.py")):
        digest.update(file.relative_to(root).as_posix().encode() + file.read_bytes())
    assert installed("hagd-explorer") == version("hagd-explorer")
    assert installed("no-such-package") == "not installed"
    assert code_version() == f"{version('hagd-explorer')}+{digest.hexdigest()[:12]}"
