"""The circuit's graph and tree as data for the page's script.

1. Nodes by column: id, kind, layer, position, activation, label.
2. The strongest edges (`MOST_EDGES`) as source, target and direct effect; the script sums them
   between whatever is drawn as one.
3. The tree: name, label and parent of each supernode, and the place in the graph of each leaf.

Nothing is drawn here: opening a supernode needs sums for any set of boxes, so all edges go along.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from core.circuit import Circuit, node_ids
from core.graph import AttributionGraph, NodeKind
from core.hierarchy import Hierarchy
from core.report.cards import Card, cards_data

MOST_EDGES = 60_000
"""Edges written; a page of 2 MB opens at once and can be sent by mail."""


def network_data(
    circuit: Circuit,
    graph: AttributionGraph,
    hierarchy: Hierarchy,
    labels: Mapping[str, str],
    roles: Sequence[str],
    cards: Sequence[Card],
) -> Mapping[str, Any]:
    """Everything the script needs, as JSON values."""
    ids = node_ids(graph)
    place = {name: number for number, name in enumerate(ids)}
    source, target, effect, cut = _edges(graph)
    return {
        "ids": list(ids),
        "kind": [NodeKind(kind).name.lower() for kind in graph.kind.tolist()],
        "layer": graph.layer.tolist(),
        "position": graph.position.tolist(),
        "activation": [_short(value) for value in graph.activation.tolist()],
        "label": [labels.get(name, "") for name in ids],
        "roles": list(roles),
        "source": source,
        "target": target,
        "effect": effect,
        "left_out": cut,
        "names": list(hierarchy.name),
        "said": [labels.get(name, "") for name in hierarchy.name],
        "parent": hierarchy.parent.tolist(),
        "start": hierarchy.start.tolist(),
        "stop": hierarchy.stop.tolist(),
        "order": [place.get(str(circuit.nodes[leaf]), -1) for leaf in hierarchy.order.tolist()],
        "cards": cards_data(cards),
    }


def script_json(data: Mapping[str, Any]) -> str:
    """JSON that may stand inside a script element: no text in it can end the element."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _edges(graph: AttributionGraph) -> tuple[list[int], list[int], list[float], int]:
    cut = max(0, graph.n_edges - MOST_EDGES)
    kept = graph.direct_effect.abs().argsort(descending=True, stable=True)[:MOST_EDGES]
    source, target = graph.edge_index[:, kept].tolist()
    return source, target, [_short(value) for value in graph.direct_effect[kept].tolist()], cut


def _short(value: float) -> float:
    return float(f"{value:.3g}")
