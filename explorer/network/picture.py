"""One network as the canvas component reads it: pyvis builds it, `layout` places it.

1. `visible` says what is shown of a scene for a set of opened supernodes.
2. `rooms` gives each item its row, column and room, `layout` its place.
3. pyvis holds nodes, edges and options (its `Network` also makes the stand-alone export); frames,
   rows and columns are added to its data. Keys are hashes of the content.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from itertools import product
from typing import Any

import numpy as np
from pyvis.network import Network

from explorer.look import theme
from explorer.network.catalogue import scene_data
from explorer.network.layout import Columns, Layout, Placed, arrange, scale_in
from explorer.network.rooms import (
    Density,
    columns_for,
    label_of,
    placed_items,
    rows_of,
    spacing_of,
    used_items,
    where,
)
from explorer.network.scene import JOINT, Scene
from explorer.network.visible import Item, Sieve, Visible, visible

COMPACT_EDGES = 28
"""Edges a compact network shows where it may choose."""

ROOM: Mapping[Density, tuple[float, float]] = {"normal": (620.0, 560.0), "compact": (440.0, 330.0)}
"""Width and height that a panel usually has for the nodes, px; chooses between layouts."""
ACROSS = (None, 4, 3, 2, 1)
"""Closed supernodes side by side in an opened one, from the widest layout to the highest."""

LINE_COST = 0.04
"""Of scale, for each step of `ACROSS`."""
SHARED_COST = 0.12
"""Of scale, for columns that are no longer over their own token alone."""

OPTIONS: Mapping[str, Any] = {
    "autoResize": True,
    "physics": False,
    "layout": {"improvedLayout": False},
    "interaction": {
        "dragNodes": False,
        "hover": False,
        "selectable": False,
        "multiselect": False,
        "keyboard": False,
        "zoomSpeed": 0.5,
    },
    "nodes": {"shape": "custom", "chosen": False},
}
"""vis-network options; selecting and hovering are the component's own."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Picture:
    """One network ready to be sent."""

    key: str
    scene_key: str
    graph: Mapping[str, Any]
    """Nodes, edges, frames, rows, columns, size, options."""
    scene: Mapping[str, Any]
    """Tree, parents, titles and index: the same for every set of opened supernodes."""
    counts: tuple[int, int, int, int]
    """Nodes drawn, nodes there are, edges drawn, edges there are."""
    min_effect: float


def counts_text(counts: tuple[int, int, int, int]) -> str:
    """ "38 of 312 nodes · 61 of 1,204 edges"."""
    nodes, all_nodes, edges, all_edges = counts
    return f"{nodes:,} of {all_nodes:,} nodes · {edges:,} of {all_edges:,} edges"


@lru_cache(maxsize=64)
def picture(
    scene: Scene,
    opened: tuple[str, ...] = (),
    sieve: Sieve | None = None,
    density: Density = "normal",
) -> Picture:
    """The network of a scene with these supernodes open.

    Scenes compare by identity, so keep one per graph (resources do) for this cache to work.
    """
    sieve = sieve or Sieve()
    if density == "compact":
        sieve = replace(sieve, most_edges=min(sieve.most_edges, COMPACT_EDGES))
    seen = visible(scene, opened, sieve)
    used = used_items(seen)
    rows = rows_of(scene, seen)
    placed = placed_items(scene, seen, rows, density, used)
    layout = _arranged(scene, seen, placed, len(rows), density)
    graph = _graph(scene, seen, layout, placed, used)
    graph["density"] = density
    graph["answer"] = scene.labels.get(scene.lead, "the answer").strip()
    graph["least"] = seen.min_effect
    graph["rows"] = [
        {"label": label, "y": _px(layout.row_y[i])} for i, (_, label) in enumerate(rows)
    ]
    static = scene_data(scene)
    scene_key = f"{scene.key}.{_digest(static)}"
    return Picture(
        key=f"{scene_key}.{_digest(graph)}",
        scene_key=scene_key,
        graph=graph,
        scene=static,
        counts=seen.counts,
        min_effect=seen.min_effect,
    )


def _arranged(
    scene: Scene, seen: Visible, placed: Sequence[Placed], n_rows: int, density: Density
) -> Layout:
    """The layout that can be shown largest; more lines in a row must earn their crossing edges."""
    lines = ACROSS if seen.frames else ACROSS[:1]
    usual = columns_for(scene)
    ways: list[Columns] = [usual] if usual == "shared" or not seen.frames else ["own", "shared"]
    room, best = ROOM[density], None
    for across, columns in product(lines, ways):
        made = arrange(
            placed,
            seen.frames,
            n_rows=n_rows,
            n_columns=len(scene.tokens),
            spacing=spacing_of(scene, density),
            columns=columns,
            across=across,
        )
        cost = LINE_COST * lines.index(across) + (SHARED_COST if columns != usual else 0.0)
        worth = scale_in(made, room) - cost
        if best is None or worth > best[0]:
            best = worth, made
    assert best is not None
    return best[1]


def _graph(
    scene: Scene, seen: Visible, layout: Layout, placed: Sequence[Placed], used: set[int]
) -> dict[str, Any]:
    """pyvis builds nodes, edges and options; frames and grid lines are added to its data."""
    network = Network(directed=True, cdn_resources="in_line")
    network.set_options(json.dumps(OPTIONS))
    direct = scene.direct
    for i, item in enumerate(seen.items):
        x, y = layout.centre[item.id]
        facts = _node(scene, item, i in used)
        if effect := _r(direct[item.members].sum()):
            facts["effect"] = effect
        network.add_node(
            item.id,
            label=label_of(scene, item) or " ",
            shape="custom",
            x=_px(x),
            y=_px(y),
            w=_px(layout.width[item.id]),
            h=_px(placed[i].height),
            wish=placed[i].wish or _px(placed[i].width),
            **facts,
        )
    _add_edges(network, seen)
    width, height = layout.size
    return {
        "nodes": [
            {k: v for k, v in n.items() if k not in ("color", "font")} for n in network.nodes
        ],
        "edges": network.edges,
        "options": json.loads(network.options)
        if isinstance(network.options, str)
        else dict(OPTIONS),
        "frames": _frames(scene, layout, direct),
        "gaps": [[_px(a), _px(b)] for a, b in layout.gaps],
        "columns": [_px(x) for x in layout.column_x[1:]],
        "size": [_px(width), _px(height)],
    }


def _node(scene: Scene, item: Item, used: bool) -> dict[str, Any]:
    """What the canvas draws of an item besides its place."""
    facts: dict[str, Any] = {"kind": item.kind, "used": used}
    if item.kind in ("supernode", "rest"):
        facts |= {"count": len(item.members), "heads": item.n_heads}
    if item.kind == "supernode":
        short, sub = scene.short_label(item.id), where(scene, item)
        facts |= {"name": item.id, "title": item.id, "short": short}
        facts["sub"] = "" if sub in short.split(JOINT) else sub  # a name of its place says it
    elif item.frame is not None:
        facts["name"] = item.frame
    if item.kind in ("feature", "head"):
        facts["title_label"] = scene.labels.get(item.id, "")
    if item.kind == "feature":
        value = float(scene.activation[item.members[0]])
        facts["notes"] = [f"activation {value:.2f}".replace("-", "\u2212") if value else "silent"]
        facts["silent"] = value == 0.0
    if item.kind == "logit":
        facts["lead"] = item.id == scene.lead
    if item.kind == "error":
        facts["notes"] = [f"layer {item.layer}, what the transcoder leaves out"]
    return facts


def _add_edges(network: Network, seen: Visible) -> None:
    """Width 1–7 px grows with |effect|; the largest on screen has 7."""
    least, most = (float(theme.SIZES[name].removesuffix("px")) for name in ("edge-min", "edge-max"))
    drawn = np.flatnonzero(seen.shown)
    top = np.abs(seen.edges.total[drawn]).max(initial=1e-12)
    for e in drawn:
        effect = float(seen.edges.total[e])
        facts: dict[str, Any] = {"count": int(seen.edges.count[e]), "share": _r(seen.share[e])}
        if facts["count"] > 1:
            facts |= {"total": _r(seen.edges.total_abs[e]), "largest": _r(seen.edges.peak[e])}
        network.add_edge(
            seen.items[seen.edges.source[e]].id,
            seen.items[seen.edges.target[e]].id,
            effect=_r(effect),
            width=round(least + (most - least) * abs(effect) / top, 2),
            arrows={"to": {"enabled": True, "type": "arrow" if effect >= 0 else "bar"}},
            **facts,
        )


def _frames(scene: Scene, layout: Layout, direct: np.ndarray) -> list[dict[str, Any]]:
    out = []
    for name in sorted(layout.frame, key=lambda n: layout.depth[n]):
        x, y, width, height = layout.frame[name]
        out.append(
            {
                "id": name,
                "name": name,
                "title": name,
                "label": scene.labels.get(name, ""),
                "short": scene.short_label(name),
                "count": len(scene.members(name)),
                "heads": sum(scene.kind[i] == "head" for i in scene.members(name)),
                "effect": _r(direct[scene.members(name)].sum()),
                "depth": layout.depth[name],
                "x": _px(x),
                "y": _px(y),
                "w": _px(width),
                "h": _px(height),
            }
        )
    return out


def _px(value: float) -> float:
    return round(float(value), 1)


def _r(value: float) -> float:
    return float(f"{float(value):.4g}")


def _digest(data: Mapping[str, Any]) -> str:
    return sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:12]
