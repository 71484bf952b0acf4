"""The heads that an edge runs through, in a few words."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from core.errors import CoreError
from explorer.inspector.parts import Bar, number
from explorer.inspector.seen import Inspected
from explorer.session import resources

if TYPE_CHECKING:
    from core.attribution import Paths

HEADS = 2
"""Heads named of one edge; the others are told together."""
LEAST = 0.05
"""Share of an edge's parts, by size, that is worth a word."""


def via_text(paths: "Paths") -> str:
    """ "via L1H2 0.61, direct 0.20"; empty where nothing to speak of runs through a head."""
    size = abs(paths.direct) + sum(abs(effect) for _, effect in paths.heads)
    named = [part for part in paths.heads[:HEADS] if abs(part[1]) >= LEAST * size]
    if not named or not size:
        return ""
    rest = sum(effect for _, effect in paths.heads[len(named) :])
    also = [("direct", paths.direct), ("other heads", rest)]
    told = [*named, *(part for part in also if abs(part[1]) >= LEAST * size)]
    return "via " + ", ".join(f"{name} {number(effect)}" for name, effect in told)


def paths_of(seen: Inspected, node: str) -> "Mapping[str, Paths]":
    """The largest edges at a node on this prompt; empty where they cannot be split, or not yet."""
    if seen.ready is None:
        return {}
    try:
        return resources.edge_paths(seen.name, node, seen.view.prompt)
    except CoreError:
        return {}


def with_paths(bars: list[Bar], paths: "Mapping[str, Paths]") -> list[Bar]:
    """The bars of a node's edges, each with the heads it runs through, by the node it leads to."""
    return [bar._replace(via=via_text(paths[bar.go])) if bar.go in paths else bar for bar in bars]
