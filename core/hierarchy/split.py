"""One level of cuts: every block of a level into its children, by whole levels for speed.

1. Connected components first. If none is larger than `max_child` of the block they are packed into
   b children whole, largest first into the emptiest (single nodes fill up, in their order).
2. Otherwise the large component is cut by b-way normalised cut (`embed`, `kmeans`). What is left
   over is a child of its own, unless it is a few single nodes: those join the smallest child.
3. Blocks of at most `SMALL` nodes have S written out and are cut together, by sizes; larger ones
   singly.
"""

import heapq
import math
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from core.hierarchy.affinity import Affinity
from core.hierarchy.embed import embed_large, embed_small
from core.hierarchy.kmeans import balanced_kmeans
from core.hierarchy.settings import HierarchySettings

SMALL = 96


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Block:
    """A supernode to be split."""

    members: Int[np.ndarray, " member"]
    """Its leaves."""
    affinity: Affinity | Float[np.ndarray, "member member"]
    """S among them, written out if the block is small."""

    def take(self, places: Int[np.ndarray, " part"]) -> "Block":
        """The block of the members at some places."""
        if isinstance(self.affinity, np.ndarray):
            part = self.affinity[places[:, None], places]
            return Block(members=self.members[places], affinity=part)
        part = self.affinity.within(places)
        small = len(places) <= SMALL
        return Block(members=self.members[places], affinity=part.dense() if small else part)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Cut:
    """A connected part of a block that has to be cut."""

    block: int
    places: Int[np.ndarray, " part"]
    part: Block
    k: int
    cap: int


def split_level(
    blocks: list[Block], settings: HierarchySettings, rng: np.random.Generator
) -> list[Int[np.ndarray, " member"]]:
    """For every block, the number of the child each member goes to."""
    labels, cuts = [], []
    for number, (block, component) in enumerate(zip(blocks, _components(blocks), strict=True)):
        label, cut = _by_component(number, block, component, settings)
        labels.append(label)
        cuts += [cut] if cut else []
    for cut, found in zip(cuts, _cut_all(cuts, settings, rng), strict=True):
        label = labels[cut.block]
        label[cut.places] = found
        loose = label < 0
        if loose.any():
            label[loose] = np.bincount(found, minlength=cut.k).argmin()
    return labels


def child_count(size: int, settings: HierarchySettings) -> int:
    """Children of a block: b, or fewer where that would leave them tiny."""
    return max(2, min(settings.branching, size, math.ceil(2 * size / settings.leaf_size)))


def _by_component(
    number: int, block: Block, component: np.ndarray, settings: HierarchySettings
) -> tuple[np.ndarray, _Cut | None]:
    """Labels so far (-1: to join the smallest) and the cut still to be made."""
    size, k = len(block.members), child_count(len(block.members), settings)
    cap = max(math.floor(settings.max_child * size), math.ceil(size / 2))
    count = np.bincount(component)
    largest = int(count.argmax())
    if count[largest] <= cap:
        return _packed(component, count, k), None
    rest = size - int(count[largest])
    own_child = k > 2 and (rest >= size / (2 * k) or bool((np.delete(count, largest) > 1).any()))
    k -= int(own_child)
    label = np.full(size, k if own_child else -1)
    places = np.flatnonzero(component == largest)
    part = block if rest == 0 else block.take(places)
    return label, _Cut(block=number, places=places, part=part, k=k, cap=cap)


def _packed(component: np.ndarray, count: np.ndarray, k: int) -> np.ndarray:
    bins = [(0, child) for child in range(min(k, len(count)))]
    child_of = np.zeros(len(count), dtype=np.int64)
    for number in np.argsort(-count, kind="stable"):
        if count[number] == 1:
            break
        load, child = heapq.heappop(bins)
        child_of[number] = child
        heapq.heappush(bins, (load + int(count[number]), child))
    label = child_of[component]
    single = np.flatnonzero(count[component] == 1)
    label[single] = np.repeat([c for _, c in sorted(bins)], _water(sorted(bins), len(single)))
    return label


def _water(bins: list[tuple[int, int]], amount: int) -> np.ndarray:
    """How many of `amount` single nodes each bin gets so that loads end as equal as can be."""
    load = np.array([filled for filled, _ in bins])
    reached = np.arange(1, len(load) + 1)
    level = (np.cumsum(load) + amount) / reached
    used = np.flatnonzero(level > load)
    used = used[-1] + 1 if len(used) else 1
    share = np.zeros(len(load), dtype=np.int64)
    share[:used] = np.floor(level[used - 1] - load[:used]).clip(0)
    share[: amount - share.sum()] += 1
    return share


def _components(blocks: list[Block]) -> list[np.ndarray]:
    """Component of every member; small blocks are asked about together."""
    found: list[np.ndarray] = [np.zeros(0, dtype=np.int64)] * len(blocks)
    small = []
    for number, block in enumerate(blocks):
        if isinstance(block.affinity, Affinity):
            found[number] = block.affinity.components()
        else:
            small.append(number)
    if not small:
        return found
    sizes = np.array([len(blocks[number].members) for number in small])
    offset = np.concatenate([[0], np.cumsum(sizes)])
    ends = [np.nonzero(blocks[number].affinity) for number in small]
    row = np.concatenate([e[0] + o for e, o in zip(ends, offset[:-1], strict=True)])
    col = np.concatenate([e[1] + o for e, o in zip(ends, offset[:-1], strict=True)])
    graph = sparse.coo_array((np.ones(len(row)), (row, col)), shape=(offset[-1],) * 2)
    labels = connected_components(graph, directed=False)[1]
    for number, first, last in zip(small, offset[:-1], offset[1:], strict=True):
        found[number] = np.unique(labels[first:last], return_inverse=True)[1]
    return found


def _cut_all(
    cuts: list[_Cut], settings: HierarchySettings, rng: np.random.Generator
) -> list[np.ndarray]:
    found: list[np.ndarray] = [np.zeros(0, dtype=np.int64)] * len(cuts)
    batches = defaultdict(list)
    for number, cut in enumerate(cuts):
        if isinstance(cut.part.affinity, Affinity):
            found[number] = _cut_large(cut, cut.part.affinity, settings, rng)
        else:
            batches[_padded(len(cut.places)), cut.k].append(number)
    for (size, k), numbers in batches.items():
        labels = _cut_small([cuts[number] for number in numbers], size, k, settings, rng)
        for number, label in zip(numbers, labels, strict=True):
            found[number] = label[: len(cuts[number].places)]
    return found


def _cut_large(
    cut: _Cut, block: Affinity, settings: HierarchySettings, rng: np.random.Generator
) -> np.ndarray:
    points, degree = embed_large(block, cut.k, settings.tau, rng)
    valid, cap = np.ones((1, len(degree)), dtype=bool), np.array([cut.cap])
    return balanced_kmeans(points[None], valid, degree[None], cut.k, cap, rng)[0]


def _cut_small(
    cuts: list[_Cut], size: int, k: int, settings: HierarchySettings, rng: np.random.Generator
) -> np.ndarray:
    s = np.zeros((len(cuts), size, size))
    valid = np.zeros((len(cuts), size), dtype=bool)
    for row, cut in enumerate(cuts):
        m = len(cut.places)
        assert isinstance(cut.part.affinity, np.ndarray)  # by the batches above
        s[row, :m, :m], valid[row, :m] = cut.part.affinity, True
    points, degree = embed_small(s, valid, k, settings.tau)
    cap = np.array([cut.cap for cut in cuts])
    return balanced_kmeans(points, valid, degree, k, cap, rng)


def _padded(size: int) -> int:
    """Sizes up to 16 in steps of 2, then of 8: few batches, little padding."""
    step = 2 if size <= 16 else 8
    return -(-size // step) * step
