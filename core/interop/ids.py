"""Names of nodes in graph JSON, as circuit-tracer writes them.

    feature  {layer}_{feature}_{position}     error  0_{layer}_{position}
    token    E_{vocabulary}_{position}        logit  {layers + 1}_{vocabulary}_{position}

An error's name is also that of a layer-0 feature whose index equals the error's layer. Where both
are in one graph the error is renamed to `error_{layer}_{position}`, so that every name is unique.
Kinds that circuit-tracer does not have are `pos_{position}`, `bias_{layer}` and `bias_rest`.
"""

import math
import re
from collections.abc import Iterable
from typing import NamedTuple


class Name(NamedTuple):
    """How one node is called in a file."""

    node_id: str
    """Unique in the file."""
    js_id: str
    """`jsNodeId`: the same for one feature at all positions."""


GENERATOR = "HAGD Explorer"
"""What our files name as their generator."""
ELEUTHER_ID = re.compile(r"(error|output)_\d+_\d+")
"""Names that EleutherAI's `attribute` gives and circuit-tracer does not."""
FEATURE_ID = re.compile(r"(\d{1,9})_(\d{1,12})_(\d{1,9})")
TOKEN_ID = re.compile(r"E_(-?\d{1,12})_(\d{1,9})")
BIAS_ID = re.compile(r"bias_(\d{1,9}|rest)")
POSITION_ID = re.compile(r"pos_(\d{1,9})")


def cantor(layer: int, feature: int) -> int:
    """One number for a pair; what `feature` holds in files of schema version 1."""
    total = layer + feature
    return total * (total + 1) // 2 + feature


def from_cantor(number: int) -> tuple[int, int]:
    """(layer, feature) of a paired number; exact for any size."""
    total = (math.isqrt(8 * number + 1) - 1) // 2
    feature = number - total * (total + 1) // 2
    return total - feature, feature


def feature_name(layer: int, feature: int, position: int) -> Name:
    return Name(f"{layer}_{feature}_{position}", f"{layer}_{feature}-0")


def error_name(layer: int, position: int, taken: set[str]) -> Name:
    """Circuit-tracer's name, or one of our own for each part that a feature has taken."""
    node_id, js_id = f"0_{layer}_{position}", f"{layer}_{position}-0"
    return Name(
        f"error_{layer}_{position}" if node_id in taken else node_id,
        f"error_{layer}_{position}-0" if js_id in taken else js_id,
    )


def repeated(names: Iterable[str]) -> list[str]:
    """Names that occur more than once, each once, in order."""
    seen: set[str] = set()
    return list(dict.fromkeys(name for name in names if name in seen or seen.add(name)))
