"""The tree of supernodes over the nodes of one graph.

Supernodes are numbered breadth first: the root is 0, children of one supernode are consecutive.
The graph's nodes are the *leaves* 0 ... n - 1, kept as they were numbered; `order` lists them so
that the members of any supernode are one slice. A supernode without children is *terminal*: opening
it shows its leaves.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from core.errors import GraphError, NodeError
from core.hierarchy.coarse import CoarseEdges, aggregate
from core.hierarchy.names import supernode_names
from core.hierarchy.wire import decode, encode, malformed

_GIVEN = ("parent", "start", "stop", "order", "edge_index", "weight")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hierarchy:
    """A tree of supernodes and the graph it was cut from. Arrays are read-only."""

    parent: Int[np.ndarray, " supernode"]
    """Parent id; -1 for the root. Never decreases (breadth-first numbering)."""
    start: Int[np.ndarray, " supernode"]
    """First place of the supernode's members in `order`."""
    stop: Int[np.ndarray, " supernode"]
    """One past their last place."""
    order: Int[np.ndarray, " node"]
    """The leaves, ordered so that every supernode is a slice."""
    edge_index: Int[np.ndarray, "2 edge"]
    """The graph: row 0 source, row 1 target."""
    weight: Float[np.ndarray, " edge"]
    """Signed direct effect of each edge."""
    depth_of: Int[np.ndarray, " supernode"] = field(init=False)
    """Level of each supernode: its distance from the root."""
    child_ptr: Int[np.ndarray, " supernode_plus_1"] = field(init=False)
    """Children of s are the ids child_ptr[s] ... child_ptr[s + 1] - 1."""
    name: tuple[str, ...] = field(init=False)
    """`all` for the root, then A, A1, A1b, ..."""

    def __post_init__(self) -> None:
        """Check the tree and derive levels, children and names."""
        _check(self)
        level = np.zeros(len(self.parent), dtype=np.int64)
        for i, above in enumerate(self.parent[1:].tolist(), start=1):
            level[i] = level[above] + 1
        ids = np.arange(len(self.parent) + 1)
        object.__setattr__(self, "depth_of", level)
        object.__setattr__(self, "child_ptr", 1 + np.searchsorted(self.parent[1:], ids))
        object.__setattr__(self, "name", supernode_names(self.parent.tolist()))
        for array in (
            self.parent,
            self.start,
            self.stop,
            self.order,
            self.depth_of,
            self.child_ptr,
        ):
            array.setflags(write=False)

    @property
    def n_leaves(self) -> int:
        """Number of graph nodes."""
        return len(self.order)

    @property
    def n_supernodes(self) -> int:
        """Number of supernodes, the root included."""
        return len(self.parent)

    @property
    def depth(self) -> int:
        """Level of the deepest supernode; 0 if the root is not split."""
        return int(self.depth_of.max())

    def members(self, supernode: int) -> Int[np.ndarray, " member"]:
        """Leaves of a supernode, a read-only slice of `order`."""
        self._require(supernode)
        return self.order[self.start[supernode] : self.stop[supernode]]

    def children(self, supernode: int) -> tuple[int, ...]:
        """Ids of a supernode's children; empty if it is terminal."""
        self._require(supernode)
        return tuple(range(self.child_ptr[supernode], self.child_ptr[supernode + 1]))

    def path(self, supernode: int) -> tuple[int, ...]:
        """Ids from the root down to a supernode, both included."""
        self._require(supernode)
        steps = [int(supernode)]
        while steps[-1]:
            steps.append(int(self.parent[steps[-1]]))
        return tuple(reversed(steps))

    def find(self, name: str) -> int:
        """Id of the supernode with this name.

        Raises:
            NodeError: If no supernode has it.
        """
        if name not in self.name:
            raise NodeError(
                f"There is no supernode {name!r}: this hierarchy has {self.n_supernodes} named "
                f"like {', '.join(self.name[:4])}. Choose one of its names."
            )
        return self.name.index(name)

    def level(self, level: int) -> tuple[int, ...]:
        """Supernodes shown at a level: those on it and the terminal ones above it.

        They are disjoint and cover every leaf, at any level from 0 on.
        """
        if level < 0:
            raise NodeError(
                f"There is no level {level}: levels start at 0, the root. Ask for 0 to "
                f"{self.depth}."
            )
        terminal = np.diff(self.child_ptr) == 0
        shown = (self.depth_of == level) | (terminal & (self.depth_of < level))
        ids = np.flatnonzero(shown)
        return tuple(ids[np.argsort(self.start[ids], kind="stable")].tolist())

    def labels(self, level: int) -> Int[np.ndarray, " node"]:
        """For every leaf, the place of its supernode in `level(level)`."""
        ids = self.level(level)
        labels = np.empty(self.n_leaves, dtype=np.int64)
        for place, supernode in enumerate(ids):
            labels[self.members(supernode)] = place
        return labels

    def terminal_of(self) -> Int[np.ndarray, " node"]:
        """For every leaf, the id of the terminal supernode that holds it."""
        ids = np.asarray(self.level(self.depth))
        return ids[self.labels(self.depth)]

    def coarse_edges(self, supernodes: Sequence[int]) -> CoarseEdges:
        """Edges among supernodes, none inside another.

        Ends are places in `supernodes`. Edges to nodes that are in none of them are left out. A
        whole level is `coarse_edges(h.level(r))`.

        Raises:
            NodeError: If an id is unknown or two of them overlap.
        """
        groups = [self.members(s) for s in supernodes]
        seen = np.concatenate(groups) if groups else np.zeros(0, dtype=np.int64)
        if len(np.unique(seen)) < len(seen):
            raise NodeError(
                f"Supernodes {[self.name[s] for s in supernodes]} overlap; coarse edges need "
                "disjoint ones. Leave out those that contain another."
            )
        return aggregate(self.n_leaves, self.edge_index, self.weight, groups)

    def with_edges(
        self, edge_index: Int[np.ndarray, "2 edge"], weight: Float[np.ndarray, " edge"]
    ) -> "Hierarchy":
        """The same tree over other edges among the same leaves, e.g. those of one prompt."""
        return replace(self, edge_index=edge_index, weight=weight)

    def to_json(self) -> dict[str, Any]:
        """Plain data for `hierarchy.json`; `from_json` reads it back."""
        return encode({name: getattr(self, name) for name in _GIVEN}, self.name)

    @classmethod
    def from_json(cls, data: object) -> "Hierarchy":
        """Read what `to_json` wrote.

        Raises:
            FormatError: If it is not a hierarchy (UnknownSchemaError: of another version).
        """
        arrays, names = decode(data)
        try:
            tree = cls(**arrays)
        except GraphError as problem:
            raise malformed("the tree", "arrays that do not fit", str(problem)) from problem
        if tree.name != names:
            raise malformed("supernodes", "names out of order", "the names the tree gives")
        return tree

    def _require(self, supernode: int) -> None:
        if not 0 <= supernode < self.n_supernodes:
            raise NodeError(
                f"There is no supernode {supernode}: ids run from 0 to {self.n_supernodes - 1}. "
                "Choose one of them."
            )


def _check(tree: Hierarchy) -> None:
    """Refuse arrays that are not a tree over a graph."""
    n, parent = len(tree.order), tree.parent
    if n == 0 or not np.array_equal(np.sort(tree.order), np.arange(n)):
        raise _broken("order", f"{n} leaves", "a permutation of 0 ... n - 1 with n at least 1")
    ids = np.arange(len(parent))
    rooted = len(parent) > 0 and parent[0] == -1 and bool((parent[1:] >= 0).all())
    if not rooted or (parent >= ids).any() or (np.diff(parent) < 0).any():
        raise _broken("parent", parent[:8].tolist(), "-1 first, then breadth first")
    if not _slices_nest(parent, tree.start, tree.stop, n):
        raise _broken(
            "start and stop", "slices that do not", "slices in which children fill parents"
        )
    ends, weight = tree.edge_index, tree.weight
    if ends.size and not (ends.min() >= 0 and ends.max() < n):
        raise _broken("edge_index", f"{ends.min()} ... {ends.max()}", f"leaves 0 ... {n - 1}")
    if not np.isfinite(weight).all():
        raise _broken("weight", f"{np.sum(~np.isfinite(weight))} not finite", "finite numbers")


def _slices_nest(parent: np.ndarray, start: np.ndarray, stop: np.ndarray, n: int) -> bool:
    if len(start) != len(parent) or start[0] != 0 or stop[0] != n or (stop <= start).any():
        return False
    above, first = parent[1:], np.diff(parent) > 0
    last = np.append(first[1:], True)[: len(above)]
    follows = start[2:][~first[1:]] == stop[1:-1][~first[1:]]
    return bool(
        (start[1:][first] == start[above[first]]).all()
        and (stop[1:][last] == stop[above[last]]).all()
        and follows.all()
    )


def _broken(what: str, got: object, required: str) -> GraphError:
    return GraphError(
        f"A hierarchy's {what} is wrong: got {got}; it must be {required}. Build it again with "
        "build_hierarchy."
    )
