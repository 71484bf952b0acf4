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


def edge_bars(
    scene: Scene, members: np.ndarray, way: Literal["in", "out"], under: str = ""
) -> list[Bar]:
    """The strongest neighbours, and the others as one bar; edges among members are left out.

    Args:
        under: The supernode whose members these are. Its neighbours are then supernodes too: the
            largest that it does not lie in.
    """
    mine, theirs = (1, 0) if way == "in" else (0, 1)
    hit = np.isin(scene.edge_index[mine], members) & ~np.isin(scene.edge_index[theirs], members)
    ends, weight = scene.edge_index[theirs][hit], scene.weight[hit]
    total = np.bincount(ends, weight, minlength=len(scene.ids))
    holders: dict[int, str] = _holders(scene, under) if under else {}
    sums: dict[str, float] = {}
    names: dict[str, str] = {}
    for node in np.unique(ends).tolist():
        holder = holders[node] if node in holders else scene.ids[node]
        names[holder] = scene.labels.get(holder, "") if node in holders else short(scene, node)
        sums[holder] = sums.get(holder, 0.0) + float(total[node])
    ranked = sorted(sums, key=lambda holder: -abs(sums[holder]))
    bars = told_apart([(h, names[h], sums[h]) for h in ranked[:EDGES]])
    groups = set(holders.values())
    bars = [
        bar._replace(id=h, label=names[h], mono=False) if h in groups else bar
        for h, bar in zip(ranked[:EDGES], bars, strict=True)
    ]
    if rest := ranked[EDGES:]:
        bars.append(Bar(f"{len(rest)} others", sum(sums[holder] for holder in rest)))
    return bars


def _holders(scene: Scene, under: str) -> dict[int, str]:
    """For every leaf outside a supernode, the largest supernode that holds it and not this one."""
    tree = scene.tree
    if tree is None or under not in tree.name:
        return {}
    mine = set(tree.path(tree.find(under)))
    found: dict[int, str] = {}
    for leaf, terminal in enumerate(tree.terminal_of()):
        node = int(scene.tree_leaf[leaf])
        apart = [s for s in tree.path(int(terminal)) if s not in mine]
        if node >= 0 and apart:
            found[node] = tree.name[apart[0]]
    return found


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
