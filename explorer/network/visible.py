"""What the network shows of a circuit for a given set of opened supernodes.

1. `visible` walks the tree of a `Scene`: a closed supernode is one item, an opened one is replaced
   by its children, an opened terminal one by its strongest leaves and one item for the rest.
2. Edges among items are summed from the leaves' (sum, sum of |.|, largest), then filtered; single
   nodes that the circuit does not explain are shown only where an edge reaches them.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from core.hierarchy.coarse import CoarseEdges, aggregate
from explorer.network.scene import Scene, scene_of_graph

__all__ = ["Item", "Scene", "Sieve", "Visible", "nice_threshold", "scene_of_graph", "visible"]

MOST_NODES = 300
"""Nodes on the screen at once; the weakest beyond it are folded into their supernode."""
MOST_LEAVES = 24
"""Leaves shown of one opened supernode."""
MOST_EDGES = 48
"""Edges the page shows when it may choose the smallest effect itself."""
KEPT = 0.9
"""And the share of Σ|effect| that is enough: weak edges only clutter."""


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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Visible:
    """Items, edges among them and what was left out."""

    items: tuple[Item, ...]
    frames: Mapping[str, str | None]
    """Opened supernodes with the one they lie in, outer ones first."""
    edges: CoarseEdges
    """Ends are places in `items`."""
    shown: np.ndarray
    """Which of `edges` pass the filters."""
    share: Float[np.ndarray, " coarse"]
    """|edge| over Σ|.| of all edges into its target."""
    min_effect: float
    """Smallest |effect| shown, as asked for or as chosen."""
    counts: tuple[int, int, int, int]
    """Nodes drawn, nodes there are, edges drawn, edges there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sieve:
    """What to leave out."""

    min_effect: float | None = None
    """None: chosen so that `KEPT` of Σ|effect|, and at most `most_edges`, remain."""
    most_edges: int = MOST_EDGES
    layer: int | None = None
    sign: Literal["both", "plus", "minus"] = "both"
    hidden: tuple[str, ...] = ()
    """"errors", "biases" (bias and position nodes)."""

    @property
    def kinds(self) -> frozenset[str]:
        """Kinds of node left out."""
        out = {"error"} if "errors" in self.hidden else set()
        return frozenset(out | ({"bias", "position"} if "biases" in self.hidden else set()))


def visible(scene: Scene, opened: Collection[str], sieve: Sieve | None = None) -> Visible:
    """Items and edges for a set of opened supernodes; unknown names are ignored."""
    sieve = sieve or Sieve()
    frames = _frames(scene, opened)
    items = _within_limit(scene, frames, _kept(scene, sieve))
    groups = [item.members for item in items]
    edges = aggregate(len(scene.ids), scene.edge_index, scene.weight, groups)
    size = np.abs(edges.total)
    into = np.bincount(edges.target, size, minlength=len(items))
    signed = {"both": size >= 0, "plus": edges.total > 0, "minus": edges.total < 0}[sieve.sign]
    least = sieve.min_effect
    if least is None:
        least = nice_threshold(size[signed], sieve.most_edges)
    shown = signed & (size >= least) & (size > 0)
    if sieve.min_effect is None:
        shown |= _lifelines(items, edges, signed & (size > 0))
    items, edges, shown, share = _connected(items, edges, shown, size / into[edges.target])
    used = {end for i in np.flatnonzero(shown) for end in (edges.source[i], edges.target[i])}
    drawn = sum(1 for i, item in enumerate(items) if item.kind != "token" or i in used)
    return Visible(
        items=items,
        frames={name: above for name, above in frames.items() if _held(name, items, frames)},
        edges=edges,
        shown=shown,
        share=share,
        min_effect=float(least),
        counts=(drawn, len(scene.ids), int(shown.sum()), len(scene.weight)),
    )


def _lifelines(items: Sequence[Item], edges: CoarseEdges, may: np.ndarray) -> np.ndarray:
    """The strongest edge into and out of each supernode, so that none seems to do nothing."""
    lines = np.zeros(len(edges.total), dtype=bool)
    size = np.where(may, np.abs(edges.total), -1.0)
    for place, item in enumerate(items):
        if item.kind != "supernode":
            continue
        for ends in (edges.source, edges.target):
            mine = np.flatnonzero((ends == place) & may)
            if len(mine):
                lines[mine[np.argmax(size[mine])]] = True
    return lines


def nice_threshold(sizes: Float[np.ndarray, " edge"], most: int) -> float:
    """A round number under which little is lost: it leaves `KEPT` of Σ|effect|, or `most` edges.

    1, 2 or 5 x 10^k if it leaves half as many as could be, else two digits, else three; 0 if
    nothing need be left out. Where all are the same size they are shown, however many.
    """
    ranked = np.sort(sizes)[::-1]
    enough = 1 + int(np.searchsorted(np.cumsum(ranked), KEPT * ranked.sum()))
    room = min(most, enough)
    if len(ranked) <= room or (least := float(ranked[room])) <= 0:
        return 0.0
    power = 10.0 ** np.floor(np.log10(least))
    plain = next(step * power for step in (1.0, 2.0, 5.0, 10.0) if step * power > least)
    for value, digits in ((plain, 1), (_above(least, power / 10), 2)):
        if (sizes >= value).sum() >= room / 2:
            return float(f"{value:.{digits}g}")
    value = _above(least, power / 100)
    return value if (sizes >= value).any() else float(f"{least:.6g}")


def _above(value: float, step: float) -> float:
    """The next multiple of a step that is really above a value."""
    found = round(np.floor(value / step) * step, 12)
    while found <= value:
        found = round(found + step, 12)
    return float(found)


def _frames(scene: Scene, opened: Collection[str]) -> dict[str, str | None]:
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


def _kept(scene: Scene, sieve: Sieve) -> np.ndarray:
    """Which nodes pass the filters on nodes; tokens and logits always do."""
    kind = np.array(scene.kind)
    kept = ~np.isin(kind, list(sieve.kinds))
    if sieve.layer is not None:
        kept &= (scene.layer == sieve.layer) | np.isin(kind, ["token", "position", "logit"])
    return kept


def _within_limit(
    scene: Scene, frames: Mapping[str, str | None], kept: np.ndarray
) -> tuple[Item, ...]:
    """Items; leaves of opened supernodes are folded further until `MOST_NODES` suffice."""
    most = MOST_LEAVES
    while True:
        items = tuple(_items(scene, frames, kept, most))
        if len(items) <= MOST_NODES or most == 1:
            break
        most = max(1, most // 2)
    if len(items) <= MOST_NODES:
        return items
    strength = scene.strength
    must = ("token", "logit", "supernode", "rest")
    ranked = sorted(
        range(len(items)),
        key=lambda i: (items[i].kind not in must, -strength[items[i].members].sum(), i),
    )
    keep = set(ranked[:MOST_NODES])
    return tuple(item for i, item in enumerate(items) if i in keep)


def _items(
    scene: Scene, frames: Mapping[str, str | None], kept: np.ndarray, most: int
) -> Iterator[Item]:
    in_tree = np.zeros(len(scene.ids), dtype=bool)
    in_tree[scene.tree_leaf[scene.tree_leaf >= 0]] = True
    strength = scene.strength
    if scene.tree is not None:
        for supernode in scene.tree.children(0) or (0,):
            yield from _walk(scene, supernode, None, frames, kept, most, strength)
    for node in np.flatnonzero(kept & ~in_tree):
        yield _leaf(scene, int(node), None)


def _walk(
    scene: Scene,
    supernode: int,
    frame: str | None,
    frames: Mapping[str, str | None],
    kept: np.ndarray,
    most: int,
    strength: np.ndarray,
) -> Iterator[Item]:
    assert scene.tree is not None  # only called for a scene with a tree
    tree, name = scene.tree, scene.tree.name[supernode]
    members = scene.tree_leaf[tree.members(supernode)]
    members = members[members >= 0]
    members = members[kept[members]]
    if not len(members):
        return
    if name not in frames:
        layer, position = _dominant(scene, members, strength)
        yield Item(
            id=name,
            kind="supernode",
            members=members,
            frame=frame,
            layer=layer,
            position=position,
        )
    elif tree.children(supernode):
        for child in tree.children(supernode):
            yield from _walk(scene, child, name, frames, kept, most, strength)
    else:
        yield from _leaves(scene, name, members, most, strength)


def _leaves(
    scene: Scene, name: str, members: np.ndarray, most: int, strength: np.ndarray
) -> Iterator[Item]:
    """The strongest leaves of an opened terminal supernode and one item for the others."""
    ranked = members[np.argsort(-strength[members], kind="stable")]
    for node in ranked[:most]:
        yield _leaf(scene, int(node), name)
    if len(rest := ranked[most:]):
        layer, position = _dominant(scene, rest, strength)
        yield Item(
            id=f"{name}+",
            kind="rest",
            members=rest,
            frame=name,
            layer=layer,
            position=position,
        )


def _leaf(scene: Scene, node: int, frame: str | None) -> Item:
    return Item(
        id=scene.ids[node],
        kind=scene.kind[node],
        members=np.array([node]),
        frame=frame,
        layer=int(scene.layer[node]),
        position=int(scene.position[node]),
    )


def _dominant(scene: Scene, members: np.ndarray, strength: np.ndarray) -> tuple[int, int]:
    """Layer and position that hold most of the members' strength."""
    held: dict[tuple[int, int], float] = {}
    for node in members:
        place = int(scene.layer[node]), int(scene.position[node])
        held[place] = held.get(place, 0.0) + float(strength[node]) + 1e-9
    return max(held, key=lambda place: (held[place], place))


def _connected(
    items: Sequence[Item], edges: CoarseEdges, shown: np.ndarray, share: np.ndarray
) -> tuple[tuple[Item, ...], CoarseEdges, np.ndarray, np.ndarray]:
    """Drop single context nodes that no shown edge reaches, and the edges that end on them."""
    reached = set(edges.source[shown].tolist()) | set(edges.target[shown].tolist())
    context = ("error", "position", "bias", "head")
    keep = np.array(
        [
            item.frame is not None or item.kind not in context or i in reached
            for i, item in enumerate(items)
        ],
        dtype=bool,
    )
    new = np.cumsum(keep) - 1
    alive = keep[edges.source] & keep[edges.target] if len(items) else np.zeros(0, bool)
    cut = CoarseEdges(
        source=new[edges.source[alive]],
        target=new[edges.target[alive]],
        total=edges.total[alive],
        total_abs=edges.total_abs[alive],
        peak=edges.peak[alive],
        count=edges.count[alive],
        inside_total=edges.inside_total[keep],
        inside_abs=edges.inside_abs[keep],
    )
    kept_items = tuple(item for i, item in enumerate(items) if keep[i])
    return kept_items, cut, shown[alive], share[alive]


def _held(name: str, items: Sequence[Item], frames: Mapping[str, str | None]) -> bool:
    """Whether a frame holds an item, at any depth."""
    for item in items:
        above = item.frame
        while above is not None:
            if above == name:
                return True
            above = frames[above]
    return False
