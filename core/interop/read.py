"""Graph JSON of others (circuit-tracer, Neuronpedia) as our graph.

1. Refuse what cannot be read: names used twice, links to nodes that are not there, links in a
   circle, unknown schema versions and node types. `core.interop.file` has refused what is too
   large or no JSON.
2. A feature's index comes from its name, or from the Cantor pairing of schema version 1.
3. Nothing is recomputed: weights, activations and probabilities are the file's. Producers differ
   in what a weight means, so the producer is kept, with a note where it is known to matter.

Labels are other people's text, kept as they are: escape them wherever they are shown.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from core.errors import UnknownSchemaError
from core.graph import AttributionGraph, NodeKind
from core.interop.cycles import Links, find_cycle
from core.interop.fields import end, finite, node_id, part, refuse, whole
from core.interop.ids import (
    BIAS_ID,
    ELEUTHER_ID,
    FEATURE_ID,
    GENERATOR,
    POSITION_ID,
    TOKEN_ID,
    from_cantor,
    repeated,
)

MOST_TOLD = 8
"""Nodes of a cycle that are named."""
MOST_WORDS = 10
"""Promoted tokens kept of a node."""
KNOWN_SCHEMAS = (None, 1)
"""`metadata.schema_version`: absent (Neuronpedia) or 1 (circuit-tracer)."""
KINDS = {
    "cross layer transcoder": NodeKind.FEATURE,
    "transcoder": NodeKind.FEATURE,
    "lorsa": NodeKind.FEATURE,
    "unexplored node": NodeKind.FEATURE,
    "mlp reconstruction error": NodeKind.ERROR,
    "lorsa error": NodeKind.ERROR,
    "embedding": NodeKind.TOKEN,
    "logit": NodeKind.LOGIT,
    "bias": NodeKind.BIAS,
}
"""Node types in files."""
NOT_IN_BLOCKS = [int(NodeKind.LOGIT), int(NodeKind.BIAS)]
"""Kinds whose layer says nothing about the number of blocks."""
PROBABILITY = re.compile(r"\(p=(\d{1,20}(?:\.\d{1,20})?)\)")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImportedGraph:
    """A graph from a file, with what the file says about it."""

    graph: AttributionGraph
    """Nodes and edges in the file's order."""
    node_ids: tuple[str, ...]
    """The file's name of each node."""
    labels: tuple[str, ...]
    """The file's label of each node; untrusted text."""
    groups: dict[str, tuple[int, ...]]
    """Supernodes drawn by hand: label to node numbers."""
    pinned: tuple[int, ...]
    """Nodes pinned by hand (`pinnedIds`)."""
    promoted: dict[int, tuple[str, ...]]
    """Tokens that a node promotes, where the file says (`top_logits`); untrusted text."""
    tokens: tuple[str, ...]
    """The prompt's tokens; untrusted text."""
    prompt: str
    """The prompt; untrusted text."""
    scan: str
    """The file's name of model and dictionary."""
    producer: str
    """Program that wrote the file; "unknown" where it does not say."""
    notes: tuple[str, ...]
    """What a reader should know about these numbers, as sentences."""


def from_neuronpedia(data: Any) -> ImportedGraph:
    """A graph from JSON values.

    Raises:
        FormatError: If a part is missing or of another type, a name is used twice, a link ends at
            a node that is not there, links make a cycle, a weight is not finite or a node type is
            not known.
        UnknownSchemaError: If `schema_version` is not known.
    """
    metadata, nodes, links = (
        part(data, name, kind)
        for name, kind in (("metadata", dict), ("nodes", list), ("links", list))
    )
    version = metadata.get("schema_version")
    if version not in KNOWN_SCHEMAS:
        raise UnknownSchemaError(
            f"The graph has schema_version {version!r}; versions none and 1 are known. "
            "Export it in one of these."
        )
    names = [node_id(node, place) for place, node in enumerate(nodes)]
    if twice := repeated(names):
        used = "1 node name is" if len(twice) == 1 else f"{len(twice)} node names are"
        refuse(
            f"{used} used more than once ({', '.join(twice[:5])})",
            "name each node once; circuit-tracer gives an error the name of a layer-0 feature "
            "whose index is the error's layer",
        )
    number = {name: place for place, name in enumerate(names)}
    return ImportedGraph(
        graph=_graph(nodes, links, number, version),
        node_ids=tuple(names),
        labels=tuple(map(_label, nodes)),
        groups=_groups(data.get("qParams"), number),
        pinned=_pinned(data.get("qParams"), number),
        promoted={i: words for i, node in enumerate(nodes) if (words := _promoted(node))},
        tokens=tuple(map(str, part(metadata, "prompt_tokens", list))),
        prompt=part(metadata, "prompt", str),
        scan=str(metadata.get("scan", "")),
        producer=_producer(metadata),
        notes=_notes(names, _producer(metadata)),
    )


def _graph(
    nodes: list[Any], links: list[Any], number: Mapping[str, int], version: int | None
) -> AttributionGraph:
    rows = [_row(node, name, version) for node, name in zip(nodes, number, strict=True)]
    kind, layer, position, index = torch.tensor(rows, dtype=torch.int64).view(-1, 4).T.contiguous()
    is_logit = kind == int(NodeKind.LOGIT)
    below = layer[~torch.isin(kind, torch.tensor(NOT_IN_BLOCKS))]
    top = int(below.max()) if len(below) else -1
    # circuit-tracer puts logits two layers above the last block, others one.
    layer = torch.where(is_logit, (layer - 1).clamp(min=top + 1), layer)
    chance = [
        _probability(node) if logit else 0.0 for node, logit in zip(nodes, is_logit, strict=True)
    ]
    weight = torch.tensor(chance)
    if is_logit.any() and not weight.any():
        weight = is_logit.float()
    ends = [[end(link, side, number) for link in links] for side in ("source", "target")]
    _check_acyclic(list(zip(*ends, strict=True)), list(number))
    return AttributionGraph(
        kind=kind,
        layer=layer,
        position=position,
        index=index,
        activation=torch.tensor([finite(node, "activation", 1.0) for node in nodes]),
        logit_weight=weight,
        edge_index=torch.tensor(ends, dtype=torch.int64).view(2, -1),
        direct_effect=torch.tensor([finite(link, "weight", None) for link in links]),
    )


def _check_acyclic(links: Links, names: list[str]) -> None:
    cycle = [names[node] for node in find_cycle(len(names), links)]
    if cycle:
        shown = " -> ".join([*cycle[:MOST_TOLD], *(["..."] if cycle[MOST_TOLD:] else []), cycle[0]])
        refuse(
            f"Links run in a circle ({shown}), and effects in an attribution graph never do",
            "leave out the links that lead back",
        )


def _row(node: Mapping[str, Any], name: str, version: int | None) -> tuple[int, int, int, int]:
    """Kind, layer, position and index of one node."""
    what = node.get("feature_type")
    if not isinstance(what, str) or what not in KINDS:
        refuse(
            f"Node {name} has the type {what!r}; known are {', '.join(KINDS)}",
            "leave such nodes out",
        )
    kind, position = KINDS[what], whole(node, "ctx_idx", name, least=0)
    layer = -1 if node.get("layer") == "E" else whole(node, "layer", name)
    if kind is NodeKind.FEATURE:
        return kind, layer, position, _feature(node, name, layer, position, version)
    if kind is NodeKind.TOKEN:
        found = TOKEN_ID.fullmatch(name)
        return kind, layer, position, int(found[1]) if found else -1
    if kind is NodeKind.LOGIT:
        return kind, layer, position, whole(node, "feature", name)
    if kind is NodeKind.BIAS:
        if POSITION_ID.fullmatch(name):
            return NodeKind.POSITION, -1, position, -1
        own = BIAS_ID.fullmatch(name)  # ours are at all positions, which the format cannot say
        if own:
            is_rest = own[1] == "rest"
            return kind, -1 if is_rest else layer, -1, 0 if is_rest else -1
    return kind, layer, position, -1


def _feature(
    node: Mapping[str, Any], name: str, layer: int, position: int, version: int | None
) -> int:
    found = FEATURE_ID.fullmatch(name)
    if found and (int(found[1]), int(found[3])) == (layer, position):
        return int(found[2])
    value = whole(node, "feature", name)
    if value >= 0 and version == 1:
        paired_layer, feature = from_cantor(value)
        if paired_layer == layer:
            return feature
    return value


def _probability(node: Mapping[str, Any]) -> float:
    if "token_prob" in node:
        return finite(node, "token_prob", 0.0)
    found = PROBABILITY.search(str(node.get("clerp", "")))
    return finite({"p": float(found[1])}, "p", None) if found else 0.0


def _groups(view: Any, number: Mapping[str, int]) -> dict[str, tuple[int, ...]]:
    """Supernodes whose members are in the file; what is malformed is no group."""
    groups = view.get("supernodes") if isinstance(view, Mapping) else None
    found: dict[str, tuple[int, ...]] = {}
    for group in groups if isinstance(groups, list) else []:
        if isinstance(group, list) and len(group) > 1 and isinstance(group[0], str):
            members = (number.get(name) for name in group[1:] if isinstance(name, str))
            found[group[0]] = tuple(member for member in members if member is not None)
    return found


def _pinned(view: Any, number: Mapping[str, int]) -> tuple[int, ...]:
    """Pinned nodes that are in the file, each once."""
    names = view.get("pinnedIds") if isinstance(view, Mapping) else None
    names = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
    return tuple(number[name] for name in dict.fromkeys(names) if name in number)


def _label(node: Mapping[str, Any]) -> str:
    """What the file calls a node: a person's words before a machine's."""
    fields = ("ppClerp", "localClerp", "clerp", "remoteClerp")
    found = (node.get(name) for name in fields)
    return next((text for text in found if isinstance(text, str) and text.strip()), "")


def _promoted(node: Mapping[str, Any]) -> tuple[str, ...]:
    words = node.get("top_logits")
    words = words[:MOST_WORDS] if isinstance(words, list) else []
    return tuple(word for word in words if isinstance(word, str))


def _producer(metadata: Mapping[str, Any]) -> str:
    info = metadata.get("info")
    generator = info.get("generator") if isinstance(info, Mapping) else None
    name = generator.get("name") if isinstance(generator, Mapping) else None
    return str(name) if name else "unknown"


def _notes(names: list[str], producer: str) -> tuple[str, ...]:
    if producer == GENERATOR or not any(ELEUTHER_ID.fullmatch(name) for name in names):
        return ()
    return (
        "Names look like those of EleutherAI's `attribute`, whose weights from features are not "
        "multiplied by the feature's activation.",
    )
