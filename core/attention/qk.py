"""QK attribution: which sources make a head look from one position at another.

A score before the softmax is a product of a query and a key, and both are linear in the residual
stream once the norm's scale is frozen. In the frozen model (`core.attribution`) the stream is a
sum over sources: features, errors, embeddings and constants, with what earlier heads and MLP
skips make of them. So the score is a double sum (Kamath et al. 2025, Tracing Attention
Computation Through Feature Interactions, transformer-circuits.pub/2025/attention-qk):

    score[q, k] = Σ_i Σ_j  query_i[q] · key_j[k]

1. Read the directions of the head's queries and keys in front of its block, at every position, and
   carry them down to all sources (`stream_effects`): what each source contributes to each query
   and key. What the block itself adds (norm bias, query and key bias) is one source, its constants.
2. Turn both by the rotation of their positions (rotary families) and scale the queries.
3. `pairs` is the matrix over (source at the query, source at the key); its rows and columns sum to
   what one source does on one side, and all of it to the model's own score.

A softmax sees scores only against those of other keys: `Against.ROW_MEAN` takes every key less the
mean of the keys that the query sees, and the sum is then log pattern less its row's mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.attribution.ends import Writers, active_features, errors, writers
from core.attribution.frozen import Frozen, freeze
from core.attribution.stream import stream_effects
from core.errors import GraphError
from core.graph import NodeKind
from core.models import LanguageModel, rotation, score_weights
from core.transcoders import TranscoderSet


class Against(StrEnum):
    """What a score is compared with."""

    NOTHING = "nothing"
    """The score as it enters the softmax."""
    ROW_MEAN = "row mean"
    """Less the mean score of the keys that the query may see: what decides the pattern."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sources:
    """What writes into the residual stream on one prompt; nodes as a graph's columns."""

    kind: Int[Tensor, " source"]
    """NodeKind."""
    layer: Int[Tensor, " source"]
    """Block whose MLP writes it, or whose constants it is; -1 for embeddings."""
    position: Int[Tensor, " source"]
    """Token position; -1 for constants, which are everywhere."""
    index: Int[Tensor, " source"]
    """Feature or vocabulary id; -1 where there is none."""
    activation: Float[Tensor, " source"]
    """Of features; 1 elsewhere."""

    def __len__(self) -> int:
        return len(self.kind)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class QKAttribution:
    """The scores of one head on one prompt, by sources."""

    layer: int
    head: int
    sources: Sources
    query: Float[Tensor, "pos source d_head"]
    """What each source adds to the query at each position; turned and scaled."""
    key: Float[Tensor, "pos source d_head"]
    """What each source adds to the key at each position; turned."""

    @property
    def scores(self) -> Float[Tensor, "query key"]:
        """The model's own scores, not masked."""
        return self.query.sum(1) @ self.key.sum(1).T

    def pairs(
        self, query: int, key: int, against: Against = Against.NOTHING
    ) -> Float[Tensor, "query_source key_source"]:
        """The score of one cell by (source at the query, source at the key); its sum is the score.

        Raises:
            GraphError: If the query cannot see the key.
        """
        sources = self._key(query, key, against)
        return self.query[query] @ sources.T

    def _key(self, query: int, key: int, against: Against) -> Float[Tensor, "source d_head"]:
        if not 0 <= key <= query < len(self.query):
            raise GraphError(
                f"There is no attention from position {query} to {key}: got a prompt of "
                f"{len(self.query)} tokens, and a query sees itself and what is before it. "
                "Choose a key at or before the query."
            )
        found = self.key[key]
        return found if against is Against.NOTHING else found - self.key[: query + 1].mean(0)


def attribute_heads(
    model: LanguageModel,
    transcoders: TranscoderSet,
    ids: Int[Tensor, " pos"],
    layer: int,
    heads: Sequence[int],
) -> tuple[QKAttribution, ...]:
    """QK attributions of some heads of one layer on one prompt.

    Args:
        model: Any supported family.
        transcoders: One for each layer. Every active feature is a source.
        ids: The prompt's tokens.
        layer: Of the heads.
        heads: Their numbers; together they cost little more than one.
    """
    with torch.no_grad():
        return heads_of(prompt_sources(freeze(model, transcoders, ids)), layer, heads)


def prompt_sources(frozen: Frozen) -> Writers:
    """All sources of a prompt: every active feature, and the leaves."""
    active = active_features(frozen)
    return writers(frozen, active, errors(frozen, active), None)


def heads_of(sources: Writers, layer: int, heads: Sequence[int]) -> tuple[QKAttribution, ...]:
    """As `attribute_heads`, from sources that are there already."""
    frozen, chosen = sources.frozen, list(heads)
    model, n_pos = frozen.model, frozen.n_pos
    weights = score_weights(model, layer)
    joint = torch.stack([weights.W_Q[chosen], weights.W_K[chosen]])
    bias = torch.stack([weights.b_Q[chosen], weights.b_K[chosen]])
    scale = weights.norm.scale(frozen.at(frozen.trace.resid_pre, layer))
    every = joint.transpose(2, 3)[:, :, None].expand(-1, -1, n_pos, -1, -1)
    read = weights.norm.transpose(every, scale[:, None])
    place = torch.arange(n_pos).repeat_interleave(model.d_head).repeat(2 * len(chosen))
    effects = stream_effects(sources, layer, read.flatten(0, 3), place)
    parts = effects.view(2, len(chosen), n_pos, model.d_head, -1).transpose(3, 4)
    constant = torch.einsum("d,shde->she", weights.norm.bias, joint) + bias
    parts[..., sources.first_bias + layer, :] += constant[:, :, None]
    if (turn := rotation(model, n_pos)) is not None:
        parts = turn(parts.transpose(2, 3)).transpose(2, 3)
    table = _table(sources)
    return tuple(
        QKAttribution(layer=layer, head=head, sources=table, query=weights.scale * query, key=key)
        for head, query, key in zip(chosen, *parts, strict=True)
    )


def _table(sources: Writers) -> Sources:
    """The columns of the sweep as nodes."""
    n_pos, n_layers = sources.frozen.n_pos, len(sources.error)
    n_kinds, features = len(sources.embeddings), sources.features
    counts = {
        NodeKind.FEATURE: len(features),
        NodeKind.ERROR: n_layers * n_pos,
        NodeKind.TOKEN: n_pos,
        NodeKind.POSITION: (n_kinds - 1) * n_pos,
        NodeKind.BIAS: n_layers + 1,
    }
    kind = torch.cat([torch.full((n,), int(kind)) for kind, n in counts.items()])
    none = torch.full((len(kind),), -1)
    index = none.index_put((torch.arange(len(features)),), features.index)
    index[kind == int(NodeKind.TOKEN)] = sources.frozen.ids
    activation = torch.ones(len(kind), dtype=features.activation.dtype)
    activation[: len(features)] = features.activation
    return Sources(
        kind=kind,
        layer=torch.cat([sources.layers(), torch.arange(n_layers + 1)]),
        position=torch.cat([sources.positions(), none[: n_layers + 1]]),
        index=index,
        activation=activation,
    )
