"""`hierarchy.json` of a bundle: the tree, its edges by reference.

The edges between the circuit's nodes stand in graph.json already. A tree that has just these, as
every one that a run cuts has, is written with `"edges": "graph.json"`; any other with its own. The
two files are shorter then, and cannot disagree.
"""

from typing import Any

import numpy as np

from core.bundle.files import GRAPH
from core.circuit import Circuit, leaf_numbers
from core.graph import AttributionGraph
from core.hierarchy import Hierarchy

NO_EDGES = {"source": [], "target": [], "weight": []}


def tree_to_json(tree: Hierarchy, circuit: Circuit, graph: AttributionGraph) -> dict[str, Any]:
    """The tree as JSON values; `tree_from_json` is its inverse."""
    ends, weight = _edges(circuit, graph)
    if np.array_equal(ends, tree.edge_index) and np.array_equal(weight, tree.weight):
        return tree.with_edges(ends[:, :0], weight[:0]).to_json() | {"edges": GRAPH}
    return tree.to_json()


def tree_from_json(data: Any, circuit: Circuit, graph: AttributionGraph) -> Hierarchy:
    """The tree that `tree_to_json` wrote.

    Raises:
        FormatError: If it is not a hierarchy (UnknownSchemaError: of another version).
    """
    if not isinstance(data, dict) or data.get("edges") != GRAPH:
        return Hierarchy.from_json(data)
    tree = Hierarchy.from_json(data | {"edges": NO_EDGES})
    # A tree of another circuit stays without edges; check_agreement refuses it.
    return tree.with_edges(*_edges(circuit, graph)) if tree.n_leaves == len(circuit.nodes) else tree


def _edges(circuit: Circuit, graph: AttributionGraph) -> tuple[np.ndarray, np.ndarray]:
    """The graph's edges between the circuit's nodes, by leaf: leaf i is node i."""
    ends = leaf_numbers(graph, circuit.nodes)[graph.edge_index]
    kept = (ends >= 0).all(0)
    return ends[:, kept].numpy(), graph.direct_effect[kept].double().numpy()
