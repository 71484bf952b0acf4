"""Nodes as graphs hold them: columns (kind, layer, position, index), -1 where a node has none."""

from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Int
from torch import Tensor

from core.circuit.nodes import (
    BiasNode,
    ErrorNode,
    FeatureNode,
    GatedNode,
    HeadNode,
    LogitNode,
    Node,
    OutsideNode,
    PositionNode,
    TokenNode,
)
from core.errors import NodeError
from core.graph import AttributionGraph, NodeKind


def node_of(kind: int, layer: int, position: int, index: int) -> Node:
    """The node that a row of a graph's columns stands for; -1 is none (a head: all positions)."""
    match NodeKind(kind):
        case NodeKind.FEATURE:
            return FeatureNode(layer, position, index)
        case NodeKind.HEAD:
            return HeadNode(layer, index, None if position < 0 else position)
        case NodeKind.ERROR:
            return ErrorNode(layer, position)
        case NodeKind.TOKEN:
            return TokenNode(position)
        case NodeKind.POSITION:
            return PositionNode(position)
        case NodeKind.BIAS:
            return BiasNode(layer) if index < 0 else OutsideNode()
        case NodeKind.LOGIT:
            return LogitNode(None if index < 0 else index)


def gated_nodes(rows: Int[Tensor, "node 4"]) -> tuple[GatedNode, ...]:
    """The inverse of `node_table`.

    Raises:
        NodeError: If a row is neither a feature nor a head.
    """
    found = tuple(node_of(*row) for row in rows.tolist())
    for node in found:
        if not isinstance(node, FeatureNode | HeadNode):
            raise NodeError(
                f"A circuit cannot hold {node}: got a row of kind {type(node).__name__}, required "
                "features and heads. Leave the row out."
            )
    return tuple(node for node in found if isinstance(node, FeatureNode | HeadNode))


def node_id(kind: int, layer: int, position: int, index: int) -> str:
    """The written form of a row of a graph's columns."""
    return str(node_of(kind, layer, position, index))


def node_ids(graph: AttributionGraph) -> tuple[str, ...]:
    """The written form of every node of a graph, in its order."""
    columns = (graph.kind, graph.layer, graph.position, graph.index)
    return tuple(map(node_id, *(column.tolist() for column in columns)))


def leaf_numbers(graph: AttributionGraph, circuit: Sequence[GatedNode]) -> Int[Tensor, " node"]:
    """For each node of a graph its number in the circuit, by which trees call it; −1 if outside."""
    number = {str(node): leaf for leaf, node in enumerate(circuit)}
    return torch.tensor([number.get(name, -1) for name in node_ids(graph)], dtype=torch.long)


def node_table(nodes: Iterable[GatedNode]) -> Int[Tensor, "node 4"]:
    """(kind, layer, position, index) of each node; `node_of` leads back."""
    rows = [
        (NodeKind.FEATURE, *node)
        if isinstance(node, FeatureNode)
        else (NodeKind.HEAD, node.layer, -1 if node.position is None else node.position, node.head)
        for node in nodes
    ]
    return torch.tensor(rows, dtype=torch.long).reshape(-1, 4)
