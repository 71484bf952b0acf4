"""Sources carried up to a layer boundary, touching the targets below it on the way."""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from core.attribution.ends import Readers, Writers
from core.attribution.frozen import FrozenLayer
from core.attribution.wave import Group, Place, Wave, make_bank


class Upward:
    """Sources below a boundary as one wave.

    The constants of each layer and the left-out features are vectors at every position from the
    start (streams); they are added to as the wave passes the places where they arise.
    """

    def __init__(self, sources: Writers, boundary: int) -> None:
        self.sources, self.boundary = sources, boundary
        n_pos = sources.frozen.n_pos
        below = (sources.layers() < boundary).nonzero()[:, 0]
        layer, position = sources.layers()[below], sources.positions()[below]
        self.wave = Wave("up", layer, position, n_pos, sources.error)
        self.local = torch.full((sources.n_columns,), -1)
        self.local[below] = torch.arange(len(below))
        has_rest = sources.left_out is not None
        columns = [sources.left_out_column] * has_rest
        columns += [sources.first_bias + number for number in range(boundary)]
        self.streams = Group(
            place=Place(slice(0, n_pos), 0, n_pos),
            row=torch.arange(len(below), len(below) + len(columns)),
            state=sources.error.new_zeros(len(columns), *sources.error.shape[1:]),
            joined=int(has_rest),
            spread=int(has_rest),
        )
        self.wave.groups.append(self.streams)
        streams = torch.tensor(columns, dtype=torch.int64)
        self.columns = torch.cat([below[self.wave.order], streams])

    def run(self, readers: Readers, matrix: Float[Tensor, "row column"]) -> None:
        """Carries everything to the boundary; fills the rows of targets below it."""
        low = (readers.layers() < self.boundary).nonzero()[:, 0]
        local = torch.full((readers.n_rows,), -1)
        local[low] = torch.arange(len(low))
        met = matrix.new_zeros(len(self.columns), len(low) + 1)
        if self.boundary:
            self._join(-1)
        for number, layer in readers.frozen.layers_up(self.boundary):
            ends = readers.at(number)
            bank = make_bank(ends, local[ends.number], readers.frozen.n_pos, len(low))
            if readers.frozen.model.parallel:
                self.wave.touch(bank, met)
                self.wave.pass_both(layer)
                self._start_constants(layer)
            else:
                self.wave.pass_attention(layer)
                self._start_constants(layer)
                self.wave.touch(bank, met)
                self.wave.pass_skip(layer)
            self.streams.live[-1] += layer.folded.mlp_constant
            self._join(number)
        if torch.equal(low, torch.arange(len(low))):  # as features stand layer by layer
            matrix[: len(low)].index_copy_(1, self.columns, met[:, :-1].T)
        else:
            matrix[low[:, None], self.columns] = met[:, :-1].T

    def _join(self, layer: int) -> None:
        """Lets in what is written after the MLP of a layer."""
        ends = self.sources.at(layer)
        self.wave.join(replace(ends, number=self.local[ends.number]))
        later = self.sources.later(layer)
        if later is not None:
            self.wave.add(replace(later, number=self.local[later.number]))
        if layer >= 0 and self.sources.left_out is not None:
            self.streams.state[0] += self.sources.left_out[layer]

    def _start_constants(self, layer: FrozenLayer) -> None:
        """Lets in the stream of this layer's constants, with what its attention adds."""
        self.streams.joined += 1
        self.streams.spread = self.streams.joined
        self.streams.live[-1] = layer.folded.attention_constant
