"""Many vectors carried through a frozen model at once, only where they can be.

A wave goes *down* (gradients of targets, which spread to earlier positions) or *up* (writes of
sources, which spread to later ones). Vectors that start at one position share a causal cone, so
they form a group and nothing outside the cone is stored or multiplied. At each layer

1. vectors of that layer join: one position each, zeros elsewhere in the cone;
2. attention spreads every vector. One that still sits at a single position needs no product for
   each position it reaches: its H head outputs are formed once and shared out by the pattern;
3. what the vectors meet (`touch`) gives entries of the matrix of direct effects.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.attribution.ends import Ends
from core.attribution.frozen import FrozenLayer
from core.attribution.matmul import linear

Way = Literal["down", "up"]


class Place(NamedTuple):
    """A group's cone and where in it the group starts."""

    cone: slice
    own: int
    size: int


@dataclass(slots=True, kw_only=True, eq=False)
class Group:
    """Vectors that start at one position, in the order in which they join."""

    place: Place
    row: Int[Tensor, " vector"]
    """Row of each vector in the wave's matrix; increasing."""
    state: Float[Tensor, "vector cone d_model"]
    """Valid for the first `joined`."""
    spread: int = 0
    """The first so many have passed an attention layer."""
    joined: int = 0

    @property
    def live(self) -> Float[Tensor, "joined cone d_model"]:
        return self.state[: self.joined]

    @property
    def fresh(self) -> Float[Tensor, "fresh d_model"]:
        """The vectors at their own position only."""
        return self.state[self.spread : self.joined, self.place.own]


class Step(NamedTuple):
    """One attention layer in a wave's direction."""

    first: Float[Tensor, "head_d_head d_model"]
    """Residual to heads, as a weight of `linear`."""
    second: Float[Tensor, "d_model head_d_head"]
    """Heads to residual, as a weight of `linear`."""
    mix: Float[Tensor, "head out into"]
    """Weights from a position to those it reaches."""


class Bank(NamedTuple):
    """Ends of one layer, arranged by position with empty slots."""

    vector: Float[Tensor, "pos slot d_model"]
    """Zeros in empty slots."""
    number: Int[Tensor, "pos slot"]
    """Column of the wave's matrix; its last one, which is dropped, for empty slots."""


class Wave:
    """Carries vectors from their layers to wherever the caller walks."""

    def __init__(
        self,
        way: Way,
        layer: Int[Tensor, " vector"],
        position: Int[Tensor, " vector"],
        n_pos: int,
        like: Float[Tensor, "*any d_model"],
    ) -> None:
        """Room for vectors that will join at these layers and positions.

        `order` maps the wave's rows, sorted by position and then by joining, to the caller's.
        """
        self.way, self.n_pos = way, n_pos
        by_joining = layer.argsort(stable=True, descending=way == "down")
        self.order = by_joining[position[by_joining].argsort(stable=True)]
        self.rank = torch.empty_like(self.order)
        self.rank[self.order] = torch.arange(len(self.order))
        counts = torch.bincount(position, minlength=n_pos).tolist()
        self.groups, first = [], 0
        for start, count in enumerate(counts):
            if count:
                place = self._place(start)
                row = torch.arange(first, first + count)
                state = like.new_empty(count, place.size, like.shape[-1])
                self.groups.append(Group(place=place, row=row, state=state))
            first += count

    def _place(self, start: int) -> Place:
        if self.way == "down":
            return Place(slice(0, start + 1), start, start + 1)
        return Place(slice(start, self.n_pos), 0, self.n_pos - start)

    def join(self, ends: Ends) -> None:
        """Lets one layer's vectors in; `ends.number` are the caller's rows."""
        rank = self.rank[ends.number]
        order = rank.argsort()
        rank, vector = rank[order], ends.vector[order]
        for group in self.groups:
            low = int(torch.searchsorted(rank, group.row[0]))
            high = int(torch.searchsorted(rank, group.row[-1], right=True))
            if high > low:
                new = group.state[group.joined : group.joined + high - low]
                new.zero_()[:, group.place.own] = vector[low:high]
                group.joined += high - low

    def add(self, ends: Ends) -> None:
        """Adds to vectors that have joined, each at its own position."""
        rank = self.rank[ends.number]
        for group in self.groups:
            mine = (rank >= group.row[0]) & (rank <= group.row[-1])
            group.state[rank[mine] - group.row[0], group.place.own] += ends.vector[mine]

    def pass_attention(self, layer: FrozenLayer) -> None:
        """Adds what attention carries to every vector that has joined."""
        step = self._step(layer)
        for group in self.groups:
            if group.spread:
                _spread_on(group, step)
        _spread_first([g for g in self.groups if g.joined > g.spread], step)

    def pass_skip(self, layer: FrozenLayer) -> None:
        """Adds what the transcoder's affine skip carries; nothing without one."""
        for group, change in self._skip_changes(layer):
            group.live.add_(change)

    def pass_both(self, layer: FrozenLayer) -> None:
        """Attention and skip of a parallel block: both start from the same residual."""
        changes = list(self._skip_changes(layer))
        self.pass_attention(layer)
        for group, change in changes:
            group.live.add_(change)

    def _skip_changes(self, layer: FrozenLayer) -> Iterator[tuple[Group, Tensor]]:
        if layer.folded.skip is None:
            return
        weight = layer.folded.skip if self.way == "down" else layer.folded.skip.T.contiguous()
        for group in self.groups:
            scale = layer.scale2[group.place.cone, None]
            carried = linear(group.live.flatten(0, 1), weight).view_as(group.live)
            yield group, carried * scale

    def _step(self, layer: FrozenLayer) -> Step:
        if self.way == "down":
            return Step(layer.folded.output, layer.folded.value, layer.mix.transpose(1, 2))
        first, second = layer.folded.value.T, layer.folded.output.T
        return Step(first.contiguous(), second.contiguous(), layer.mix)

    def touch(self, bank: Bank, matrix: Float[Tensor, "vector column"]) -> None:
        """Writes the products of every joined vector with the ends in its cone."""
        for rows, number, products in self._products(bank):
            matrix[rows, number] = products

    def touch_again(self, bank: Bank, matrix: Float[Tensor, "vector column"]) -> None:
        """Adds such products to what is there."""
        for rows, number, products in self._products(bank):
            matrix[rows, number] += products

    def _products(self, bank: Bank) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        for group in self.groups:
            ends, number = bank.vector[group.place.cone], bank.number[group.place.cone]
            if group.joined and ends.numel():
                products = torch.bmm(group.live.transpose(0, 1), ends.transpose(1, 2))
                rows = group.row[: group.joined, None]
                yield rows, number.reshape(1, -1), products.transpose(0, 1).flatten(1)

    def touch_stream(self, vector: Float[Tensor, "#pos d_model"]) -> Float[Tensor, " vector"]:
        """Products with something at every position, summed; 0 for vectors not yet joined."""
        result = vector.new_zeros(len(self.order))
        spread = vector.expand(self.n_pos, -1).contiguous()
        for group in self.groups:
            if group.joined:
                products = group.live.flatten(1) @ spread[group.place.cone].flatten()
                result[group.row[: group.joined]] = products
        return result


def make_bank(ends: Ends, columns: Int[Tensor, " end"], n_pos: int, empty: int) -> Bank:
    """Arranges ends by position.

    Args:
        ends: Of one layer.
        columns: Column of each in the wave's matrix.
        n_pos: Positions of the prompt.
        empty: The matrix's last column, which takes the products of empty slots.
    """
    order = ends.position.argsort(stable=True)
    position = ends.position[order]
    slot = torch.arange(len(order)) - torch.searchsorted(position, position)
    width = int(slot.max()) + 1 if len(slot) else 0
    vector = ends.vector.new_zeros(n_pos, width, ends.vector.shape[1])
    number = torch.full((n_pos, width), empty)
    vector[position, slot] = ends.vector[order]
    number[position, slot] = columns[order]
    return Bank(vector, number)


def _spread_on(group: Group, step: Step) -> None:
    """One attention layer for vectors that are anywhere in their cone."""
    part = group.state[: group.spread]
    n, cone, d_model = part.shape
    heads = step.mix.shape[0]
    mix = step.mix[:, group.place.cone, group.place.cone]
    read = linear(part.view(-1, d_model), step.first).view(n, cone, heads, -1)
    moved = torch.bmm(mix, read.permute(2, 1, 0, 3).reshape(heads, cone, -1))
    moved = moved.view(heads, cone, n, -1).permute(2, 1, 0, 3).reshape(n * cone, -1)
    part.add_(linear(moved, step.second).view_as(part))


def _spread_first(groups: list[Group], step: Step) -> None:
    """One attention layer for vectors still at their own position, all groups in one product."""
    if not groups:
        return
    fresh = torch.cat([group.fresh for group in groups])
    heads, d_model = step.mix.shape[0], fresh.shape[1]
    read = linear(fresh, step.first).view(len(fresh), heads, -1).transpose(0, 1)
    second = step.second.view(d_model, heads, -1).permute(1, 2, 0)
    outputs = torch.bmm(read, second)
    first = 0
    for group in groups:
        size = group.joined - group.spread
        mine = outputs[:, first : first + size].reshape(heads, -1)
        start = group.place.cone.start + group.place.own
        shared = step.mix[:, group.place.cone, start].T @ mine
        change = shared.view(-1, size, d_model).transpose(0, 1)
        group.state[group.spread : group.joined].add_(change)
        group.spread = group.joined
        first += size
