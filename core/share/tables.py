"""A bundle's graph as tables: CSV for spreadsheets and pandas, GraphML for Gephi and networkx.

Nodes carry the ids used everywhere (`L:P:F`, `e:L:P`, `tok:P`, …), whether they are in the circuit
and at what rank, and their label; edges the mean direct effect over prompts and, where the bundle
has them, its other statistics. A cell that a spreadsheet would run as a formula is quoted.
"""

import csv
import io
from collections.abc import Mapping
from typing import Any

from core.bundle import Bundle
from core.circuit import node_ids
from core.graph import NodeKind

NodeRow = dict[str, Any]
EdgeRow = dict[str, Any]
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_files(bundle: Bundle) -> Mapping[str, bytes]:
    """nodes.csv and edges.csv."""
    nodes = node_rows(bundle)
    edges = edge_rows(bundle, [row["id"] for row in nodes])
    return {"nodes.csv": _csv(nodes), "edges.csv": _csv(edges)}


def graphml(bundle: Bundle) -> bytes:
    """One GraphML file."""
    import networkx

    graph = networkx.DiGraph(name=bundle.title)
    for row in node_rows(bundle):
        graph.add_node(row.pop("id"), **{k: v for k, v in row.items() if v is not None})
    for row in edge_rows(bundle, list(graph)):
        graph.add_edge(row.pop("source"), row.pop("target"), **row)
    out = io.BytesIO()
    networkx.write_graphml(graph, out)
    return out.getvalue()


def node_rows(bundle: Bundle) -> list[NodeRow]:
    """One table row a node."""
    graph, ranks = bundle.graph, {str(n): i + 1 for i, n in enumerate(bundle.circuit.nodes)}
    names = node_ids(graph)
    return [
        {
            "id": name,
            "kind": NodeKind(int(graph.kind[i])).name.lower(),
            "layer": int(graph.layer[i]),
            "position": int(graph.position[i]),
            "index": int(graph.index[i]),
            "activation": float(graph.activation[i]),
            "rank": ranks.get(name),
            "label": bundle.labels.get(name),
        }
        for i, name in enumerate(names)
    ]


def edge_rows(bundle: Bundle, names: list[str]) -> list[EdgeRow]:
    """One table row an edge, with every column of the bundle that has one value an edge."""
    graph = bundle.graph
    extra = {
        key.removeprefix("edge."): column.tolist()
        for key, column in bundle.tensors.items()
        if key.startswith("edge.") and column.shape == graph.direct_effect.shape
    }
    effects = graph.direct_effect.tolist()
    return [
        {
            "source": names[source],
            "target": names[target],
            "direct_effect": effects[i],
            **{key: column[i] for key, column in extra.items()},
        }
        for i, (source, target) in enumerate(graph.edge_index.T.tolist())
    ]


def _csv(rows: list[dict[str, Any]]) -> bytes:
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, fieldnames=list(rows[0]) if rows else ["source", "target"])
    writer.writeheader()
    writer.writerows({key: _cell(value) for key, value in row.items()} for row in rows)
    return file.getvalue().encode()


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
