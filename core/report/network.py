"""The circuit's graph and tree as data for the page's script.

1. Nodes by column: id, kind, layer, position, activation, label.
2. The strongest edges (`MOST_EDGES`), by source: how many each node has, how far each target is
   from the one before, and the direct effect in millionths of the strongest (`edges_data`); the
   script sums them between whatever is drawn as one.
3. The tree: name, label and parent of each supernode, and the place in the graph of each leaf.

Nothing is drawn here: opening a supernode needs sums for any set of boxes, so all edges go along.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from core.circuit import Circuit, node_ids
from core.graph import AttributionGraph, NodeKind
from core.hierarchy import Hierarchy
from core.report.cards import Card, cards_data

MOST_EDGES = 60_000
"""Edges written; a page of 1 MB opens at once and can be sent by mail."""

FINEST = 1_000_000
"""Steps between nothing and the strongest effect."""


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
    return {
        "ids": list(ids),
        "kind": [NodeKind(kind).name.lower() for kind in graph.kind.tolist()],
        "layer": graph.layer.tolist(),
        "position": graph.position.tolist(),
        "activation": [_short(value) for value in graph.activation.tolist()],
        "label": [labels.get(name, "") for name in ids],
        "roles": list(roles),
        "edges": edges_data(graph),
        "left_out": max(0, graph.n_edges - MOST_EDGES),
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


def edges_data(graph: AttributionGraph) -> Mapping[str, Any]:
    """The strongest edges in few characters: a page has tens of thousands of them.

    Returns:
        `count` edges of each node as a source, one after another; `step` from the target before
        (from 0 at each new source); `effect` as whole multiples of `unit`.
    """
    kept = graph.direct_effect.abs().argsort(descending=True, stable=True)[:MOST_EDGES]
    source, target = graph.edge_index[:, kept].numpy()
    order = np.lexsort((target, source))
    source, target, effect = source[order], target[order], graph.direct_effect[kept].numpy()[order]
    unit = _short(float(np.abs(effect).max(initial=0.0)) / FINEST) or 1.0
    first = np.diff(source, prepend=-1) != 0
    before = np.where(first, 0, np.roll(target, 1))
    return {
        "count": np.bincount(source, minlength=len(graph.kind)).tolist(),
        "step": (target - before).tolist(),
        "unit": unit,
        "effect": np.rint(effect / unit).astype(int).tolist(),
    }


def _short(value: float) -> float:
    return float(f"{value:.3g}")
