"""Targets carried down to a layer boundary, touching the sources above it on the way."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.attribution.ends import Ends, Readers, Writers
from core.attribution.frozen import FrozenLayer
from core.attribution.wave import Wave, make_bank


class Downward:
    """Some targets as one wave, and what they have met so far."""

    def __init__(self, readers: Readers, sources: Writers, rows: Int[Tensor, " row"]) -> None:
        self.readers, self.sources, self.frozen = readers, sources, readers.frozen
        layer, position = readers.layers()[rows], readers.positions()[rows]
        self.wave = Wave("down", layer, position, self.frozen.n_pos, sources.error)
        self.local = torch.full((readers.n_rows,), -1)
        self.local[rows] = torch.arange(len(rows))
        self.rows = rows[self.wave.order]
        self.met = sources.error.new_zeros(len(rows), sources.n_columns + 1)

    def run(self, boundary: int) -> None:
        """Carries everything to the boundary, down to the embeddings if it is under block 0."""
        self._join(self.frozen.model.n_layers)
        for number, layer in self.frozen.layers_down(boundary):
            self._touch(number)
            self._touch_constant(number, layer.folded.mlp_constant)
            self._pass_block(number, layer)
        if boundary == 0:
            self._touch(-1)

    def _pass_block(self, number: int, layer: FrozenLayer) -> None:
        """A parallel block's targets read what enters the block; others what attention left."""
        if self.frozen.model.parallel:
            self._touch_constant(number, layer.folded.attention_constant)
            self.wave.pass_both(layer)
            self._join(number)
        else:
            self.wave.pass_skip(layer)
            self._join(number)
            self._touch_constant(number, layer.folded.attention_constant)
            self.wave.pass_attention(layer)

    def _join(self, layer: int) -> None:
        """Lets in the targets of one layer that belong to this wave."""
        ends = self.readers.at(layer)
        mine = self.local[ends.number] >= 0
        number = self.local[ends.number[mine]]
        self.wave.join(Ends(vector=ends.vector[mine], position=ends.position[mine], number=number))

    def _touch(self, layer: int) -> None:
        """Products with all that is written after the MLP of a layer."""
        ends, empty = self.sources.at(layer), self.sources.n_columns
        bank = make_bank(ends, ends.number, self.frozen.n_pos, empty)
        later = self.sources.later(layer)
        if not self.frozen.transcoders.crosses:
            self.wave.touch(bank, self.met)
        else:  # a column is met once for every layer that its feature writes at
            self.wave.touch_again(bank, self.met)
        if later is not None:
            self.wave.touch_again(
                make_bank(later, later.number, self.frozen.n_pos, empty), self.met
            )
        if layer >= 0 and self.sources.left_out is not None:
            products = self.wave.touch_stream(self.sources.left_out[layer])
            self.met[:, self.sources.left_out_column] += products

    def _touch_constant(self, layer: int, constant: Float[Tensor, " d_model"]) -> None:
        """Products with a constant of a layer."""
        products = self.wave.touch_stream(constant[None])
        self.met[:, self.sources.first_bias + layer] += products
