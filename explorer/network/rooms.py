"""How much room each item of a network needs, in which row and column, and the words on it."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from explorer.network.layout import COMPACT, NORMAL, Columns, Placed, Spacing
from explorer.network.scene import Scene
from explorer.network.visible import Item, Visible

Row = tuple[int, int]
"""Block (-1 tokens, the number of blocks logits) and 0 for its heads, 1 for its MLP."""
Density = Literal["normal", "compact"]
"""compact: for a panel of some 450 px; no row names, no legend, no ground of its own."""
FEW_TOKENS = 8
"""Up to this many, every token gets room for its text; of more, those that an edge touches."""
MOST_TEXT = 64.0
"""Widest room that a token or logit is promised, px."""
SOME_TEXT = 44.0
"""The same on a longer prompt, for tokens that an edge touches, px."""
MANY_TOKENS = 24
"""Of more than this, a token that no edge touches is promised room for a mark only."""
MARK = 12.0
"""Width of such a mark, px."""
PROBABILITY = 38.0
"""Room for the answer's probability beside its token, px."""
_ROOM: Mapping[Density, Mapping[str, tuple[float, float]]] = {
    "normal": {
        "supernode": (84.0, 62.0),
        "inner": (58.0, 62.0),
        "feature": (27.0, 27.0),
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
        "feature": (24.0, 24.0),
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


def placed_items(
    scene: Scene,
    seen: Visible,
    rows: Sequence[tuple[Row, str]],
    density: Density,
    used: set[int],
) -> list[Placed]:
    """Every item with its row, column and room."""
    numbered = {row: i for i, (row, _) in enumerate(rows)}
    return [
        _placed(scene, item, numbered[_row(scene, item)], density, i in used)
        for i, item in enumerate(seen.items)
    ]


def used_items(seen: Visible) -> set[int]:
    """Items that a shown edge touches."""
    ends = np.concatenate([seen.edges.source[seen.shown], seen.edges.target[seen.shown]])
    return set(ends.tolist())


def rows_of(scene: Scene, seen: Visible) -> list[tuple[Row, str]]:
    """Rows in use from the bottom up; every MLP has one, heads only where some are drawn."""
    held = {_row(scene, item) for item in seen.items}
    held |= {(-1, 0), (scene.n_layers, 0)} | {(layer, 1) for layer in range(scene.n_layers)}

    def label(row: Row) -> str:
        if row[0] < 0:
            return "tokens"
        if row[0] >= scene.n_layers:
            return "logits"
        return f"L{row[0]} MLP" if row[1] else f"L{row[0]} heads"

    return [(row, label(row)) for row in sorted(held)]


def _row(scene: Scene, item: Item) -> Row:
    """Where an item stands between tokens and logits: (block, 0 heads or 1 MLP)."""
    if item.kind in ("token", "position"):
        return (-1, 0)
    if item.kind == "logit":
        return (scene.n_layers, 0)
    if item.kind == "bias":
        return (max(-1, min(item.layer, scene.n_layers - 1)), 1 if item.layer >= 0 else 0)
    return (item.layer, 0 if item.in_heads else 1)


def _placed(scene: Scene, item: Item, row: int, density: Density, used: bool) -> Placed:
    """An item with the least room it needs; the browser widens boxes where there is more."""
    kind = "inner" if item.kind == "supernode" and item.frame is not None else item.kind
    width, height = _ROOM[density][kind]
    wish = _wish(scene, item, density)
    if item.kind == "logit":
        width = min(MOST_TEXT, wish) + _beside(scene, item, density)
        wish += _beside(scene, item, density)
    elif item.kind == "position" and columns_for(scene) == "shared":
        width = _ROOM["compact"]["position"][0]
    elif item.kind == "token":
        width = _token_width(len(scene.tokens), wish, used)
    column = item.position if item.position >= 0 else len(scene.tokens)
    return Placed(item.id, item.kind, row, column, width, height, item.frame, wish)


def _token_width(n_tokens: int, wish: float, used: bool) -> float:
    """Least width of a token; the browser gives it more where its row has room."""
    if n_tokens <= FEW_TOKENS:
        return min(MOST_TEXT, wish)
    if used:
        return min(SOME_TEXT, wish)
    return min(28.0, wish) if n_tokens <= MANY_TOKENS else MARK


def _beside(scene: Scene, item: Item, density: Density) -> float:
    """Room for the probability of the answer, which the network shows where it is wide."""
    return PROBABILITY if item.id == scene.lead and density == "normal" else 0.0


def _wish(scene: Scene, item: Item, density: Density) -> float:
    """Width at which all words of an item fit."""
    text = len(label_of(scene, item).strip())
    wide = {
        "supernode": 156.0,
        "token": max(28.0, 8.0 * text + 12.0),
        "logit": max(_ROOM[density]["logit"][0], 9.0 * text + 20.0),
    }
    return wide.get(item.kind, 0.0)


def spacing_of(scene: Scene, density: Density) -> Spacing:
    """Distances; columns stand close where a prompt is long."""
    spacing = NORMAL if density == "normal" else COMPACT
    return spacing if len(scene.tokens) <= FEW_TOKENS else spacing._replace(column=5.0)


def columns_for(scene: Scene) -> Columns:
    """Columns of their own for few tokens; on a long prompt boxes stand over the next ones."""
    return "own" if len(scene.tokens) <= FEW_TOKENS else "shared"


def label_of(scene: Scene, item: Item) -> str:
    """Words on or beside an item."""
    if item.kind == "token":
        return scene.tokens[item.position] if 0 <= item.position < len(scene.tokens) else ""
    if item.kind == "head":
        return item.id.split("@")[0]
    if item.kind == "rest":
        return f"+{len(item.members)}"
    if item.kind == "position":
        return f"pos {item.position}"
    if item.id == "outside":
        return "outside"
    fixed = {"error": "ε", "bias": f"bias L{item.layer}" if item.layer >= 0 else "bias"}
    return fixed.get(item.kind) or scene.labels.get(item.id, "")


def where(scene: Scene, item: Item) -> str:
    """Second line of a supernode: the layers and positions of all of it, as `L0–L2, 4 positions`.

    It stands where most of it is, which its row and column say. Heads are named where it has
    nothing else.
    """
    layers = scene.layer[item.members]
    low, high = int(layers.min()), int(layers.max())
    place = f"L{low}" if low == high else f"L{low}–L{high}"
    place += " heads" if item.n_heads == len(item.members) else ""
    held = {int(at) for at in scene.position[item.members] if 0 <= at < len(scene.tokens)}
    if len(held) == 1:
        (at,) = held
        return f"{place} at {scene.tokens[at].strip() or at}"
    return f"{place}, {len(held)} positions" if held else place
