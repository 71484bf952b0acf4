"""k-means in which no cluster may hold too much, for many blocks at once.

1. First centres: once by farthest-first from the node of the largest degree (needs no luck), and in
   the other restarts by k-means++ draws from the seed.
2. Lloyd's steps until no point moves.
3. The restart with the smallest sum of squares is kept.
4. If a cluster holds more than `cap` points, those that lose least by it go to their second choice.
   At most one cluster can be over a cap of half the points or more, and the others have room.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

RESTARTS = 3
STEPS = 25


def balanced_kmeans(
    points: Float[np.ndarray, "block item dim"],
    valid: Bool[np.ndarray, "block item"],
    weight: Float[np.ndarray, "block item"],
    k: int,
    cap: Int[np.ndarray, " block"],
    rng: np.random.Generator,
) -> Int[np.ndarray, "block item"]:
    """Cluster the points of every block into k, none larger than the block's cap.

    Args:
        points: Padded to one size.
        valid: False for padding, whose label means nothing.
        weight: The heaviest point is the first centre of the first restart.
        k: Clusters, 2 or more; some may stay empty.
        cap: Most points in one cluster, at least half of the block.
        rng: Draws the centres of the other restarts.
    """
    best = np.full(len(points), np.inf)
    distance = np.zeros((*valid.shape, k))
    for restart in range(RESTARTS):
        first = _seeds(points, valid, weight, k, rng if restart else None)
        found = _lloyd(points, valid, first)
        inertia = np.where(valid, found.min(axis=2), 0.0).sum(axis=1)
        better = inertia < best - 1e-9
        best = np.where(better, inertia, best)
        distance[better] = found[better]
    return _capped(distance, valid, cap)


def _seeds(
    points: np.ndarray,
    valid: np.ndarray,
    weight: np.ndarray,
    k: int,
    rng: np.random.Generator | None,
) -> np.ndarray:
    blocks = np.arange(len(points))
    first = np.where(valid, weight, -np.inf) if rng is None else _gumbel(valid * 1.0, rng)
    centres = [points[blocks, first.argmax(axis=1)]]
    nearest = np.full(valid.shape, np.inf)
    for _ in range(k - 1):
        nearest = np.minimum(nearest, ((points - centres[-1][:, None]) ** 2).sum(axis=2))
        chance = np.where(valid, nearest, 0.0)
        chosen = chance if rng is None else _gumbel(chance, rng)
        centres.append(points[blocks, chosen.argmax(axis=1)])
    return np.stack(centres, axis=1)


def _gumbel(chance: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Noise whose largest entry falls on each item with odds in proportion to its chance."""
    with np.errstate(divide="ignore"):
        return np.log(chance) + rng.gumbel(size=chance.shape)


def _lloyd(points: np.ndarray, valid: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Squared distance of every point to every centre, [block item k], once settled."""
    k, labels = centres.shape[1], None
    distance = np.zeros((*valid.shape, k))
    squared = (points**2).sum(axis=2, keepdims=True)
    for _ in range(STEPS):
        cross = points @ centres.transpose(0, 2, 1)
        distance = squared - 2 * cross + (centres**2).sum(axis=2)[:, None, :]
        moved = distance.argmin(axis=2)
        if labels is not None and np.array_equal(moved, labels):
            break
        labels = moved
        hot = ((labels[:, :, None] == np.arange(k)) & valid[:, :, None]).astype(points.dtype)
        count = hot.sum(axis=1)[:, :, None]
        total = hot.transpose(0, 2, 1) @ points
        centres = np.where(count > 0, total / np.maximum(count, 1), centres)
    return np.maximum(distance, 0.0)


def _capped(distance: np.ndarray, valid: np.ndarray, cap: np.ndarray) -> np.ndarray:
    labels = distance.argmin(axis=2)
    count = ((labels[:, :, None] == np.arange(distance.shape[2])) & valid[:, :, None]).sum(axis=1)
    for block in np.flatnonzero(count.max(axis=1) > cap):
        big = count[block].argmax()
        inside = np.flatnonzero(valid[block] & (labels[block] == big))
        others = distance[block, inside].copy()
        others[:, big] = np.inf
        loss = others.min(axis=1) - distance[block, inside, big]
        leave = np.argsort(loss, kind="stable")[: len(inside) - cap[block]]
        labels[block, inside[leave]] = others[leave].argmin(axis=1)
    return labels
