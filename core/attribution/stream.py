"""What each source contributes to given directions of the residual stream that enters a block.

A graph's targets read in front of MLPs and of the unembedding. This gives the same exact direct
effects for anything that reads in front of a block: there the queries, keys and values of its
heads are made. The directions are carried down (`downward`), grouped and exact as a graph's.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.attribution.downward import Downward
from core.attribution.ends import Ends, Readers, Writers
from core.attribution.sweep import BYTES_PER_MB

MEMORY_MB = 256
"""About the most that the carried directions hold, in MiB."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StreamReaders(Readers):
    """Directions read from what enters one block; rows in the order given."""

    layer: int
    """The block; the number of layers for what leaves the last one."""
    ends: Ends

    @property
    def n_rows(self) -> int:
        return len(self.ends.number)

    def at(self, layer: int) -> Ends:
        """All of them in front of their block, none elsewhere."""
        none = slice(0, None if layer == self.layer else 0)
        vector, position, number = self.ends.vector, self.ends.position, self.ends.number
        return Ends(vector=vector[none], position=position[none], number=number[none])

    def layers(self) -> Int[Tensor, " row"]:
        return torch.full_like(self.ends.number, self.layer)

    def positions(self) -> Int[Tensor, " row"]:
        return self.ends.position


class _FromBlock(Downward):
    """Carries directions from in front of a block to under the embeddings."""

    def run(self, boundary: int) -> None:
        """`boundary`: the block."""
        self._join(boundary)
        for number in reversed(range(boundary)):
            layer = self.frozen.layer(number)
            self._touch(number)
            self._touch_constant(number, layer.folded.mlp_constant)
            self._pass_block(number, layer)
        self._touch(-1)


def stream_effects(
    sources: Writers,
    layer: int,
    vector: Float[Tensor, "row d_model"],
    position: Int[Tensor, " row"],
    *,
    memory_mb: int = MEMORY_MB,
) -> Float[Tensor, "row column"]:
    """Products of each direction with what every source makes of the stream there, frozen.

    Rows sum to the products with the stream itself.

    Args:
        sources: All sources of a prompt, as columns.
        layer: The block in front of which is read, 0 to the number of layers.
        vector: Directions in the residual stream.
        position: Where each is read.
        memory_mb: About the most the carried directions hold, in MiB.
    """
    none = sources.features[torch.zeros(0, dtype=torch.int64)]
    size = vector.element_size() * vector.shape[-1] * sources.frozen.n_pos
    most = max(1, memory_mb * BYTES_PER_MB // size)
    found = []
    with torch.no_grad():
        for rows in torch.arange(len(position)).split(most):
            number = torch.arange(len(rows))
            ends = Ends(vector=vector[rows], position=position[rows], number=number)
            readers = StreamReaders(
                frozen=sources.frozen, features=none, targets=None, layer=layer, ends=ends
            )
            wave = _FromBlock(readers, sources, number)
            wave.run(layer)
            met = torch.empty_like(wave.met[:, :-1])
            met[wave.rows] = wave.met[:, :-1]
            found.append(met)
    return torch.cat(found)
