"""Engine data as the canvas component reads it, and the component itself.

1. `picture` turns a `Scene` and a set of opened supernodes into the JSON of one network: pyvis
   holds nodes, edges and options (its `Network` also makes the stand-alone export), positions come
   from `layout`.
2. `canvas` mounts the one component. What the browser already has (`have`) is not sent again; a
   click then costs a few kB whatever the size of the graph.
3. Changed set, selection and opened supernodes belong to the browser and arrive whole. Where the
   app wants others (a link, Clear all), it raises `rev`, and the browser takes its view over.

vis-network is served from the installed pyvis package and fetched once; nothing comes from outside.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from typing import Any, Literal, NamedTuple

import numpy as np
from pyvis.network import Network

from explorer import state, theme
from explorer.canvas_assets import component
from explorer.canvas_graph import Item, Sieve, Visible, visible
from explorer.layout import COMPACT, NORMAL, Layout, Spacing, arrange
from explorer.layout import Item as Placed
from explorer.scene import Scene

Part = Literal["tree", "network", "bar"]
Density = Literal["normal", "compact"]
"""compact: for a panel of some 450 px; no row names, no legend, no ground of its own."""

FEW_TOKENS = 8
"""Up to this many, every token gets room for its text; of more, those that an edge touches."""
MOST_TEXT = 64.0
"""Widest room that a token or logit is promised, px."""
COMPACT_EDGES = 28
"""Edges a compact network shows where it may choose."""
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


class Change(NamedTuple):
    """One intervention: 0 ablated, 1 put back inside an ablated supernode, else a factor."""

    node: str
    scale: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CanvasView:
    """What the reader has chosen on a canvas."""

    changes: tuple[Change, ...] = ()
    selection: tuple[str, ...] = ()
    opened: tuple[str, ...] = ()
    """Opened supernodes, outer ones first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CanvasResult:
    """What the component last said."""

    view: CanvasView
    rev: int
    """Revision of the view that the browser answers to."""
    action: str | None = None
    """A button pressed in this run, as "lab"."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """Figures of the answer bar, all between 0 and 1."""

    answer: str
    full: float
    circuit: float
    changed: float | None = None
    chance: float | None = None
    band: tuple[float, float] | None = None
    """What random ablations of the same size leave."""
    band_label: str = ""
    then: tuple[tuple[str, float], ...] = ()
    """The next answers with the changed set."""


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
    used = _used(seen)
    rows = _rows(scene, seen)
    numbered = {name: i for i, (name, _) in enumerate(rows)}
    placed = [
        _placed(scene, item, numbered[_row(scene, item)], density, i in used)
        for i, item in enumerate(seen.items)
    ]
    layout = arrange(
        placed,
        seen.frames,
        n_rows=len(rows),
        n_columns=len(scene.tokens),
        spacing=_spacing(scene, density),
    )
    graph = _graph(scene, seen, layout, placed, used)
    graph["density"] = density
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


@lru_cache(maxsize=16)
def scene_data(scene: Scene) -> Mapping[str, Any]:
    """The tree, and what the browser looks up by id."""
    tree = scene.tree
    index = [
        {"id": node, "label": scene.labels.get(node, ""), "path": []}
        for node, kind in zip(scene.ids, scene.kind, strict=True)
        if kind in ("feature", "head")
    ]
    if tree is None:
        return {"tree": None, "parents": {}, "openable": [], "titles": {}, "index": index}
    names = tree.name
    parents = {
        names[s]: names[above] if (above := int(tree.parent[s])) > 0 else None
        for s in range(1, tree.n_supernodes)
    }
    paths = {names[s]: [names[a] for a in tree.path(s)[1:]] for s in range(1, tree.n_supernodes)}
    for leaf, supernode in enumerate(tree.terminal_of()):
        if supernode > 0 and scene.tree_leaf[leaf] >= 0:
            parents[scene.ids[scene.tree_leaf[leaf]]] = names[supernode]
    for entry in index:
        entry["path"] = paths.get(parents.get(entry["id"]) or "", [])
    groups = [
        {"id": name, "label": scene.labels.get(name, ""), "path": paths[name][:-1]}
        for name in paths
    ]
    size = {names[s]: len(tree.members(s)) for s in range(1, tree.n_supernodes)}
    titles = {name: f"{name} · {n} node{'s' * (n != 1)}" for name, n in size.items()}
    return {
        "tree": _branch(scene, 0),
        "parents": parents,
        "openable": list(paths),
        "titles": titles,
        "index": groups + index,
    }


def _branch(scene: Scene, supernode: int) -> dict[str, Any]:
    tree = scene.tree
    assert tree is not None  # only called for a scene with a tree
    name = tree.name[supernode]
    return {
        "id": name,
        "name": name if supernode else "",
        "label": scene.labels.get(name, "") if supernode else scene.title,
        "sub": "",
        "count": len(tree.members(supernode)),
        "children": [_branch(scene, child) for child in tree.children(supernode)],
    }


def _used(seen: Visible) -> set[int]:
    """Items that a shown edge touches."""
    ends = np.concatenate([seen.edges.source[seen.shown], seen.edges.target[seen.shown]])
    return set(ends.tolist())


def _placed(scene: Scene, item: Item, row: int, density: Density, used: bool) -> Placed:
    """An item with the least room it needs; the browser widens boxes where there is more."""
    width, height = _ROOM[density][item.kind]
    wish = _wish(scene, item)
    if item.kind == "logit" or (item.kind == "token" and (used or len(scene.tokens) <= FEW_TOKENS)):
        width = min(MOST_TEXT, wish)
    if item.kind == "supernode" and item.frame is not None:
        width = _ROOM[density]["inner"][0]
    column = item.position if item.position >= 0 else len(scene.tokens)
    return Placed(item.id, item.kind, row, column, width, height, item.frame, wish)


_ROOM: Mapping[Density, Mapping[str, tuple[float, float]]] = {
    "normal": {
        "supernode": (84.0, 62.0),
        "inner": (58.0, 62.0),
        "feature": (22.0, 22.0),
        "rest": (44.0, 22.0),
        "head": (62.0, 34.0),
        "error": (32.0, 26.0),
        "position": (54.0, 26.0),
        "bias": (54.0, 26.0),
        "token": (28.0, 22.0),
        "logit": (40.0, 26.0),
    },
    "compact": {
        "supernode": (64.0, 56.0),
        "inner": (46.0, 56.0),
        "feature": (19.0, 19.0),
        "rest": (38.0, 20.0),
        "head": (56.0, 30.0),
        "error": (20.0, 22.0),
        "position": (20.0, 22.0),
        "bias": (20.0, 22.0),
        "token": (26.0, 22.0),
        "logit": (36.0, 24.0),
    },
}
"""Least width and height by kind, px; "inner" is a supernode inside an opened one."""


def _spacing(scene: Scene, density: Density) -> Spacing:
    """Distances; columns stand close where a prompt is long."""
    spacing = NORMAL if density == "normal" else COMPACT
    return spacing if len(scene.tokens) <= FEW_TOKENS else spacing._replace(column=5.0)


def _wish(scene: Scene, item: Item) -> float:
    """Width at which all words of an item fit."""
    text = len(_label(scene, item).strip())
    wide = {
        "supernode": 156.0,
        "token": max(28.0, 8.0 * text + 12.0),
        "logit": max(40.0, 9.0 * text + 20.0),
    }
    return wide.get(item.kind, 0.0)


def _row(scene: Scene, item: Item) -> tuple[int, int]:
    """Where an item stands between tokens and logits: (block, 0 heads or 1 MLP)."""
    if item.kind in ("token", "position"):
        return (-1, 0)
    if item.kind == "logit":
        return (scene.n_layers, 0)
    if item.kind == "bias":
        return (max(-1, min(item.layer, scene.n_layers - 1)), 1 if item.layer >= 0 else 0)
    return (item.layer, 0 if item.kind == "head" else 1)


def _rows(scene: Scene, seen: Visible) -> list[tuple[tuple[int, int], str]]:
    """Rows in use from the bottom up; every MLP has one, heads only where some are drawn."""
    held = {_row(scene, item) for item in seen.items}
    held |= {(-1, 0), (scene.n_layers, 0)} | {(layer, 1) for layer in range(scene.n_layers)}

    def label(row: tuple[int, int]) -> str:
        if row[0] < 0:
            return "tokens"
        if row[0] >= scene.n_layers:
            return "logits"
        return f"L{row[0]} MLP" if row[1] else f"L{row[0]} heads"

    return [(row, label(row)) for row in sorted(held)]


def _graph(
    scene: Scene, seen: Visible, layout: Layout, placed: Sequence[Placed], used: set[int]
) -> dict[str, Any]:
    """pyvis builds nodes, edges and options; frames and grid lines are added to its data."""
    network = Network(directed=True, cdn_resources="in_line")
    network.set_options(json.dumps(OPTIONS))
    for i, item in enumerate(seen.items):
        x, y = layout.centre[item.id]
        facts = _node(scene, item, i in used)
        network.add_node(
            item.id,
            label=_label(scene, item) or " ",
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
        "frames": _frames(scene, seen, layout),
        "gaps": [[_px(a), _px(b)] for a, b in layout.gaps],
        "columns": [_px(x) for x in layout.column_x[1:]],
        "size": [_px(width), _px(height)],
    }


def _node(scene: Scene, item: Item, used: bool) -> dict[str, Any]:
    """What the canvas draws of an item besides its place."""
    facts: dict[str, Any] = {"kind": item.kind, "used": used}
    if item.kind in ("supernode", "rest"):
        facts["count"] = len(item.members)
    if item.kind == "supernode":
        facts |= {"name": item.id, "title": item.id, "sub": _where(scene, item)}
    elif item.frame is not None:
        facts["name"] = item.frame
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


def _frames(scene: Scene, seen: Visible, layout: Layout) -> list[dict[str, Any]]:
    out = []
    for name in sorted(layout.frame, key=lambda n: layout.depth[n]):
        x, y, width, height = layout.frame[name]
        out.append(
            {
                "id": name,
                "name": name,
                "title": name,
                "label": scene.labels.get(name, ""),
                "count": len(scene.members(name)),
                "depth": layout.depth[name],
                "x": _px(x),
                "y": _px(y),
                "w": _px(width),
                "h": _px(height),
            }
        )
    return out


def _label(scene: Scene, item: Item) -> str:
    """Words on or beside an item."""
    if item.kind == "token":
        return scene.tokens[item.position] if 0 <= item.position < len(scene.tokens) else ""
    if item.kind == "head":
        return item.id.split("@")[0]
    if item.kind == "rest":
        return f"+{len(item.members)}"
    if item.kind == "position":
        return f"pos {item.position}"
    if item.id.startswith("rest:"):
        return "outside"
    fixed = {"error": "ε", "bias": f"bias L{item.layer}" if item.layer >= 0 else "bias"}
    return fixed.get(item.kind) or scene.labels.get(item.id, "")


def _where(scene: Scene, item: Item) -> str:
    """Second line of a supernode: where most of it is."""
    if 0 <= item.position < len(scene.tokens):
        return f"L{item.layer} at {scene.tokens[item.position].strip() or item.position}"
    return f"L{item.layer}"


def _px(value: float) -> float:
    return round(float(value), 1)


def _r(value: float) -> float:
    return float(f"{float(value):.4g}")


def _digest(data: Mapping[str, Any]) -> str:
    return sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:12]


# ---- the component ----


def canvas(
    data: Picture,
    *,
    key: str,
    view: CanvasView,
    on_view: Callable[[CanvasView], None],
    parts: Sequence[Part] = ("network",),
    mode: Literal["select", "ablate"] = "select",
    height: str = "560px",
    bar: Bar | None = None,
    effects: Mapping[str, str] | None = None,
) -> CanvasResult:
    """Mount the canvas.

    Args:
        data: The network, from `picture`.
        key: One per place in the app.
        view: What should be shown as chosen; differs from the browser's only where the app
            changed it, and then wins.
        on_view: Called with the browser's view before the script runs again.
        parts: Which of hierarchy, network and answer bar.
        mode: What a click does.
        height: A CSS length, as "560px" or "calc(100vh - 200px)".
        bar: Figures of the answer bar.
        effects: Last result of ablating a node, shown in its tooltip.
    """
    sent = state.local(f"canvas.{key}", _Sent())
    heard = _heard(key)
    current = heard.view if heard and heard.rev == sent.rev else sent.view
    if current != view or sent.rev < 0:
        sent = _Sent(rev=sent.rev + 1, view=view)
    state.remember(f"canvas.{key}", sent)
    have = heard.have if heard else ()
    message = {
        "key": data.key,
        "scene_key": data.scene_key,
        "graph": None if data.key in have else data.graph,
        "scene": None if data.scene_key in have else data.scene,
        "parts": list(parts),
        "mode": mode,
        "height": height,
        "view": {
            "rev": sent.rev,
            "changes": [change._asdict() for change in view.changes],
            "selection": list(view.selection),
            "opened": list(view.opened),
        },
        "seq": heard.seq if heard else 0,
        "bar": None if bar is None else _bar(bar),
        "effects": dict(effects or {}),
    }

    def changed() -> None:
        if (now := _heard(key)) and now.rev == state.local(f"canvas.{key}", _Sent()).rev:
            on_view(now.view)

    result = component()(
        key=key, data=message, on_view_change=changed, on_action_change=lambda: None
    )
    action = result.get("action")
    name = action.get("name") if isinstance(action, Mapping) else None
    return CanvasResult(view=view, rev=sent.rev, action=name)


class _Sent(NamedTuple):
    """The last view the app imposed."""

    rev: int = -1
    view: CanvasView = CanvasView()


class _Heard(NamedTuple):
    """The last message of the browser."""

    rev: int
    seq: int
    have: tuple[str, ...]
    view: CanvasView


def _heard(key: str) -> _Heard | None:
    stored = state.value(key)
    raw = stored.get("view") if isinstance(stored, Mapping) else None
    return parse_message(raw)


def parse_message(raw: Any) -> _Heard | None:
    """The browser's message, or None where it is not one (it is data from outside)."""
    if not isinstance(raw, Mapping):
        return None
    try:
        changes = tuple(Change(str(c["node"]), float(c["scale"])) for c in raw["changes"])
        return _Heard(
            rev=int(raw["rev"]),
            seq=int(raw["seq"]),
            have=tuple(map(str, raw.get("have") or ())),
            view=CanvasView(
                changes=changes,
                selection=tuple(map(str, raw["selection"])),
                opened=tuple(map(str, raw["opened"])),
            ),
        )
    except (KeyError, TypeError, ValueError):
        return None


def _bar(bar: Bar) -> dict[str, Any]:
    return {name: getattr(bar, name) for name in Bar.__slots__}
