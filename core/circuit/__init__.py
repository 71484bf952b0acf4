"""Circuits, the nodes they are made of, and how both are written.

What leads to a graph's columns needs torch, and is imported when it is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from core.circuit.circuit import (
    PARTS,
    SCHEMA,
    Attention,
    Circuit,
    circuit_from_json,
    circuit_to_json,
)
from core.circuit.nodes import (
    BiasNode,
    Bounds,
    ErrorNode,
    FeatureNode,
    GatedNode,
    HeadNode,
    LogitNode,
    Node,
    OutsideNode,
    PositionNode,
    TokenNode,
    check_node,
    parse_node,
)

if TYPE_CHECKING:
    from core.circuit.columns import (
        gated_nodes,
        leaf_numbers,
        node_id,
        node_ids,
        node_of,
        node_table,
    )

__all__ = [
    "PARTS",
    "SCHEMA",
    "Attention",
    "BiasNode",
    "Bounds",
    "Circuit",
    "ErrorNode",
    "FeatureNode",
    "GatedNode",
    "HeadNode",
    "LogitNode",
    "Node",
    "OutsideNode",
    "PositionNode",
    "TokenNode",
    "check_node",
    "circuit_from_json",
    "circuit_to_json",
    "gated_nodes",
    "leaf_numbers",
    "node_id",
    "node_ids",
    "node_of",
    "node_table",
    "parse_node",
]
_COLUMNS = ("gated_nodes", "leaf_numbers", "node_id", "node_ids", "node_of", "node_table")


def __getattr__(name: str) -> Any:
    """A name of `_COLUMNS`, imported now (PEP 562)."""
    if name not in _COLUMNS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.columns"), name)
