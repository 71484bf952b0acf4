"""Our graph as the JSON that Neuronpedia and circuit-tracer's page read.

1. Nodes get circuit-tracer's names (`ids`), layers as text, and `influence`: the cumulative share
   at their rank, low for important ones.
2. Links carry direct effects, signed and already multiplied by the source's activation.
3. Position embeddings and constants, which circuit-tracer does not have, are nodes of type `bias`
   or are left out, with their links. Without them a target's links no longer sum to its value.

Labels are plain text of any kind: whoever shows them must escape them.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from jaxtyping import Float, Int
from torch import Tensor

from core.errors import GraphError
from core.graph import (
    AttributionGraph,
    NodeKind,
    Pruned,
    cumulative_influence,
    influence,
    subgraph,
)
from core.interop.forms import Site, Words, form_of, text_of
from core.interop.ids import GENERATOR, feature_name, repeated
from core.models import LanguageModel


class ExtraLeaves(StrEnum):
    """What becomes of position embeddings and constants."""

    NODES = "nodes"
    """Nodes of type `bias`: every target's links sum to its value."""
    LEFT_OUT = "left_out"
    """As circuit-tracer, which has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportSettings:
    """What a file says besides the graph."""

    slug: str = "graph"
    """Name of the graph, unique for whoever stores it."""
    scan: str = ""
    """Identifier of model and dictionary; the model's name if empty."""
    extra_leaves: ExtraLeaves = ExtraLeaves.NODES
    """Position embeddings and constants."""
    direction: str = "direction"
    """Text for a logit direction, as `answer − wrong`."""
    labels: Mapping[int, str] = field(default_factory=dict)
    """Labels by node number of the graph given."""
    groups: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """Supernodes: label to node numbers of the graph given."""
    generation: Mapping[str, Any] = field(default_factory=dict)
    """Settings the graph was built with."""
    pruning: Mapping[str, Any] = field(default_factory=dict)
    """Settings the graph was pruned with."""
    created_ms: int | None = None
    """Time stamp in ms; now if None."""


def to_neuronpedia(
    graph: AttributionGraph | Pruned,
    model: LanguageModel,
    ids: Int[Tensor, " pos"] | Sequence[str],
    settings: ExportSettings | None = None,
) -> dict[str, Any]:
    """A graph as JSON values: `metadata`, `qParams`, `nodes`, `links`.

    Args:
        graph: Of one prompt or task; as `Pruned`, `influence` is that of the unpruned graph.
        model: Gives token texts and the number of layers.
        ids: The prompt's token ids; for a task graph, the names of its aligned positions.
        settings: What else to write.

    Raises:
        GraphError: If two nodes would get one name, or a kind has no form in this format.
    """
    settings = settings or ExportSettings()
    graph, rank = _ranked(graph)
    if settings.extra_leaves is ExtraLeaves.LEFT_OUT:
        kept = ~graph.of_kind(NodeKind.POSITION, NodeKind.BIAS)
        place = (kept.cumsum(0) - 1).tolist()
        settings = _renumbered(settings, {n: place[n] for n in kept.nonzero()[:, 0].tolist()})
        graph, rank = subgraph(graph, kept), rank[kept]
    words = _words(model, ids)
    nodes = list(_nodes(graph, words, settings, rank.tolist()))
    names = [node["node_id"] for node in nodes]
    if twice := repeated(names):
        raise GraphError(
            f"{len(twice)} names would stand for several nodes ({', '.join(twice[:5])}); every "
            "node of a file needs its own. Pool or rename nodes that are at one place."
        )
    return {
        "metadata": _metadata(words, settings),
        "qParams": _view(settings, names),
        "nodes": nodes,
        "links": list(_links(graph, names)),
    }


def _ranked(graph: AttributionGraph | Pruned) -> tuple[AttributionGraph, Float[Tensor, " node"]]:
    if isinstance(graph, Pruned):
        return graph.graph, graph.cumulative[graph.nodes]
    return graph, cumulative_influence(influence(graph))


def _renumbered(settings: ExportSettings, place: Mapping[int, int]) -> ExportSettings:
    return replace(
        settings,
        labels={place[n]: text for n, text in settings.labels.items() if n in place},
        groups={
            label: [place[n] for n in members if n in place]
            for label, members in settings.groups.items()
        },
    )


def _nodes(
    graph: AttributionGraph,
    words: Words,
    settings: ExportSettings,
    rank: list[float],
) -> Iterator[dict[str, Any]]:
    columns = (graph.kind, graph.layer, graph.position, graph.index)
    rows = list(zip(*(column.tolist() for column in columns), strict=True))
    taken = {
        part
        for kind, layer, position, index in rows
        if kind == NodeKind.FEATURE
        for part in feature_name(layer, index, position)
    }
    directions = 0
    for number, (kind, layer, position, index) in enumerate(rows):
        is_direction = kind == NodeKind.LOGIT and index < 0
        if is_direction:  # circuit-tracer numbers directions after the vocabulary
            index = words.model.d_vocab + directions
            directions += 1
        site = Site(NodeKind(kind), layer, position, index)
        weight = float(graph.logit_weight[number])
        text = text_of(site, words, settings.direction, weight)
        yield form_of(site, words.model.n_layers, taken) | {
            "ctx_idx": max(position, 0),
            "clerp": settings.labels.get(number, text),
            "influence": rank[number],
            "activation": float(graph.activation[number]),
            "token_prob": weight,
            "is_target_logit": kind == NodeKind.LOGIT,
            "run_idx": 0,
            "reverse_ctx_idx": 0,
        }


def _links(graph: AttributionGraph, names: list[str]) -> Iterator[dict[str, Any]]:
    source, target = graph.edge_index.tolist()
    for s, t, weight in zip(source, target, graph.direct_effect.tolist(), strict=True):
        yield {"source": names[s], "target": names[t], "weight": weight}


def _words(model: LanguageModel, ids: Int[Tensor, " pos"] | Sequence[str]) -> Words:
    """A text for each position, and the prompt."""
    if not isinstance(ids, Tensor):
        return Words(model, ids, " ".join(ids))
    tokens = [model.token_text(token) for token in ids.tolist()]
    return Words(model, tokens, model.tokenizer.decode(ids.tolist()))


def _metadata(words: Words, settings: ExportSettings) -> dict[str, Any]:
    created = settings.created_ms
    threshold = settings.pruning.get("node_threshold")
    return {
        "slug": settings.slug,
        "scan": settings.scan or words.model.name,
        "prompt_tokens": list(words.at),
        "prompt": words.prompt,
        "schema_version": 1,
        "transcoder_list": [],
        **({} if threshold is None else {"node_threshold": threshold}),
        "info": {
            "creator_name": GENERATOR,
            "generator": {"name": GENERATOR, "version": _version()},
            "create_time_ms": int(time.time() * 1000) if created is None else created,
        },
        "generation_settings": dict(settings.generation),
        "pruning_settings": dict(settings.pruning),
    }


def _version() -> str:
    try:
        return version("hagd-explorer")
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "unknown"


def _view(settings: ExportSettings, names: list[str]) -> dict[str, Any]:
    groups = [[label, *(names[n] for n in members)] for label, members in settings.groups.items()]
    return {
        "linkType": "both",
        "pinnedIds": list(dict.fromkeys(name for group in groups for name in group[1:])),
        "clickedId": "",
        "supernodes": groups,
        "sg_pos": "",
    }
