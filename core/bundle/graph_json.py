"""A task graph as JSON columns: nodes by id, edges by row number, float32 written exactly."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.errors import FormatError, UnknownSchemaError
from core.graph import AttributionGraph

SCHEMA = "hagd-task-graph/1"
"""Written into graph.json; another one is refused."""
_WHOLE = ("kind", "layer", "position", "index")
_REAL = ("activation", "logit_weight")


def graph_to_json(graph: AttributionGraph) -> dict[str, Any]:
    """The graph as JSON values; `graph_from_json` is its inverse, bit for bit."""
    source, target = graph.edge_index.tolist()
    nodes = {name: getattr(graph, name).tolist() for name in _WHOLE}
    nodes |= {name: _exact(getattr(graph, name)) for name in _REAL}
    edges = {
        "source": source,
        "target": target,
        "direct_effect": _exact(graph.direct_effect),
    }
    return {"schema": SCHEMA, "nodes": nodes, "edges": edges}


def graph_from_json(data: Mapping[str, Any]) -> AttributionGraph:
    """The graph that `graph_to_json` wrote.

    Raises:
        UnknownSchemaError: If the schema is not the one this version writes.
        FormatError: If a column is missing, of another length, or names a node that is not there.
    """
    if data.get("schema") != SCHEMA:
        raise UnknownSchemaError(
            f"The graph has an unknown schema: got {data.get('schema')!r}, this version reads "
            f"{SCHEMA!r}. Open it with the version that wrote it, or run the pipeline again."
        )
    nodes, edges = _part(data, "nodes"), _part(data, "edges")
    n_nodes, n_edges = _length(nodes, "kind"), _length(edges, "source")
    ends = [_column(edges, name, torch.int64, n_edges) for name in ("source", "target")]
    edge_index = torch.stack(ends)
    if n_edges and not (int(edge_index.min()) >= 0 and int(edge_index.max()) < n_nodes):
        raise FormatError(
            f"The graph has edges to nodes that are not there: it has {n_nodes} nodes, but its "
            f"edges name {int(edge_index.min())}..{int(edge_index.max())}. Write the file again."
        )
    return AttributionGraph(
        **{name: _column(nodes, name, torch.int64, n_nodes) for name in _WHOLE},
        **{name: _column(nodes, name, torch.float32, n_nodes) for name in _REAL},
        edge_index=edge_index,
        direct_effect=_column(edges, "direct_effect", torch.float32, n_edges),
    )


def _exact(values: Tensor) -> list[float]:
    """The shortest decimals that read back to the same float32; half the size of float64's."""
    return [float(str(value)) for value in values.numpy().astype(np.float32)]


def _part(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The object of columns under `name`."""
    part = data.get(name)
    if not isinstance(part, dict):
        raise FormatError(
            f"The graph has no {name!r}: got {type(part).__name__}, required an object of columns. "
            "Write the file again."
        )
    return part


def _length(part: Mapping[str, Any], name: str) -> int:
    """How many rows the column has; 0 where it is not a list, which `_column` then refuses."""
    column = part.get(name)
    return len(column) if isinstance(column, list) else 0


def _column(part: Mapping[str, Any], name: str, dtype: torch.dtype, length: int) -> Tensor:
    """One column as a tensor, refused unless it is `length` finite numbers."""
    column = part.get(name)
    kinds = (int,) if dtype == torch.int64 else (int, float)
    got = column if isinstance(column, list) else []
    if column is not got or len(got) != length or not all(type(value) in kinds for value in got):
        raise FormatError(
            f"The graph's column {name!r} is wrong: required {length} numbers of type "
            f"{'int' if dtype == torch.int64 else 'float'}, got "
            f"{len(column) if isinstance(column, list) else type(column).__name__}. "
            "Write the file again."
        )
    return torch.tensor(column, dtype=dtype)
