"""What the graph alone says of nodes: where they are, their edges, their effect on the answer."""

from typing import Literal

import numpy as np

from explorer.inspector.parts import Bar, told_apart
from explorer.network.scene import Scene

EDGES = 5
"""Edges named on each side; the others are one bar."""


def places(scene: Scene, members: np.ndarray) -> str:
    """Where members are: "L0 at 17, L1 at ="."""
    held: dict[str, int] = {}
    for i in members:
        position = int(scene.position[i])
        token = scene.tokens[position].strip() if 0 <= position < len(scene.tokens) else ""
        place = f"L{scene.layer[i]} at {token or position}"
        held[place] = held.get(place, 0) + 1
    ranked = sorted(held, key=lambda place: -held[place])
    return ", ".join(ranked[:3]) + (" …" if len(ranked) > 3 else "")


def to_logit(scene: Scene, members: np.ndarray) -> float:
    """Σ direct effect on the answer."""
    if (lead := scene.place(scene.lead)) is None:
        return 0.0
    hit = np.isin(scene.edge_index[0], members) & (scene.edge_index[1] == lead)
    return float(scene.weight[hit].sum())


def edge_bars(scene: Scene, members: np.ndarray, way: Literal["in", "out"]) -> list[Bar]:
    """The strongest neighbours, and the others as one bar; edges among members are left out."""
    mine, theirs = (1, 0) if way == "in" else (0, 1)
    hit = np.isin(scene.edge_index[mine], members) & ~np.isin(scene.edge_index[theirs], members)
    ends, weight = scene.edge_index[theirs][hit], scene.weight[hit]
    total = np.bincount(ends, weight, minlength=len(scene.ids))
    neighbours = np.unique(ends)
    ranked = neighbours[np.argsort(-np.abs(total[neighbours]), kind="stable")]
    most = EDGES
    bars = told_apart(
        [(scene.ids[i], short(scene, int(i)), float(total[i])) for i in ranked[:most]]
    )
    if len(rest := ranked[most:]):
        bars.append(Bar(f"{len(rest)} others", float(total[rest].sum())))
    return bars


def short(scene: Scene, node: int) -> str:
    """A neighbour in a few letters."""
    name, kind, position = scene.ids[node], scene.kind[node], int(scene.position[node])
    layer = int(scene.layer[node])
    at = scene.tokens[position].strip() if 0 <= position < len(scene.tokens) else ""
    if name == "outside":
        return "outside the circuit"
    words = {
        "token": f"token {at}",
        "position": f"position {position}",
        "bias": f"bias L{layer}" if layer >= 0 else "bias",
        "error": f"ε L{layer} {at}",
        "logit": scene.labels.get(name, name).strip(),
    }
    return words.get(kind) or scene.labels.get(name) or name
