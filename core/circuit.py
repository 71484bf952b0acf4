"""A circuit: which features, at which layer and position, carry a behaviour.

1. A node has one written form everywhere (URL, JSON, command line, screen): ``L:P:F`` a feature,
   ``L0H2`` a head at every position, ``L0H2@4`` a head at one position, ``e:L:P`` an error,
   ``tok:P`` a token, ``pos:P`` a position embedding, ``out:V`` a logit.
2. Positions are *aligned at the right*: prompts of one task may differ in length, and the last
   token of each has the same aligned position.
3. A circuit is the ordered tuple of its feature nodes (strongest first) with the keys of what it
   was found on. Its mask is 1 at its nodes; everything else goes to its reference value.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from core.errors import FormatError, NodeError, UnknownSchemaError

T = TypeVar("T")

SCHEMA = "hagd-circuit/1"
"""Written into circuit.json; another number is refused."""


class FeatureNode(NamedTuple):
    """One transcoder feature at one layer and aligned position."""

    layer: int
    position: int
    feature: int

    def __str__(self) -> str:
        return f"{self.layer}:{self.position}:{self.feature}"


class HeadNode(NamedTuple):
    """One attention head, at one aligned position or (None) at all of them."""

    layer: int
    head: int
    position: int | None = None

    def __str__(self) -> str:
        place = "" if self.position is None else f"@{self.position}"
        return f"L{self.layer}H{self.head}{place}"


class ErrorNode(NamedTuple):
    """What the transcoder failed to reconstruct at one layer and aligned position."""

    layer: int
    position: int

    def __str__(self) -> str:
        return f"e:{self.layer}:{self.position}"


class TokenNode(NamedTuple):
    """The token embedding at one aligned position."""

    position: int

    def __str__(self) -> str:
        return f"tok:{self.position}"


class PositionNode(NamedTuple):
    """The position embedding at one aligned position."""

    position: int

    def __str__(self) -> str:
        return f"pos:{self.position}"


class LogitNode(NamedTuple):
    """The logit of one vocabulary entry at the last position."""

    token: int

    def __str__(self) -> str:
        return f"out:{self.token}"


Node = FeatureNode | HeadNode | ErrorNode | TokenNode | PositionNode | LogitNode

_FORMS: tuple[tuple[re.Pattern[str], Callable[..., Node]], ...] = (
    (re.compile(r"(\d{1,9}):(\d{1,9}):(\d{1,9})"), FeatureNode),
    (re.compile(r"L(\d{1,9})H(\d{1,9})(?:@(\d{1,9}))?"), HeadNode),
    (re.compile(r"e:(\d{1,9}):(\d{1,9})"), ErrorNode),
    (re.compile(r"tok:(\d{1,9})"), TokenNode),
    (re.compile(r"pos:(\d{1,9})"), PositionNode),
    (re.compile(r"out:(\d{1,9})"), LogitNode),
)


def parse_node(text: str) -> Node:
    """The node that `text` names.

    Raises:
        NodeError: If `text` has none of the written forms.
    """
    for form, kind in _FORMS:
        if found := form.fullmatch(text.strip()):
            return kind(*(None if part is None else int(part) for part in found.groups()))
    raise NodeError(
        f"Not a node id: got {text[:80]!r}. A node is a feature L:P:F (as 0:4:1183), a head "
        "L0H2 or L0H2@4, an error e:L:P, a token tok:P, a position pos:P or a logit out:V, "
        "all counted from 0. Write it in one of these forms."
    )


class Bounds(NamedTuple):
    """How many of each thing a model, its transcoders and a task have."""

    n_layers: int
    n_positions: int
    n_features: int
    n_heads: int
    n_vocab: int


_FIELD_BOUND = {
    "layer": "n_layers",
    "position": "n_positions",
    "feature": "n_features",
    "head": "n_heads",
    "token": "n_vocab",
}


def check_node(node: Node, bounds: Bounds) -> None:
    """Refuse a node that lies outside the model or the prompt.

    Raises:
        NodeError: Naming the field, what was got and the range.
    """
    for name, value in node._asdict().items():
        limit = getattr(bounds, _FIELD_BOUND[name])
        if value is not None and not 0 <= value < limit:
            raise NodeError(
                f"Node {node} has no such {name}: got {name} {value}, but it must be in "
                f"0..{limit - 1}. Choose a node inside the model and the prompt."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    """The features that carry a behaviour, with the keys of what they were found on."""

    nodes: tuple[FeatureNode, ...]
    """Strongest first; the first k are the circuit of size k. No node twice."""
    heads: tuple[HeadNode, ...] = ()
    """Heads kept live where heads are part of the circuit; empty = all heads live."""
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
        named: Sequence[Node] = (*self.nodes, *self.heads)
        # Ids, not the tuples: as tuples the feature 0:2:4 equals the head L0H2@4.
        seen: set[str] = set()
        for node in named:
            if str(node) in seen:
                raise NodeError(
                    f"Node {node} is in the circuit twice: {len(named)} nodes were given, and each "
                    "must be given once. Leave out the second."
                )
            seen.add(str(node))

    def mask(
        self, n_layers: int, n_positions: int, n_features: int
    ) -> Float[Tensor, "layer pos feature"]:
        """1 at the circuit's features, 0 elsewhere.

        Raises:
            NodeError: If a node lies outside the shape asked for.
        """
        bounds = Bounds(n_layers, n_positions, n_features, n_heads=0, n_vocab=0)
        for node in self.nodes:
            check_node(node, bounds)
        mask = torch.zeros(n_layers, n_positions, n_features)
        if self.nodes:
            mask[tuple(torch.tensor(self.nodes).T)] = 1.0
        return mask


def circuit_to_json(circuit: Circuit) -> dict[str, Any]:
    """The circuit as JSON values; `circuit_from_json` is its inverse."""
    return {
        "schema": SCHEMA,
        "model_key": circuit.model_key,
        "transcoder_key": circuit.transcoder_key,
        "task_key": circuit.task_key,
        "seed": circuit.seed,
        "settings": dict(circuit.settings),
        "nodes": [str(node) for node in circuit.nodes],
        "heads": [str(head) for head in circuit.heads],
    }


def circuit_from_json(data: Mapping[str, Any]) -> Circuit:
    """The circuit that `circuit_to_json` wrote.

    Raises:
        UnknownSchemaError: If the schema is not the one this version writes.
        FormatError: If a field is missing or of another type.
        NodeError: If a node id is not one.
    """
    if data.get("schema") != SCHEMA:
        raise UnknownSchemaError(
            f"The circuit has an unknown schema: got {data.get('schema')!r}, this version reads "
            f"{SCHEMA!r}. Open it with the version that wrote it, or run the pipeline again."
        )
    texts = {name: _field(data, name, str) for name in ("model_key", "transcoder_key", "task_key")}
    return Circuit(
        nodes=_nodes(data, "nodes", FeatureNode),
        heads=_nodes(data, "heads", HeadNode),
        seed=_field(data, "seed", int),
        settings=_field(data, "settings", dict),
        **texts,
    )


def _field(data: Mapping[str, Any], name: str, kind: type[T]) -> T:
    """`data[name]`, refused unless it is of `kind`."""
    value = data.get(name)
    if not isinstance(value, kind):
        raise FormatError(
            f"The circuit's field {name!r} is wrong: got {type(value).__name__}, required "
            f"{kind.__name__}. Write the file again."
        )
    return value


def _nodes(data: Mapping[str, Any], name: str, kind: type[T]) -> tuple[T, ...]:
    """The nodes of one kind listed under `name`."""
    nodes = []
    for text in _field(data, name, list):
        node = parse_node(str(text))
        if not isinstance(node, kind):
            raise FormatError(
                f"The circuit's {name!r} hold another kind of node: got {text!r}, required "
                f"{kind.__name__}. Write the file again."
            )
        nodes.append(node)
    return tuple(nodes)
