"""Is a tree better than chance? Its levels beside random trees, rewired graphs and Leiden.

1. *Random trees*: the same tree with the leaves dealt anew, that is, balanced as the tree is but
   blind to the graph. Mean, standard deviation, z and p of every measure, level by level.
2. *Rewired graphs*: the edges' targets dealt anew, so that every node keeps its numbers of edges
   but likeness is gone; each is cut by the same algorithm. An algorithm that looks for structure
   finds some in noise as well, and this is how much. First level only.
3. *Leiden* (`leiden`) brought to as many clusters: what Newman's Q could be. First level only.

p = (1 + draws at least as high) / (1 + draws), one-sided.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from core.hierarchy.affinity import affinity
from core.hierarchy.leiden import leiden_of_size
from core.hierarchy.modularity import MEASURES, Blocks, Modularity
from core.hierarchy.settings import HierarchySettings
from core.hierarchy.split import Block, split_level
from core.hierarchy.tree import Hierarchy

DEEPEST = 4
"""Levels reported at most: below that supernodes of thousands of nodes are down to a handful."""
DRAWS = 100
"""Random trees on small graphs."""
FEWEST = 20
"""Random trees on large graphs."""
REWIRED = (5, 20)
"""Rewired graphs: on large graphs, on small ones. Each has to be cut: seconds at 10⁷ edges."""
EDGES_DRAWN = 10_000_000
"""Random trees times edges in between."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chance:
    """One measure of a partition beside draws of a null."""

    value: float
    """Of the tree."""
    mean: float
    """Over the draws."""
    sd: float
    """Over the draws."""
    z: float | None
    """(value - mean) / sd; None where the draws do not differ."""
    p: float
    """Share of draws at least as high, the tree itself counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelReport:
    """One level of a tree."""

    level: int
    """1 is just below the root."""
    clusters: int
    """Supernodes on it."""
    measures: Mapping[str, Chance]
    """Every measure of `modularity` beside random trees, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeReport:
    """A tree beside its controls."""

    levels: tuple[LevelReport, ...]
    """Level 1 down to `DEEPEST`; none if the root is not split."""
    rewired: Mapping[str, Chance]
    """The first level beside trees of rewired graphs, by measure; empty if there is none."""
    leiden: Modularity | None
    """Leiden with as many clusters as the first level; None if the root is not split."""
    random_trees: int
    """Draws of the first null."""
    rewired_graphs: int
    """Draws of the second."""

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def tree_report(
    hierarchy: Hierarchy, settings: HierarchySettings | None = None, *, draws: int | None = None
) -> TreeReport:
    """Compare a tree with chance.

    Args:
        hierarchy: Cut from its own edges, without context.
        settings: What it was cut with (defaults if None): says which affinity, how rewired graphs
            are cut, and the seed of all draws.
        draws: Random trees and rewired graphs; None: 20 to 100 and 5 to 20, by the graph's size.
    """
    settings = settings or HierarchySettings()
    deepest, edges = min(hierarchy.depth, DEEPEST), max(hierarchy.weight.size, 1)
    random_trees = draws or int(np.clip(EDGES_DRAWN // edges, FEWEST, DRAWS))
    graphs = draws or int(np.clip(EDGES_DRAWN // edges, *REWIRED))
    if deepest == 0:
        return TreeReport(levels=(), rewired={}, leiden=None, random_trees=0, rewired_graphs=0)
    n, ends, w = hierarchy.n_leaves, hierarchy.edge_index, hierarchy.weight
    rng = np.random.default_rng(settings.seed)
    nodes = Blocks.of(n, ends, w, affinity(n, ends, w, settings.affinity))
    finest, upward = _labels(hierarchy, deepest)
    found = _each_level(nodes, finest, upward)
    random = [_each_level(nodes, rng.permutation(finest), upward) for _ in range(random_trees)]
    communities = leiden_of_size(n, ends, w, found[0].clusters, seed=settings.seed)
    return TreeReport(
        levels=tuple(
            LevelReport(
                level=i + 1,
                clusters=found[i].clusters,
                measures=_beside(found[i], [drawn[i] for drawn in random]),
            )
            for i in range(deepest)
        ),
        rewired=_beside(found[0], [_rewired(hierarchy, settings, rng) for _ in range(graphs)]),
        leiden=nodes.merged(communities).measures(),
        random_trees=random_trees,
        rewired_graphs=graphs,
    )


def _labels(hierarchy: Hierarchy, deepest: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """Clusters of the deepest level, and for every level above in which of its they are."""
    finest = hierarchy.labels(deepest)
    first = np.unique(finest, return_index=True)[1]
    return finest, [hierarchy.labels(level)[first] for level in range(1, deepest)]


def _each_level(nodes: Blocks, finest: np.ndarray, upward: list[np.ndarray]) -> list[Modularity]:
    below = nodes.merged(finest)
    return [*(below.merged(labels).measures() for labels in upward), below.measures()]


def _rewired(
    hierarchy: Hierarchy, settings: HierarchySettings, rng: np.random.Generator
) -> Modularity:
    """The first cut of a rewired graph, measured on that graph."""
    source, target = hierarchy.edge_index
    n, w, ends = hierarchy.n_leaves, hierarchy.weight, np.stack([source, rng.permutation(target)])
    alike = affinity(n, ends, w, settings.affinity)
    root = Block(members=np.arange(n), affinity=alike).take(np.arange(n))
    labels = np.unique(split_level([root], settings, rng)[0], return_inverse=True)[1]
    return Blocks.of(n, ends, w, alike).merged(labels).measures()


def _beside(found: Modularity, drawn: list[Modularity]) -> dict[str, Chance]:
    return {
        name: _chance(getattr(found, name), np.array([getattr(m, name) for m in drawn]))
        for name in MEASURES
    }


def _chance(value: float, drawn: np.ndarray) -> Chance:
    mean, sd = float(drawn.mean()), float(drawn.std(ddof=1)) if len(drawn) > 1 else 0.0
    # Equal sums may differ by rounding: that is not "at least as high by chance" nor a spread.
    rounding = 1e-12 * max(1.0, abs(mean))
    return Chance(
        value=value,
        mean=mean,
        sd=sd,
        z=(value - mean) / sd if sd > rounding else None,
        p=float((1 + (drawn >= value - rounding).sum()) / (1 + len(drawn))),
    )
