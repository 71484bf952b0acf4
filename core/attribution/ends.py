"""The two ends of every edge: what writes into the residual stream, and what reads from it.

1. Features: every transcoder feature that is active on the prompt. It writes activation · decoder
   row after the MLP of its layer, and after each later one in a cross-layer transcoder, all under
   one column; it reads its encoder row in front of its own. Which features TopK
   chose is part of the prompt, so the target is the pre-activation of an active feature.
2. Errors: MLP output less the transcoder's reconstruction. Token and position embeddings.
3. Streams: what is spread over all positions. The constants of each layer, and the sum of the
   active features that the graph leaves out, so that every target's inputs still sum to it.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from core.attribution.frozen import Frozen
from core.attribution.matmul import linear
from core.attribution.targets import Targets
from core.transcoders import Gated, Transcoder


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Features:
    """Active features of one prompt, ordered by layer, position and index."""

    layer: Int[Tensor, " feature"]
    position: Int[Tensor, " feature"]
    index: Int[Tensor, " feature"]
    activation: Float[Tensor, " feature"]

    def __len__(self) -> int:
        return len(self.layer)

    def __getitem__(self, chosen: Bool[Tensor, " feature"] | Int[Tensor, " kept"]) -> "Features":
        return Features(
            layer=self.layer[chosen],
            position=self.position[chosen],
            index=self.index[chosen],
            activation=self.activation[chosen],
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ends:
    """Vectors at one place in the model, one position each."""

    vector: Float[Tensor, "end d_model"]
    """What is written, or the gradient of what is read, in the raw residual stream."""
    position: Int[Tensor, " end"]
    """Token position."""
    number: Int[Tensor, " end"]
    """Row (readers) or column (writers) in the matrix of direct effects."""


def active_features(frozen: Frozen) -> Features:
    """Every feature with a non-zero activation on the prompt."""
    found = []
    for layer, transcoder in enumerate(frozen.transcoders):
        activation = _encode(transcoder, frozen.at(frozen.trace.mlp_in, layer))
        position, index = activation.nonzero(as_tuple=True)
        found.append((torch.full_like(index, layer), position, index, activation[position, index]))
    layer, position, index, activation = (torch.cat(part) for part in zip(*found, strict=True))
    return Features(layer=layer, position=position, index=index, activation=activation)


def _encode(
    transcoder: Transcoder, x: Float[Tensor, "pos d_model"]
) -> Float[Tensor, "pos feature"]:
    """As the transcoder's own `encode`, with the faster product."""
    assert not isinstance(transcoder.activation, Gated)  # refused before
    return transcoder.activation(linear(x, transcoder.W_enc) + transcoder.b_enc)


def written(frozen: Frozen, features: Features, layer: int) -> Float[Tensor, "pos d_model"]:
    """The sum of what these features write into one layer's MLP output at each position."""
    total = _summed(frozen, features[features.layer == layer], frozen.transcoders[layer].W_dec)
    for lower in range(layer if frozen.transcoders.crosses else 0):
        later = frozen.transcoders[lower].W_later
        assert later is not None
        step = later[:, layer - lower - 1]
        total = total + _summed(frozen, features[features.layer == lower], step)
    return total


def _summed(
    frozen: Frozen, here: Features, decoder: Float[Tensor, "feature d_model"]
) -> Float[Tensor, "pos d_model"]:
    """Activations times decoder rows of one layer's features, by position."""
    starts = torch.searchsorted(here.position, torch.arange(frozen.n_pos))
    return functional.embedding_bag(
        here.index, decoder, starts, mode="sum", per_sample_weights=here.activation
    )


def errors(frozen: Frozen, features: Features) -> Float[Tensor, "layer pos d_model"]:
    """MLP output less its reconstruction from all active features, constants and skip."""
    per_layer = []
    for layer, transcoder in enumerate(frozen.transcoders):
        x = frozen.at(frozen.trace.mlp_in, layer)
        rebuilt = written(frozen, features, layer) + _affine(transcoder, x)
        per_layer.append(frozen.at(frozen.trace.mlp_out, layer) - rebuilt)
    return torch.stack(per_layer)


def _affine(transcoder: Transcoder, x: Float[Tensor, "pos d_model"]) -> Tensor:
    skip = transcoder.W_skip
    return transcoder.b_dec if skip is None else transcoder.b_dec + x @ skip.T


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Writers:
    """All sources of a graph. Columns: features, errors, tokens, positions, biases, left out."""

    frozen: Frozen
    features: Features
    """Those that are nodes."""
    error: Float[Tensor, "layer pos d_model"]
    """From all active features, nodes or not."""
    embeddings: Float[Tensor, "kind pos d_model"]
    """Token embeddings, then position embeddings where the family has them."""
    left_out: Float[Tensor, "layer pos d_model"] | None
    """Sum of the active features that are not nodes; None where all are."""

    @property
    def n_columns(self) -> int:
        streams = len(self.frozen.transcoders.layers) + 1 + (self.left_out is not None)
        return self.first_bias + streams

    @property
    def first_bias(self) -> int:
        """Column of block 0's constants; those of the final norm and unembedding come last."""
        n_kinds, n_pos, _ = self.embeddings.shape
        return len(self.features) + (len(self.error) + n_kinds) * n_pos

    @property
    def left_out_column(self) -> int:
        return self.n_columns - 1

    def at(self, layer: int) -> Ends:
        """What is written after the MLP of one layer; -1 for the embeddings."""
        n_pos, n_errors = self.frozen.n_pos, len(self.error) * self.frozen.n_pos
        places = torch.arange(n_pos)
        if layer < 0:
            return Ends(
                vector=self.embeddings.flatten(0, 1),
                position=places.repeat(len(self.embeddings)),
                number=len(self.features) + n_errors + torch.arange(len(self.embeddings) * n_pos),
            )
        here = (self.features.layer == layer).nonzero()[:, 0]
        mine = self.features[here]
        decoder = self.frozen.transcoders.writes(layer, mine.index, layer)
        return Ends(
            vector=torch.cat([decoder * mine.activation[:, None], self.error[layer]]),
            position=torch.cat([mine.position, places]),
            number=torch.cat([here, len(self.features) + layer * n_pos + places]),
        )

    def later(self, layer: int) -> Ends | None:
        """What features of lower layers write after the MLP of one; None in a per-layer set."""
        if layer < 1 or not self.frozen.transcoders.crosses:
            return None
        here = (self.features.layer < layer).nonzero()[:, 0]
        vector = self.error.new_zeros(len(here), self.error.shape[-1])
        for lower in range(layer):
            mine = self.features.layer[here] == lower
            index = self.features.index[here[mine]]
            vector[mine] = self.frozen.transcoders.writes(lower, index, layer)
        return Ends(
            vector=vector * self.features.activation[here, None],
            position=self.features.position[here],
            number=here,
        )

    def layers(self) -> Int[Tensor, " column"]:
        """Layer of each column that is at one position; -1 for embeddings."""
        n_pos = self.frozen.n_pos
        of_errors = torch.arange(len(self.error)).repeat_interleave(n_pos)
        of_embeddings = torch.full((len(self.embeddings) * n_pos,), -1)
        return torch.cat([self.features.layer, of_errors, of_embeddings])

    def positions(self) -> Int[Tensor, " column"]:
        """Position of each column that is at one position."""
        repeated = torch.arange(self.frozen.n_pos).repeat(len(self.error) + len(self.embeddings))
        return torch.cat([self.features.position, repeated])


def writers(frozen: Frozen, active: Features, error: Tensor, chosen: Tensor | None) -> Writers:
    """Sources of a graph whose feature nodes are `active[chosen]`, or all active ones.

    Args:
        frozen: The prompt's linear model.
        active: Every active feature.
        error: What `errors` gives.
        chosen: Int [feature], increasing; None for all.
    """
    left_out = None
    if chosen is not None and len(chosen) < len(active):
        rest = torch.ones(len(active), dtype=torch.bool).index_fill_(0, chosen, False)
        remaining = active[rest]
        layers = range(len(error))
        left_out = torch.stack([written(frozen, remaining, layer) for layer in layers])
    pair = frozen.embedding
    has_table = frozen.model.family.position_table is not None
    return Writers(
        frozen=frozen,
        features=active if chosen is None else active[chosen],
        error=error,
        embeddings=torch.stack([pair.token, pair.position] if has_table else [pair.token]),
        left_out=left_out,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Readers:
    """All targets of a sweep. Rows: features, then logits."""

    frozen: Frozen
    features: Features
    targets: Targets | None

    @property
    def n_rows(self) -> int:
        return len(self.features) + (0 if self.targets is None else len(self.targets.index))

    def at(self, layer: int) -> Ends:
        """What the MLP of one layer reads; the number of layers for logits."""
        if layer == self.frozen.model.n_layers:
            return self._logits()
        here = (self.features.layer == layer).nonzero()[:, 0]
        mine = self.features[here]
        read = self.frozen.transcoders[layer].W_enc[mine.index]
        scale = self.frozen.mlp_norm_scale(layer)[mine.position]
        return Ends(
            vector=self.frozen.folded[layer].norm2.transpose(read, scale),
            position=mine.position,
            number=here,
        )

    def _logits(self) -> Ends:
        norm, last = self.frozen.model.final_norm, self.frozen.n_pos - 1
        vector = self._target_vectors()
        scale = norm.scale(self.frozen.at(self.frozen.trace.resid_post, -1)[last])
        return Ends(
            vector=norm.transpose(vector, scale),
            position=torch.full((len(vector),), last),
            number=len(self.features) + torch.arange(len(vector)),
        )

    def _target_vectors(self) -> Float[Tensor, "target d_model"]:
        if self.targets is None:
            return self.frozen.model.W_U.new_zeros(0, self.frozen.model.d_model)
        return self.targets.vector

    def layers(self) -> Int[Tensor, " row"]:
        """Layer of each row; the number of layers for logits."""
        n_logits = self.n_rows - len(self.features)
        return torch.cat([self.features.layer, torch.full((n_logits,), self.frozen.model.n_layers)])

    def positions(self) -> Int[Tensor, " row"]:
        """Position of each row."""
        n_logits = self.n_rows - len(self.features)
        return torch.cat([self.features.position, torch.full((n_logits,), self.frozen.n_pos - 1)])

    def constants(self) -> Float[Tensor, " row"]:
        """What each row adds itself: norm bias as it reads it, encoder and unembedding bias."""
        parts = []
        for layer, transcoder in enumerate(self.frozen.transcoders):
            index = self.features.index[self.features.layer == layer]
            bias = self.frozen.folded[layer].norm2.bias
            parts.append(transcoder.W_enc[index] @ bias + transcoder.b_enc[index])
        if self.targets is not None:
            norm = self.frozen.model.final_norm
            parts.append(self.targets.vector @ norm.bias + self.targets.bias)
        return torch.cat(parts)
