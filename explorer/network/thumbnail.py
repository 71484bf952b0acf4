"""The coarse network of a circuit as a small drawing: `[tag, attributes, text]` for each shape.

    1. Boxes: the supernodes of the hierarchy's first level (at most six), x by the mean position of
       their features, y by their mean layer; boxes of one row are pushed apart.
    2. Below them the tokens that feed them most, above them the answer.
    3. Edges: Σ of the direct effects between two groups, width ∝ |Σ|, class by sign; the weak ones
       are left out.

Plain data: a browser component turns it into SVG elements, text stays text.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from core.bundle import Bundle
from core.circuit import node_ids
from core.graph import NodeKind
from explorer.look import theme
from explorer.network import THUMBNAIL

WIDTH, HEIGHT = THUMBNAIL
MAX_BOXES, MAX_TOKENS = 6, 4
MAX_LETTERS = 6
"""Of a token's name: `go (2)` says which."""
WEAKEST = 0.06
"""Share of the strongest edge below which an edge is not drawn."""
Shape = list[Any]


class Group(NamedTuple):
    """Nodes of the graph that are drawn as one."""

    label: str
    kind: str
    """box, token or answer."""
    members: np.ndarray
    """Node numbers."""
    column: float
    """Mean position of the members."""
    row: float
    """Mean layer of the members."""


def thumbnail(bundle: Bundle, roles: Sequence[str] = ()) -> list[Shape]:
    """Draw a bundle; `roles` names the aligned positions."""
    boxes = _boxes(bundle)
    groups = [*boxes, *_tokens(bundle, boxes, roles), *_answer(bundle)]
    places = _places(groups)
    flow = _flow(bundle, groups)
    strongest = float(np.abs(flow).max(initial=0.0)) or 1.0
    shapes = [
        _edge(places[source], places[target], float(flow[target, source]) / strongest)
        for target, source in zip(*np.nonzero(np.abs(flow) > WEAKEST * strongest), strict=True)
        if places[target][1] < places[source][1]
    ]
    for group, place in zip(groups, places, strict=True):
        shapes += _shape(group, place)
    return shapes


def _boxes(bundle: Bundle) -> list[Group]:
    tree, graph = bundle.hierarchy, bundle.graph
    number = {name: i for i, name in enumerate(node_ids(graph))}
    shown = sorted(tree.level(min(1, tree.depth)), key=lambda s: -len(tree.members(s)))[:MAX_BOXES]
    groups = []
    for supernode in sorted(shown):
        nodes = [bundle.circuit.nodes[leaf] for leaf in tree.members(supernode)]
        members = np.array([number[str(node)] for node in nodes if str(node) in number], dtype=int)
        if len(members):  # a head at all positions is no one node of the graph
            column, row = (float(c[members].double().mean()) for c in (graph.position, graph.layer))
            groups.append(Group(tree.name[supernode], "box", members, column, row))
    return groups


def _tokens(bundle: Bundle, boxes: Sequence[Group], roles: Sequence[str]) -> list[Group]:
    graph = bundle.graph
    inside = np.concatenate([box.members for box in boxes]) if boxes else np.zeros(0, dtype=int)
    source, target = graph.edge_index.numpy()
    into = np.isin(target, inside)
    weight = np.bincount(source[into], np.abs(graph.direct_effect.numpy()[into]), len(graph.kind))
    token = np.flatnonzero((graph.kind == int(NodeKind.TOKEN)).numpy() & (weight > 0))
    strongest = token[np.argsort(-weight[token])][:MAX_TOKENS]
    position = graph.position.numpy()
    groups = [
        Group(
            _role(roles, int(position[node])), "token", np.array([node]), float(position[node]), -1
        )
        for node in strongest
    ]
    # strongest first: those that still have room side by side
    room = np.cumsum([_width(group) + 4 for group in groups]) <= WIDTH
    kept = [group for group, fits in zip(groups, room, strict=True) if fits]
    return sorted(kept, key=lambda group: group.column)


def _role(roles: Sequence[str], position: int) -> str:
    role = roles[position] if position < len(roles) else str(position)
    return role if len(role) <= MAX_LETTERS else role[: MAX_LETTERS - 1] + "…"


def _answer(bundle: Bundle) -> list[Group]:
    graph = bundle.graph
    nodes = np.flatnonzero((graph.kind == int(NodeKind.LOGIT)).numpy())
    return [Group("answer", "answer", nodes, float(graph.position.max()), 99)] if len(nodes) else []


def _flow(bundle: Bundle, groups: Sequence[Group]) -> np.ndarray:
    graph = bundle.graph
    of = np.full(len(graph.kind), -1)
    for i, group in enumerate(groups):
        of[group.members] = i
    source, target = of[graph.edge_index.numpy()]
    known = (source >= 0) & (target >= 0) & (source != target)
    pair = target[known] * len(groups) + source[known]
    size = len(groups)
    return np.bincount(pair, graph.direct_effect.numpy()[known], size * size).reshape(size, size)


def _places(groups: Sequence[Group]) -> list[tuple[float, float]]:
    """Middle of each group, in pixels."""
    columns = [group.column for group in groups]
    low, span = min(columns, default=0.0), (max(columns, default=1.0) - min(columns, default=0.0))
    levels = sorted({round(group.row) for group in groups if group.kind == "box"})
    x = [16 + (WIDTH - 32) * ((c - low) / span if span else 0.5) for c in columns]
    y = [_height(group, levels) for group in groups]
    for height in set(y):
        row = sorted((i for i in range(len(y)) if y[i] == height), key=lambda i: x[i])
        _push_apart(x, row, [_width(groups[i]) + 4 for i in row])
    return list(zip(x, y, strict=True))


def _height(group: Group, levels: Sequence[int]) -> float:
    if group.kind == "token":
        return HEIGHT - 12
    if group.kind == "answer":
        return 12
    step = (levels.index(round(group.row)) + 1) / (len(levels) + 1)
    return HEIGHT - 14 - step * (HEIGHT - 28)


def _push_apart(x: list[float], row: Sequence[int], widths: Sequence[float]) -> None:
    for _ in range(20):
        for a, b in zip(range(len(row)), range(1, len(row)), strict=False):
            overlap = (widths[a] + widths[b]) / 2 - (x[row[b]] - x[row[a]])
            if overlap > 0:
                x[row[a]] -= overlap / 2
                x[row[b]] += overlap / 2
        for i, width in zip(row, widths, strict=True):
            x[i] = min(max(x[i], width / 2), WIDTH - width / 2)


def _width(group: Group) -> float:
    if group.kind == "box":
        return 24
    return max(22, 6.6 * len(group.label) + 8)


def _edge(source: tuple[float, float], target: tuple[float, float], share: float) -> Shape:
    (x1, y1), (x2, y2) = (source[0], source[1] - 9), (target[0], target[1] + 9)
    middle = (y1 + y2) / 2
    path = f"M{x1:.1f} {y1:.1f}C{x1:.1f} {middle:.1f} {x2:.1f} {middle:.1f} {x2:.1f} {y2:.1f}"
    sign = "plus" if share > 0 else "minus"
    width = f"{1 + 3.5 * abs(share):.2f}"
    return ["path", {"d": path, "class": f"edge {sign}", "stroke-width": width}, None]


def _shape(group: Group, place: tuple[float, float]) -> list[Shape]:
    x, y = place
    width, height, round_, box, letter = {
        "box": (24, 18, 5, f"box {theme.role_of(group.label)}", "t"),
        "token": (_width(group), 15, 3, "tokbox", "tok"),
        "answer": (_width(group), 17, 8.5, "outbox", "out"),
    }[group.kind]
    size = {"width": width, "height": height, "rx": round_, "class": box}
    corner = {"x": round(x - width / 2, 1), "y": round(y - height / 2, 1)}
    return [
        ["rect", corner | size, None],
        ["text", {"x": round(x, 1), "y": round(y + 4, 1), "class": letter}, group.label],
    ]
