"""Attention heads as nodes of a graph: every path is split at every head that it passes.

A head at one position writes z · O, a vector; what matters of it is what it adds to the explained
logits, ρ · z, with ρ the gradient of the weighted logits by z over *all* paths (later heads and
active features too). So a head is a node with one number, and

    source → target     through the residual stream alone (and affine skips): at one position
    source → head       what the source brings to ρ · z, through no other head
    head   → target     what the head's write adds to the target, through no other head

1. Down: the gradient of the weighted logits at every place, through attention and features; ρ.
2. Up, block by block, everything written so far stays where it is. Heads read it, through their
   patterns; then their own writes join; features read it; then theirs join.
3. Edges are the products met on the way.

Inputs of a target sum to its value as before, those of a head to its activation ρ · z, and what
each node adds to the logits over all paths is the same as in the graph without heads (tests). A
graph of a thousand features has some thousands of such edges instead of hundreds of thousands.
"""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.attribution.ends import Ends, Readers, Writers
from core.attribution.frozen import FrozenLayer


class HeadMatrix(NamedTuple):
    """Direct effects with heads as nodes between."""

    effects: Float[Tensor, "row column"]
    """Rows: features, logits, heads. Columns: those of `Writers`, then heads."""
    place: Int[Tensor, "head 3"]
    """(layer, position, head) of each head."""
    activation: Float[Tensor, " head"]
    """What it adds to the weighted logits."""


def effects_through_heads(readers: Readers, sources: Writers) -> HeadMatrix:
    """The matrix of direct effects, each path split at the heads it passes.

    Args:
        readers: Features and logits, as rows; the logits' weights say what heads are read for.
        sources: Sources, as columns.
    """
    return _Sweep(readers, sources).run()


class _Sweep:
    """What has been written so far, on its way up."""

    def __init__(self, readers: Readers, sources: Writers) -> None:
        self.readers, self.sources, self.frozen = readers, sources, readers.frozen
        model, n_pos = self.frozen.model, self.frozen.n_pos
        self.frame = (model.n_layers, n_pos, model.n_heads)
        self.n_heads = model.n_layers * n_pos * model.n_heads
        shape = (readers.n_rows + self.n_heads, sources.n_columns + self.n_heads)
        self.effects = sources.error.new_zeros(shape)
        self.rho = head_readouts(readers)
        self.activation = sources.error.new_zeros(self.frame)
        self.vector = sources.error.new_zeros(0, model.d_model)
        self.position = self.column = torch.zeros(0, dtype=torch.long)

    def run(self) -> HeadMatrix:
        self._join(self.sources.at(-1))
        parallel = self.frozen.model.parallel
        for number, layer in self.frozen.layers_up(self.frozen.model.n_layers):
            self._touch_heads(number, layer)
            if parallel:
                self._touch(self.readers.at(number))
            skipped = self._skipped(layer) if parallel else None
            self._join(self._heads(number, layer))
            self._join(self._constant(number, layer.folded.attention_constant))
            if not parallel:
                self._touch(self.readers.at(number))
                skipped = self._skipped(layer)
            if skipped is not None:
                self.vector = self.vector.clone()
                self.vector[: len(skipped)] += skipped
            self._join(self._constant(number, layer.folded.mlp_constant))
            self._join(self.sources.at(number))
            later = self.sources.later(number)
            if later is not None:
                self._join(later)
            self._join(self._left_out(number))
        self._touch(self.readers.at(self.frozen.model.n_layers))
        own_bias = self.sources.first_bias + self.readers.layers()
        self.effects[torch.arange(self.readers.n_rows), own_bias] += self.readers.constants()
        place = torch.cartesian_prod(*(torch.arange(size) for size in self.frame))
        return HeadMatrix(self.effects, place, self.activation.flatten())

    def _join(self, ends: Ends) -> None:
        """Lets in what is written here."""
        self.vector = torch.cat([self.vector, ends.vector])
        self.position = torch.cat([self.position, ends.position])
        self.column = torch.cat([self.column, ends.number])

    def _touch(self, ends: Ends) -> None:
        """Products of all that is there with what reads it at the same position."""
        for position in ends.position.unique().tolist():
            here = (self.position == position).nonzero()[:, 0]
            mine = (ends.position == position).nonzero()[:, 0]
            products = ends.vector[mine] @ self.vector[here].T
            self._add(ends.number[mine], self.column[here], products)

    def _add(self, row: Tensor, column: Tensor, products: Float[Tensor, "row column"]) -> None:
        # Streams stand at every position under one column, so products are added up.
        flat = row[:, None] * self.effects.shape[1] + column[None]
        self.effects.view(-1).index_add_(0, flat.flatten(), products.flatten())

    def _touch_heads(self, number: int, layer: FrozenLayer) -> None:
        """What every source brings to every head of a block."""
        rho, n_heads = self.rho[number], self.frame[2]
        read = (self.vector @ layer.folded.value).unflatten(-1, (n_heads, -1))
        for position in range(self.frozen.n_pos):
            here = (self.position == position).nonzero()[:, 0]
            brought = torch.einsum("she,qhe->qhs", read[here], rho[position:])
            brought = brought * layer.mix[:, position:, position].T[..., None]
            self.activation[number, position:] += brought.sum(2)
            rows = self.readers.n_rows + self._numbers(number, position)
            self._add(rows.flatten(), self.column[here], brought.flatten(0, 1))

    def _numbers(self, layer: int, first: int) -> Int[Tensor, "pos head"]:
        """Numbers of a block's heads, from a position on."""
        return torch.arange(self.n_heads).view(self.frame)[layer, first:]

    def _heads(self, number: int, layer: FrozenLayer) -> Ends:
        """What the heads of a block write: all but what they write whatever they read."""
        resid = self.frozen.at(self.frozen.trace.resid_pre, number)
        read = (resid @ layer.folded.value).unflatten(-1, (self.frame[2], -1))
        z = torch.einsum("hqp,phe->qhe", layer.mix, read)
        output = layer.folded.output.unflatten(0, (self.frame[2], -1))
        return Ends(
            vector=torch.einsum("qhe,hed->qhd", z, output).flatten(0, 1),
            position=torch.arange(self.frozen.n_pos).repeat_interleave(self.frame[2]),
            number=self.sources.n_columns + self._numbers(number, 0).flatten(),
        )

    def _constant(self, layer: int, constant: Float[Tensor, " d_model"]) -> Ends:
        """A constant of a block, at every position."""
        return self._stream(self.sources.first_bias + layer, constant.expand(self.frozen.n_pos, -1))

    def _left_out(self, layer: int) -> Ends:
        rest = self.sources.left_out
        none = self.sources.error.new_zeros(0, self.sources.error.shape[-1])
        return self._stream(self.sources.left_out_column, none if rest is None else rest[layer])

    def _stream(self, column: int, vector: Float[Tensor, "pos d_model"]) -> Ends:
        places = torch.arange(len(vector))
        return Ends(vector=vector, position=places, number=torch.full_like(places, column))

    def _skipped(self, layer: FrozenLayer) -> Float[Tensor, "end d_model"] | None:
        """What the affine skip adds to everything that is there."""
        if layer.folded.skip is None:
            return None
        return self.vector @ layer.folded.skip * layer.scale2[self.position, None]


def head_readouts(readers: Readers) -> Float[Tensor, "layer pos head d_head"]:
    """ρ: the gradient of the weighted logits by each head's output, over all paths.

    Features that are nodes pass a gradient on with slope 1, whatever the dictionary's function;
    errors and left-out features pass nothing, as in `core.graph.total_effect`.
    """
    frozen, targets = readers.frozen, readers.targets
    gradient = frozen.trace.logits.new_zeros(frozen.n_pos, frozen.model.d_model)
    if targets is not None:
        logits = readers.at(frozen.model.n_layers)
        gradient[-1] = targets.weight @ logits.vector
    found, after = [], {}
    for number, layer in frozen.layers_down(0):
        after[number] = gradient
        through_mlp = _through_mlp(readers, number, layer, after)
        at_heads = gradient if frozen.model.parallel else gradient + through_mlp
        rho = (at_heads @ layer.folded.output.T).unflatten(-1, (frozen.model.n_heads, -1))
        found.append(rho)
        moved = torch.einsum("hqp,qhe->phe", layer.mix, rho).flatten(1)
        gradient = gradient + through_mlp + moved @ layer.folded.value.T
    return torch.stack(found[::-1])


def _through_mlp(
    readers: Readers,
    number: int,
    layer: FrozenLayer,
    after: Mapping[int, Float[Tensor, "pos d_model"]],
) -> Float[Tensor, "pos d_model"]:
    """What features and the affine skip of a block add to the gradient in front of them.

    `after` holds the gradient of what leaves this block and each one above it.
    """
    ends, transcoders, gradient = readers.at(number), readers.frozen.transcoders, after[number]
    passed = gradient.new_zeros(len(ends.number))
    for above in after if transcoders.crosses else (number,):
        decoder = transcoders.writes(number, readers.features.index[ends.number], above)
        passed = passed + (decoder * after[above][ends.position]).sum(1)
    found = torch.zeros_like(gradient).index_add_(0, ends.position, passed[:, None] * ends.vector)
    if layer.folded.skip is not None:
        found = found + (gradient @ layer.folded.skip.T) * layer.scale2[:, None]
    return found
