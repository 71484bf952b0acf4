"""What the browser looks up of a scene by id: the tree, parents, titles, and what can be found.

The same for every set of opened supernodes, so it is sent once.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from core.hierarchy import Hierarchy
from explorer.network.scene import Scene


@lru_cache(maxsize=16)
def scene_data(scene: Scene) -> Mapping[str, Any]:
    """Tree, parents, titles, sizes and index of a scene."""
    index = [
        {"id": node, "label": scene.labels.get(node, "")}
        for node, kind in zip(scene.ids, scene.kind, strict=True)
        if kind in ("feature", "head")
    ]
    tree = scene.tree
    if tree is None:
        none: dict[str, Any] = {"parents": {}, "openable": [], "titles": {}, "sizes": {}}
        return {"tree": None, "index": index} | none
    inner = range(1, tree.n_supernodes)
    parents = _parents(scene, tree)
    names = [tree.name[s] for s in inner]
    groups = [{"id": name, "label": scene.labels.get(name, "")} for name in names]
    size = {tree.name[s]: len(tree.members(s)) for s in inner}
    return {
        "tree": _branch(scene, tree, 0),
        "parents": parents,
        "openable": names,
        "titles": {name: f"{name} · {n} node{'s' * (n != 1)}" for name, n in size.items()},
        "sizes": size,
        "index": groups + index,
    }


def _parents(scene: Scene, tree: Hierarchy) -> dict[str, str | None]:
    """The supernode each supernode and leaf lies in; None for the outermost."""
    names = tree.name
    parents: dict[str, str | None] = {}
    for s in range(1, tree.n_supernodes):
        above = int(tree.parent[s])
        parents[names[s]] = names[above] if above > 0 else None
    for leaf, supernode in enumerate(tree.terminal_of()):
        if supernode > 0 and scene.tree_leaf[leaf] >= 0:
            parents[scene.ids[scene.tree_leaf[leaf]]] = names[supernode]
    return parents


def _branch(scene: Scene, tree: Hierarchy, supernode: int) -> dict[str, Any]:
    name = tree.name[supernode]
    return {
        "id": name,
        "name": name if supernode else "",
        "label": scene.labels.get(name, "") if supernode else scene.title,
        "short": scene.short_label(name) if supernode else scene.title,
        "count": len(tree.members(supernode)),
        "children": [_branch(scene, tree, child) for child in tree.children(supernode)],
    }
