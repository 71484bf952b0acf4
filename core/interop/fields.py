"""Single values of an imported file, each taken only if it is what it must be."""

import re
from collections.abc import Mapping
from typing import Any, NoReturn, TypeGuard

import torch

from core.errors import FormatError

LARGEST = float(torch.finfo(torch.float32).max)
"""Largest weight or activation that our graphs can hold."""


def part(data: Any, name: str, kind: type) -> Any:
    """A part of the file of one type, by name."""
    value = data.get(name) if isinstance(data, Mapping) else None
    if not isinstance(value, kind):
        found = "is missing" if value is None else f"is {_called(type(value))}"
        refuse(
            f"The graph's {name!r} {found}; {_called(kind)} is required",
            "export it again from circuit-tracer, Neuronpedia or here",
        )
    return value


def _called(kind: type) -> str:
    """What JSON calls values of a type."""
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}
    return names.get(kind, "a number")


def node_id(node: Any, place: int) -> str:
    """A node's name."""
    name = node.get("node_id") if isinstance(node, Mapping) else None
    if not isinstance(name, str) or not name:
        refuse(f"Node number {place} has no node_id (got {str(name)[:40]!r})", "name every node")
    return name


def end(link: Any, side: str, number: Mapping[str, int]) -> int:
    """Number of the node at one end of a link."""
    name = link.get(side) if isinstance(link, Mapping) else None
    if not isinstance(name, str) or name not in number:
        refuse(
            f"A link's {side} is {str(name)[:40]!r}, which is no node of the file",
            "add the node or leave out its links",
        )
    return number[name]


def whole(node: Mapping[str, Any], field: str, name: str, least: int = -1) -> int:
    """A field that must be a whole number, as number or text, and at least `least`."""
    value = node.get(field)
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,15}", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value < 2**62:
        refuse(
            f"Node {name} has {field} {str(value)[:40]!r}, required is a whole number of at least "
            f"{least}",
            "mend it",
        )
    return value


def finite(item: Any, field: str, default: float | None) -> float:
    """A field that must be a finite number; `default` (if any) where it is absent."""
    value = item.get(field) if isinstance(item, Mapping) else None
    if value is None and default is not None:
        return default
    if not _is_number(value):
        refuse(
            f"A {field} is {str(value)[:40]!r}, required is a finite number",
            "export the graph again in float32",
        )
    return float(value)


def _is_number(value: object) -> TypeGuard[float]:
    """Whether it is a number our graphs can hold; NaN is not <= anything."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= LARGEST


def refuse(what: str, remedy: str) -> NoReturn:
    """Says what is wrong and what to do."""
    raise FormatError(f"{what}. To import it, {remedy}.")
