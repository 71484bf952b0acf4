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
from dataclasses import replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.attribution.ends import Ends, Readers, Writers
from core.attribution.matmul import linear
from core.attribution.wave import Group, Place, Wave, make_bank

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
        carried = _go_up(readers, sources, boundary, matrix)
        for rows in _chunks(readers, boundary, limit // 2):
            _go_down(readers, sources, boundary, rows, carried, matrix)
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


# upwards ---------------------------------------------------------------------------------------


class Upward:
    """Sources below the boundary as a wave, with the constants as vectors at every position."""

    def __init__(self, sources: Writers, boundary: int) -> None:
        self.sources, n_pos = sources, sources.frozen.n_pos
        below = (sources.layers() < boundary).nonzero()[:, 0]
        self.wave = Wave(
            "up", sources.layers()[below], sources.positions()[below], n_pos, sources.error
        )
        self.local = torch.full((sources.n_columns,), -1)
        self.local[below] = torch.arange(len(below))
        has_rest = sources.left_out is not None
        streams = [sources.left_out_column] * has_rest
        streams += [sources.first_bias + layer for layer in range(boundary)]
        everywhere = Place(slice(0, n_pos), 0, n_pos)
        d_model = sources.error.shape[-1]
        first = len(below)
        self.streams = Group(
            place=everywhere,
            row=torch.arange(first, first + len(streams)),
            state=sources.error.new_zeros(len(streams), n_pos, d_model),
            joined=int(has_rest),
            spread=int(has_rest),
        )
        self.wave.groups.append(self.streams)
        self.columns = torch.cat([below[self.wave.order], torch.tensor(streams, dtype=torch.int64)])

    def join(self, layer: int) -> None:
        """Lets in what is written after the MLP of a layer."""
        ends = self.sources.at(layer)
        self.wave.join(replace(ends, number=self.local[ends.number]))
        if layer >= 0 and self.sources.left_out is not None:
            self.streams.state[0] += self.sources.left_out[layer]

    def start_bias(self, constant: Float[Tensor, " d_model"]) -> None:
        """Lets in the constants of the next layer."""
        self.streams.state[self.streams.joined] = constant
        self.streams.joined += 1
        self.streams.spread = self.streams.joined

    def add_to_bias(self, constant: Float[Tensor, " d_model"]) -> None:
        """Adds to the constants that joined last."""
        self.streams.state[self.streams.joined - 1] += constant


def _go_up(readers: Readers, sources: Writers, boundary: int, matrix: Tensor) -> Upward:
    upward = Upward(sources, boundary)
    parallel = readers.frozen.model.parallel
    low = (readers.layers() < boundary).nonzero()[:, 0]
    local = torch.full((readers.n_rows,), -1)
    local[low] = torch.arange(len(low))
    met = matrix.new_zeros(len(upward.columns), len(low) + 1)
    if boundary:
        upward.join(-1)
    for number, layer in readers.frozen.layers_up(boundary):
        ends = readers.at(number)
        bank = make_bank(ends, local[ends.number], readers.frozen.n_pos, len(low))
        if parallel:
            upward.wave.touch(bank, met)
            upward.wave.pass_both(layer)
            upward.start_bias(layer.folded.attention_constant)
        else:
            upward.wave.pass_attention(layer)
            upward.start_bias(layer.folded.attention_constant)
            upward.wave.touch(bank, met)
            upward.wave.pass_skip(layer)
        upward.add_to_bias(layer.folded.mlp_constant)
        upward.join(number)
    matrix[low[:, None], upward.columns] = met[:, :-1].T
    return upward


# downwards -------------------------------------------------------------------------------------


def _go_down(
    readers: Readers,
    sources: Writers,
    boundary: int,
    rows: Int[Tensor, " row"],
    carried: Upward,
    matrix: Tensor,
) -> None:
    """Fills the given rows."""
    frozen = readers.frozen
    wave = Wave(
        "down", readers.layers()[rows], readers.positions()[rows], frozen.n_pos, sources.error
    )
    local = torch.full((readers.n_rows,), -1)
    local[rows] = torch.arange(len(rows))
    met = matrix.new_zeros(len(rows), sources.n_columns + 1)
    _join_down(wave, readers, frozen.model.n_layers, local)
    for number, layer in frozen.layers_down(boundary):
        ends = sources.at(number)
        wave.touch(make_bank(ends, ends.number, frozen.n_pos, sources.n_columns), met)
        met[:, sources.first_bias + number] += wave.touch_stream(layer.folded.mlp_constant[None])
        if sources.left_out is not None:
            met[:, sources.left_out_column] += wave.touch_stream(sources.left_out[number])
        if frozen.model.parallel:
            met[:, sources.first_bias + number] += wave.touch_stream(
                layer.folded.attention_constant[None]
            )
            wave.pass_both(layer)
            _join_down(wave, readers, number, local)
        else:
            wave.pass_skip(layer)
            _join_down(wave, readers, number, local)
            met[:, sources.first_bias + number] += wave.touch_stream(
                layer.folded.attention_constant[None]
            )
            wave.pass_attention(layer)
    if boundary == 0:
        ends = sources.at(-1)
        wave.touch(make_bank(ends, ends.number, frozen.n_pos, sources.n_columns), met)
    else:
        met[:, carried.columns] += _meet(wave, carried)
    matrix[rows[wave.order]] = met[:, :-1]


def _join_down(wave: Wave, readers: Readers, layer: int, local: Int[Tensor, " row"]) -> None:
    """Lets in the targets of one layer that belong to this chunk."""
    ends = readers.at(layer)
    mine = local[ends.number] >= 0
    number = local[ends.number[mine]]
    wave.join(Ends(vector=ends.vector[mine], position=ends.position[mine], number=number))


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
