"""The parts of a bundle must agree; checked before it is written and after it is read.

1. The hierarchy has one leaf for each node of the circuit.
2. The graph has every node of the circuit; a head at all positions is there at one at least.
3. Circuit and provenance name the same model, transcoders and task.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.bundle import files
from core.bundle.checks import damaged
from core.bundle.contents import Bundle
from core.bundle.origin import PARTS
from core.circuit import Circuit, HeadNode, node_ids
from core.graph import AttributionGraph, NodeKind


def check_agreement(bundle: Bundle, path: Path) -> None:
    """Refuse parts that do not speak of the same nodes and the same model.

    Raises:
        FormatError: Naming the file at `path` that disagrees with circuit.json.
    """
    circuit, leaves = bundle.circuit, bundle.hierarchy.n_leaves
    if leaves != len(circuit.nodes):
        raise damaged(
            path / files.HIERARCHY,
            f"{leaves} leaves",
            f"the circuit's {len(circuit.nodes)} nodes",
        )
    lacking = set(map(str, circuit.nodes)) - _names(bundle.graph)
    if lacking:
        raise damaged(
            path / files.GRAPH,
            f"no node for {len(lacking)} of the circuit's nodes, {min(lacking)} among them",
            f"all {len(circuit.nodes)}, each once",
        )
    _check_keys(path, circuit, bundle.provenance)


def _names(graph: AttributionGraph) -> set[str]:
    """Ids of the graph's nodes; of its heads without their position too."""
    head = graph.of_kind(NodeKind.HEAD)
    rows = zip(graph.layer[head].tolist(), graph.index[head].tolist(), strict=True)
    return {*node_ids(graph), *(str(HeadNode(layer, index)) for layer, index in rows)}


def _check_keys(path: Path, circuit: Circuit, record: Mapping[str, Any]) -> None:
    keys = (circuit.model_key, circuit.transcoder_key, circuit.task_key)
    for part, key in zip(PARTS, keys, strict=True):
        if record[part]["key"] != key:
            got = f"{part} key {record[part]['key'][:12]!r}"
            raise damaged(path / files.PROVENANCE, got, f"circuit.json's {key[:12]!r}")
