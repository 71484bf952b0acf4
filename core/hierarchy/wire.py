"""`hierarchy.json`: a tree and its edges as plain JSON.

    {"schema": "hagd-explorer/hierarchy/1", "order": [leaf, ...],
     "supernodes": [{"name": "all", "parent": null, "start": 0, "stop": 9}, ...],
     "edges": {"source": [...], "target": [...], "weight": [...]}}

Names are written for readers of the file and checked when it is read: they follow from the tree.
"""

from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, FiniteFloat, ValidationError

from core.errors import FormatError, UnknownSchemaError

SCHEMA = "hagd-explorer/hierarchy/1"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Supernode(_Strict):
    name: str
    parent: int | None
    start: int
    stop: int


class _Edges(_Strict):
    source: list[int]
    target: list[int]
    weight: list[FiniteFloat]


class _File(_Strict):
    schema_: str
    order: list[int]
    supernodes: list[_Supernode]
    edges: _Edges


def encode(arrays: dict[str, np.ndarray], names: tuple[str, ...]) -> dict[str, Any]:
    """Plain data from the constructor arrays of a `Hierarchy` and its names."""
    parent, start, stop = (arrays[key].tolist() for key in ("parent", "start", "stop"))
    rows = zip(names, parent, start, stop, strict=True)
    return {
        "schema": SCHEMA,
        "order": arrays["order"].tolist(),
        "supernodes": [
            {"name": n, "parent": p if p >= 0 else None, "start": a, "stop": b}
            for n, p, a, b in rows
        ],
        "edges": {
            "source": arrays["edge_index"][0].tolist(),
            "target": arrays["edge_index"][1].tolist(),
            "weight": [float(str(value)) for value in arrays["weight"].astype(np.float32)],
        },
    }


def decode(data: object) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """Constructor arrays and written names from plain data.

    Raises:
        UnknownSchemaError: If it was written by another version.
        FormatError: If a field is missing, unknown or of the wrong type.
    """
    if not isinstance(data, dict) or "schema" not in data:
        raise malformed("the file", type(data).__name__, f"an object with schema {SCHEMA!r}")
    if data["schema"] != SCHEMA:
        raise UnknownSchemaError(
            f"This hierarchy is of an unknown schema: got {data['schema']!r}; this version reads "
            f"{SCHEMA!r}. Use the version that wrote it, or run the pipeline again."
        )
    try:
        file = _File.model_validate({"schema_" if k == "schema" else k: v for k, v in data.items()})
    except ValidationError as problem:
        first = problem.errors()[0]
        place = ".".join(map(str, first["loc"])).replace("schema_", "schema")
        raise malformed(place, repr(first["input"])[:60], first["msg"]) from problem
    return _arrays(file), tuple(row.name for row in file.supernodes)


def _arrays(file: _File) -> dict[str, np.ndarray]:
    edges, rows = file.edges, file.supernodes
    if not len(edges.source) == len(edges.target) == len(edges.weight):
        raise malformed("edges", "lists of different lengths", "one entry per edge in each")
    parent = [-1 if row.parent is None else row.parent for row in rows]
    return {
        "parent": np.asarray(parent, dtype=np.int64),
        "start": np.asarray([row.start for row in rows], dtype=np.int64),
        "stop": np.asarray([row.stop for row in rows], dtype=np.int64),
        "order": np.asarray(file.order, dtype=np.int64),
        "edge_index": np.asarray([edges.source, edges.target], dtype=np.int64),
        "weight": np.asarray(edges.weight, dtype=np.float32).astype(np.float64),
    }


def malformed(where: str, got: str, required: str) -> FormatError:
    """A refusal that names the place in the file."""
    return FormatError(
        f"hierarchy.json is malformed at {where}: got {got}; required: {required}. Take an "
        "unaltered copy, or run the pipeline again."
    )
