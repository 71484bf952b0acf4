"""What the network shows of a circuit for a given set of opened supernodes.

1. `items` walks the tree: what is drawn.
2. Edges among items are summed from the leaves' (sum, sum of |.|, largest), then filtered; where no
   smallest effect was asked for, a round one is chosen and every supernode keeps its lifelines.
3. Single nodes that the circuit does not explain are shown only where an edge reaches them.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from core.hierarchy.coarse import CoarseEdges, aggregate
from explorer.network.items import (
    MOST_LEAVES,
    MOST_NODES,
    Item,
    items_of,
    open_frames,
)
from explorer.network.scene import Scene, scene_of_graph

__all__ = [
    "MOST_LEAVES",
    "MOST_NODES",
    "Item",
    "Scene",
    "Sieve",
    "Visible",
    "nice_threshold",
    "scene_of_graph",
    "visible",
]

MOST_EDGES = 48
"""Edges the page shows when it may choose the smallest effect itself."""
KEPT = 0.9
"""And the share of Σ|effect| that is enough: weak edges only clutter."""
_CONTEXT = ("error", "position", "bias", "head")
"""Kinds of single node that are drawn only where a shown edge reaches them."""


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
    frames = open_frames(scene, opened)
    items = items_of(scene, frames, _kept(scene, sieve))
    groups = [item.members for item in items]
    edges = aggregate(len(scene.ids), scene.edge_index, scene.weight, groups)
    size = np.abs(edges.total)
    into = np.bincount(edges.target, size, minlength=len(items))
    shown, least = _passing(items, edges, sieve)
    items, edges, shown, share = _connected(items, edges, shown, size / into[edges.target])
    return Visible(
        items=items,
        frames={name: above for name, above in frames.items() if _held(name, items, frames)},
        edges=edges,
        shown=shown,
        share=share,
        min_effect=least,
        counts=(_drawn(items, edges, shown), len(scene.ids), int(shown.sum()), len(scene.weight)),
    )


def _passing(
    items: Sequence[Item], edges: CoarseEdges, sieve: Sieve
) -> tuple[Bool[np.ndarray, " coarse"], float]:
    """Which edges pass the filters, and the smallest |effect| asked for or chosen."""
    size = np.abs(edges.total)
    signed = {"both": size >= 0, "plus": edges.total > 0, "minus": edges.total < 0}[sieve.sign]
    if sieve.min_effect is not None:
        return signed & (size >= sieve.min_effect) & (size > 0), sieve.min_effect
    least = nice_threshold(size[signed], sieve.most_edges)
    shown = signed & (size >= least) & (size > 0)
    shown |= _lifelines(items, edges, signed & (size > 0))
    if _single(items):
        shown |= _causes(edges, shown, signed & (size > 0))
    return shown, least


def _single(items: Sequence[Item]) -> bool:
    """Whether nothing is folded or framed: the graph of one prompt without a hierarchy."""
    return all(item.frame is None and item.kind not in ("supernode", "rest") for item in items)


def _causes(
    edges: CoarseEdges, shown: Bool[np.ndarray, " coarse"], may: Bool[np.ndarray, " coarse"]
) -> Bool[np.ndarray, " coarse"]:
    """Of a graph of single nodes: the strongest edge into each shown one, back to the tokens.

    Effects on the answer are much the largest; alone they would leave every node without a cause.
    """
    lines = np.zeros(len(edges.total), dtype=bool)
    size = np.where(may, np.abs(edges.total), -1.0)
    todo = list(np.unique(edges.source[shown]))
    fed = set(edges.target[shown].tolist())
    while todo:
        mine = np.flatnonzero((edges.target == todo.pop()) & may)
        if not len(mine) or int(edges.target[mine[0]]) in fed:
            continue
        fed.add(int(edges.target[mine[0]]))
        best = mine[np.argmax(size[mine])]
        lines[best] = True
        todo.append(int(edges.source[best]))
    return lines


def _drawn(items: Sequence[Item], edges: CoarseEdges, shown: Bool[np.ndarray, " coarse"]) -> int:
    """Items that count as shown: tokens only where an edge touches them."""
    used = set(edges.source[shown].tolist()) | set(edges.target[shown].tolist())
    return sum(1 for i, item in enumerate(items) if item.kind != "token" or i in used)


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


def _kept(scene: Scene, sieve: Sieve) -> np.ndarray:
    """Which nodes pass the filters on nodes; tokens and logits always do."""
    kind = np.array(scene.kind)
    kept = ~np.isin(kind, list(sieve.kinds))
    if sieve.layer is not None:
        kept &= (scene.layer == sieve.layer) | np.isin(kind, ["token", "position", "logit"])
    return kept


def _connected(
    items: Sequence[Item], edges: CoarseEdges, shown: np.ndarray, share: np.ndarray
) -> tuple[tuple[Item, ...], CoarseEdges, np.ndarray, np.ndarray]:
    """Drop single context nodes that no shown edge reaches, and the edges that end on them.

    Without a hierarchy features are such nodes too: dots without edges say nothing.
    """
    reached = set(edges.source[shown].tolist()) | set(edges.target[shown].tolist())
    context = (*_CONTEXT, "feature") if _single(items) else _CONTEXT
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
