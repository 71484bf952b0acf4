"""A circuit: which features, and which heads where they count, carry a behaviour.

1. A circuit is the ordered tuple of its nodes (strongest first) with the keys of what it was found
   on. The first k of them are the circuit of size k.
2. Features outside it are at their reference. What heads do is said, not guessed from the nodes:
   with `Attention.LIVE` all of them are live and none is a node; with `Attention.CIRCUIT` those
   among the nodes are live, and every other head is at its reference.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

from core.circuit.nodes import FeatureNode, GatedNode, HeadNode, parse_node
from core.errors import FormatError, NodeError, UnknownSchemaError

T = TypeVar("T")

PARTS = ("model", "transcoders", "task")
"""What every circuit is found on; a circuit holds the key of each."""
SCHEMA = "hagd-circuit/2"
"""Written into circuit.json."""
BEFORE = "hagd-circuit/1"
"""Read as well: there heads stood in a list of their own, and an empty list meant all heads."""


class Attention(StrEnum):
    """What attention heads do while a circuit runs."""

    LIVE = "live"
    """All are live: they recompute on what the circuit writes, and are no nodes of it."""
    CIRCUIT = "circuit"
    """The circuit's heads are live; every other head is at its reference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    """The nodes that carry a behaviour, with the keys of what they were found on."""

    nodes: tuple[GatedNode, ...]
    """Strongest first; the first k are the circuit of size k. No node twice."""
    attention: Attention = Attention.LIVE
    """Whether heads count: LIVE = all heads live and none among `nodes`; CIRCUIT = only those
    among `nodes` are live, so that a circuit without head nodes then has no live head at all."""
    model_key: str
    """`LanguageModel.key` of the model."""
    transcoder_key: str
    """`TranscoderSet.key` of the transcoders."""
    task_key: str
    """`Task.key` of the task."""
    seed: int
    """Seed of the run that found it."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the run, as JSON values."""

    def __post_init__(self) -> None:
        if self.heads and self.attention is Attention.LIVE:
            raise NodeError(
                f"Head {self.heads[0]} is named in a circuit whose attention is live: got "
                f"{len(self.heads)} heads, but with live attention all heads are live and none is "
                "a node. Leave the heads out, or say attention=Attention.CIRCUIT."
            )
        _check_once(self.nodes)

    @property
    def features(self) -> tuple[FeatureNode, ...]:
        """The features among the nodes, strongest first."""
        return tuple(node for node in self.nodes if isinstance(node, FeatureNode))

    @property
    def heads(self) -> tuple[HeadNode, ...]:
        """The heads among the nodes, strongest first."""
        return tuple(node for node in self.nodes if isinstance(node, HeadNode))


def _check_once(nodes: tuple[GatedNode, ...]) -> None:
    """Refuse a node that is given twice, as itself or as part of a whole head."""
    every = set(nodes)
    seen: set[GatedNode] = set()
    for node in nodes:
        whole = node._replace(position=None) if isinstance(node, HeadNode) else node
        if node in seen or (whole != node and whole in every):
            raise NodeError(
                f"Node {node} is in the circuit twice, once as {whole}: {len(nodes)} nodes were "
                "given, and each must be given once. Leave out the second."
            )
        seen.add(node)


def circuit_to_json(circuit: Circuit) -> dict[str, Any]:
    """The circuit as JSON values; `circuit_from_json` is its inverse."""
    return {
        "schema": SCHEMA,
        "model_key": circuit.model_key,
        "transcoder_key": circuit.transcoder_key,
        "task_key": circuit.task_key,
        "seed": circuit.seed,
        "settings": dict(circuit.settings),
        "attention": circuit.attention.value,
        "nodes": [str(node) for node in circuit.nodes],
    }


def circuit_from_json(data: Mapping[str, Any]) -> Circuit:
    """The circuit that `circuit_to_json` wrote, in this version or the one before.

    Raises:
        UnknownSchemaError: If the schema is not one that this version reads.
        FormatError: If a field is missing or of another type.
        NodeError: If a node id is not one, or the nodes do not go together.
    """
    if data.get("schema") not in (SCHEMA, BEFORE):
        raise UnknownSchemaError(
            f"The circuit has an unknown schema: got {data.get('schema')!r}, this version reads "
            f"{SCHEMA!r} and {BEFORE!r}. Open it with the version that wrote it, or run the "
            "pipeline again."
        )
    if data["schema"] == BEFORE:
        data = _from_before(data)
    texts = {name: _field(data, name, str) for name in ("model_key", "transcoder_key", "task_key")}
    return Circuit(
        nodes=_nodes(_field(data, "nodes", list)),
        attention=_attention(_field(data, "attention", str)),
        seed=_field(data, "seed", int),
        settings=_field(data, "settings", dict),
        **texts,
    )


def _from_before(data: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of this version for a circuit of the one before."""
    heads = _field(data, "heads", list)
    attention = Attention.CIRCUIT if heads else Attention.LIVE
    nodes = [*_field(data, "nodes", list), *heads]
    return {**data, "nodes": nodes, "attention": attention.value}


def _attention(text: str) -> Attention:
    known = [one.value for one in Attention]
    if text not in known:
        raise FormatError(
            f"The circuit's field 'attention' is wrong: got {text!r}, required one of "
            f"{', '.join(known)}. Write the file again."
        )
    return Attention(text)


def _field(data: Mapping[str, Any], name: str, kind: type[T]) -> T:
    """`data[name]`, refused unless it is of `kind`."""
    value = data.get(name)
    if not isinstance(value, kind):
        raise FormatError(
            f"The circuit's field {name!r} is wrong: got {type(value).__name__}, required "
            f"{kind.__name__}. Write the file again."
        )
    return value


def _nodes(texts: list[Any]) -> tuple[GatedNode, ...]:
    """The features and heads that are listed."""
    nodes = []
    for text in texts:
        node = parse_node(str(text))
        if not isinstance(node, FeatureNode | HeadNode):
            raise FormatError(
                f"The circuit's 'nodes' hold another kind of node: got {text!r}, required a "
                "feature L:P:F or a head L0H2 or L0H2@4. Write the file again."
            )
        nodes.append(node)
    return tuple(nodes)
