"""The things a network draws of a circuit: closed supernodes, and single nodes of opened ones.

1. Walk the tree: a closed supernode is one item, an opened one is replaced by its children, an
   opened terminal one by its strongest leaves and one item for the rest.
2. Nodes outside the tree (tokens, heads, errors, logits) are items of their own.
3. Where that makes too many, fold more leaves, then leave out the weakest single nodes.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from core.hierarchy import Hierarchy
from explorer.network.scene import Scene

MOST_NODES = 300
"""Nodes on the screen at once; the weakest beyond it are folded into their supernode."""
MOST_LEAVES = 24
"""Leaves shown of one opened supernode."""
_MUST = ("token", "logit", "supernode", "rest")
"""Kinds that are never left out for want of room."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Item:
    """One thing drawn: a node or a closed supernode."""

    id: str
    kind: str
    members: Int[np.ndarray, " member"]
    """Nodes it stands for."""
    frame: str | None
    """Opened supernode it lies in."""
    layer: int
    position: int
    n_heads: int = 0
    """How many of its members are attention heads."""
    in_heads: bool = False
    """Whether it stands in the row of its layer's heads."""


class _Walk(NamedTuple):
    """What a walk down the tree goes by."""

    scene: Scene
    tree: Hierarchy
    frames: Mapping[str, str | None]
    kept: Bool[np.ndarray, " node"]
    most: int
    """Leaves shown of an opened terminal supernode."""
    strength: Float[np.ndarray, " node"]


def open_frames(scene: Scene, opened: Collection[str]) -> dict[str, str | None]:
    """Opened supernodes whose ancestors are open too, outer ones first."""
    tree = scene.tree
    if tree is None:
        return {}
    frames: dict[str, str | None] = {}
    for supernode in range(1, tree.n_supernodes):
        above = int(tree.parent[supernode])
        if tree.name[supernode] in opened and (above == 0 or tree.name[above] in frames):
            frames[tree.name[supernode]] = None if above == 0 else tree.name[above]
    return frames


def items_of(
    scene: Scene, frames: Mapping[str, str | None], kept: Bool[np.ndarray, " node"]
) -> tuple[Item, ...]:
    """Items; leaves of opened supernodes are folded further until `MOST_NODES` suffice.

    Args:
        frames: Opened supernodes, as from `open_frames`.
        kept: Nodes that the filters leave.
    """
    most, strength = MOST_LEAVES, scene.strength
    items = tuple(_items(scene, frames, kept, most, strength))
    while len(items) > MOST_NODES and most > 1:
        most = max(1, most // 2)
        items = tuple(_items(scene, frames, kept, most, strength))
    if len(items) <= MOST_NODES:
        return items
    ranked = sorted(
        range(len(items)),
        key=lambda i: (items[i].kind not in _MUST, -strength[items[i].members].sum(), i),
    )
    keep = set(ranked[:MOST_NODES])
    return tuple(item for i, item in enumerate(items) if i in keep)


def _items(
    scene: Scene,
    frames: Mapping[str, str | None],
    kept: Bool[np.ndarray, " node"],
    most: int,
    strength: Float[np.ndarray, " node"],
) -> Iterator[Item]:
    in_tree = np.zeros(len(scene.ids), dtype=bool)
    in_tree[scene.tree_leaf[scene.tree_leaf >= 0]] = True
    if scene.tree is not None:
        walk = _Walk(scene, scene.tree, frames, kept, most, strength)
        for supernode in scene.tree.children(0) or (0,):
            yield from _walk(walk, supernode, None)
    for node in np.flatnonzero(kept & ~in_tree):
        yield _leaf(scene, int(node), None)


def _walk(walk: _Walk, supernode: int, frame: str | None) -> Iterator[Item]:
    """Items of a supernode and what is in it."""
    name = walk.tree.name[supernode]
    members = walk.scene.tree_leaf[walk.tree.members(supernode)]
    members = members[members >= 0]
    members = members[walk.kept[members]]
    if not len(members):
        return
    if name not in walk.frames:
        yield _group(walk, name, "supernode", members, frame)
    elif walk.tree.children(supernode):
        for child in walk.tree.children(supernode):
            yield from _walk(walk, child, name)
    else:
        ranked = members[np.argsort(-walk.strength[members], kind="stable")]
        for node in ranked[: walk.most]:
            yield _leaf(walk.scene, int(node), name)
        if len(rest := ranked[walk.most :]):
            yield _group(walk, f"{name}+", "rest", rest, name)


def _group(
    walk: _Walk, name: str, kind: str, members: Int[np.ndarray, " member"], frame: str | None
) -> Item:
    """Several nodes as one item, where most of the strength of its features, or of heads, is."""
    scene = walk.scene
    heads = [node for node in members if scene.kind[node] == "head"]
    in_heads = 2 * len(heads) > len(members)
    held: dict[tuple[int, int], float] = {}
    for node in members:
        if (scene.kind[node] == "head") == in_heads:
            place = int(scene.layer[node]), int(scene.position[node])
            held[place] = held.get(place, 0.0) + float(walk.strength[node]) + 1e-9
    layer, position = max(held, key=lambda place: (held[place], place))
    return Item(
        id=name,
        kind=kind,
        members=members,
        frame=frame,
        layer=layer,
        position=position,
        n_heads=len(heads),
        in_heads=in_heads,
    )


def _leaf(scene: Scene, node: int, frame: str | None) -> Item:
    head = scene.kind[node] == "head"
    return Item(
        n_heads=int(head),
        in_heads=head,
        id=scene.ids[node],
        kind=scene.kind[node],
        members=np.array([node]),
        frame=frame,
        layer=int(scene.layer[node]),
        position=int(scene.position[node]),
    )
