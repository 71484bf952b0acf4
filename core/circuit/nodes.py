"""Nodes, and the one written form that each of them has.

1. A node has one written form everywhere (URL, JSON, command line, screen): ``L:P:F`` a feature,
   ``L0H2`` a head at every position, ``L0H2@4`` a head at one position, ``e:L:P`` an error,
   ``tok:P`` a token, ``pos:P`` a position embedding, ``bias:L`` the constants of one block,
   ``outside`` what is left out, ``out:V`` a logit, ``out:direction`` a direction of logits.
2. Positions are *aligned at the right*: prompts of one task may differ in length, and the last
   token of each has the same aligned position.
3. Nodes of two kinds are never equal, whatever their numbers: the feature 0:2:4 is not the head
   L0H2@4, and no node is a plain tuple.

Graphs hold nodes as columns instead: `core.circuit.columns` leads from one form to the other.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from core.errors import NodeError


def _same(one: tuple[object, ...], other: object, /) -> bool:
    """Equality of two nodes: of one kind, with the same numbers."""
    return type(one) is type(other) and tuple.__eq__(one, other)


def _differ(one: tuple[object, ...], other: object, /) -> bool:
    return not _same(one, other)


class FeatureNode(NamedTuple):
    """One transcoder feature at one layer and aligned position."""

    layer: int
    position: int
    feature: int

    __eq__, __ne__, __hash__ = _same, _differ, tuple.__hash__

    def __str__(self) -> str:
        return f"{self.layer}:{self.position}:{self.feature}"


class HeadNode(NamedTuple):
    """One attention head, at one aligned position or (None) at all of them."""

    layer: int
    head: int
    position: int | None = None

    __eq__, __ne__, __hash__ = _same, _differ, tuple.__hash__

    def __str__(self) -> str:
        place = "" if self.position is None else f"@{self.position}"
        return f"L{self.layer}H{self.head}{place}"


class ErrorNode(NamedTuple):
    """What the transcoder failed to reconstruct at one layer and aligned position."""

    layer: int
    position: int

    __eq__, __ne__, __hash__ = _same, _differ, tuple.__hash__

    def __str__(self) -> str:
        return f"e:{self.layer}:{self.position}"


class TokenNode(NamedTuple):
    """The token embedding at one aligned position."""

    position: int

    __eq__, __ne__, __hash__ = _same, _differ, tuple.__hash__

    def __str__(self) -> str:
        return f"tok:{self.position}"


class PositionNode(NamedTuple):
    """The position embedding at one aligned position."""

    position: int

    __eq__, __ne__, __hash__ = _same, _differ, tuple.__hash__

    def __str__(self) -> str:
        return f"pos:{self.position}"


class BiasNode(NamedTuple):
    """Everything constant that one block adds; the layer after the last: norm and unembedding."""

    layer: int

    __eq__, __ne__, __hash__ = _same, _differ, tuple.__hash__

    def __str__(self) -> str:
        return f"bias:{self.layer}"


class OutsideNode(NamedTuple):
    """All features and heads that a graph leaves out, as one node."""

    __eq__, __ne__, __hash__ = _same, _differ, tuple.__hash__

    def __str__(self) -> str:
        return "outside"


class LogitNode(NamedTuple):
    """The logit of one vocabulary entry at the last position, or (None) a direction of logits."""

    token: int | None

    __eq__, __ne__, __hash__ = _same, _differ, tuple.__hash__

    def __str__(self) -> str:
        return f"out:{'direction' if self.token is None else self.token}"


GatedNode = FeatureNode | HeadNode
"""What a circuit is made of: nodes that can be live or at their reference."""
Node = GatedNode | ErrorNode | TokenNode | PositionNode | BiasNode | OutsideNode | LogitNode

_FORMS: tuple[tuple[re.Pattern[str], Callable[..., Node]], ...] = (
    (re.compile(r"(\d{1,9}):(\d{1,9}):(\d{1,9})"), FeatureNode),
    (re.compile(r"L(\d{1,9})H(\d{1,9})(?:@(\d{1,9}))?"), HeadNode),
    (re.compile(r"e:(\d{1,9}):(\d{1,9})"), ErrorNode),
    (re.compile(r"tok:(\d{1,9})"), TokenNode),
    (re.compile(r"pos:(\d{1,9})"), PositionNode),
    (re.compile(r"bias:(\d{1,9})"), BiasNode),
    (re.compile(r"outside"), OutsideNode),
    (re.compile(r"out:(?:(\d{1,9})|direction)"), LogitNode),
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
