"""Every direct effect between given targets and sources, as dense matrix products.

The frozen model is linear, so an effect is a product of a target's gradient, carried down, with a
source's write, carried up, wherever the two meet. The sweep chooses one layer boundary:

1. Sources below the boundary are carried up to it; on the way they touch the targets below it.
2. Targets above the boundary are carried down to it; on the way they touch the sources above it.
3. At the boundary the two waves meet: one product for each position.

With the boundary under block 0 this is the top-down sweep. Since each vector is carried only to the
boundary, the best one nearly halves the arithmetic; it is chosen by counting products. Exact, and
equal for every boundary (tests/core/attribution/test_sweep.py). No autograd graph exists.
"""

from collections.abc import Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.attribution.downward import Downward
from core.attribution.ends import Readers, Writers
from core.attribution.matmul import linear
from core.attribution.upward import Upward
from core.attribution.wave import Wave

BYTES_PER_MB = 2**20


def direct_effects(
    readers: Readers, sources: Writers, *, boundary: int | None = None, memory_mb: int = 512
) -> Float[Tensor, "row column"]:
    """The matrix of direct effects.

    Args:
        readers: Targets, as rows.
        sources: Sources, as columns; constants of a row's own layer are added to its bias column.
        boundary: Layer in front of which the two waves meet; None for the cheapest.
        memory_mb: About the most the two waves may hold, in MiB.
    """
    matrix = sources.error.new_zeros(readers.n_rows, sources.n_columns)
    limit = memory_mb * BYTES_PER_MB // sources.error.element_size() // sources.error.shape[-1]
    if boundary is None:
        boundary = best_boundary(readers, sources, limit // 4)
    with torch.no_grad():
        upward = Upward(sources, boundary)
        upward.run(readers, matrix)
        for rows in _chunks(readers, boundary, limit // 2):
            downward = Downward(readers, sources, rows)
            downward.run(boundary)
            matrix[downward.rows] = downward.met[:, :-1]
            if boundary:
                matrix[downward.rows[:, None], upward.columns] += _meet(downward.wave, upward)
        own_bias = sources.first_bias + readers.layers()
        matrix[torch.arange(readers.n_rows), own_bias] += readers.constants()
    return matrix


def best_boundary(readers: Readers, sources: Writers, limit: int) -> int:
    """The boundary with the fewest products whose upward wave holds at most `limit` vectors."""
    n_layers, n_pos = readers.frozen.model.n_layers, readers.frozen.n_pos
    row_layer, row_cone = readers.layers(), readers.positions() + 1
    layer, cone = sources.layers(), n_pos - sources.positions()
    costs = []
    for boundary in range(n_layers + 1):
        down = ((row_layer - boundary).clamp(min=0) * row_cone).sum()
        up = ((boundary - 2 - layer).clamp(min=0) * cone).sum()
        streams = boundary * (boundary - 1) // 2 * n_pos
        held = int(cone[layer < boundary].sum()) + boundary * n_pos
        fits = boundary == 0 or held <= limit
        costs.append(int(down + up) + streams if fits else torch.iinfo(torch.int64).max)
    return min(range(n_layers + 1), key=costs.__getitem__)


def _chunks(readers: Readers, boundary: int, limit: int) -> Iterator[Int[Tensor, " row"]]:
    """Rows above the boundary in runs that hold at most `limit` vectors, by position."""
    rows = (readers.layers() >= boundary).nonzero()[:, 0]
    rows = rows[readers.positions()[rows].argsort(stable=True)]
    if len(rows):
        part = (readers.positions()[rows] + 1).cumsum(0).sub(1) // max(limit, 1)
        sizes = torch.unique_consecutive(part, return_counts=True)[1]
        yield from rows.split(sizes.tolist())


def _meet(wave: Wave, carried: Upward) -> Float[Tensor, "vector column"]:
    """Products of gradients and writes at the boundary, summed over positions."""
    n_streams = len(carried.streams.row)
    n_single = len(carried.columns) - n_streams
    result = carried.streams.state.new_zeros(len(wave.order), len(carried.columns))
    singles = carried.wave.groups[:-1]
    for position in range(wave.n_pos):
        reach = [g for g in wave.groups if g.place.cone.stop > position]
        below = [g for g in singles if g.place.cone.start <= position]
        if not reach:
            break
        gradient = torch.cat([g.state[:, position] for g in reach])
        writes = [g.state[:, position - g.place.cone.start] for g in below]
        products = linear(gradient, torch.cat([*writes, carried.streams.state[:, position]]))
        rows, known = result[len(result) - len(gradient) :], products.shape[1] - n_streams
        rows[:, :known] += products[:, :known]
        rows[:, n_single:] += products[:, known:]
    return result
