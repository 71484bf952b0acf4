"""The parts of a bundle must agree; checked before it is written and after it is read.

1. The hierarchy has one leaf for each node of the circuit.
2. The graph has every feature of the circuit.
3. Circuit and provenance name the same model, transcoders and task.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.bundle import files
from core.bundle.checks import damaged
from core.bundle.contents import Bundle
from core.bundle.origin import PARTS
from core.circuit import Circuit
from core.graph import NodeKind


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
    lacking = set(map(tuple, circuit.features)) - _graph_features(bundle)
    if lacking:
        raise damaged(
            path / files.GRAPH,
            f"no node for {len(lacking)} of the circuit's features",
            f"all {len(circuit.features)}, each once",
        )
    _check_keys(path, circuit, bundle.provenance)


def _graph_features(bundle: Bundle) -> set[tuple[int, int, int]]:
    graph = bundle.graph
    feature = graph.kind == int(NodeKind.FEATURE)
    columns = (graph.layer, graph.position, graph.index)
    return set(zip(*(column[feature].tolist() for column in columns), strict=True))


def _check_keys(path: Path, circuit: Circuit, record: Mapping[str, Any]) -> None:
    keys = (circuit.model_key, circuit.transcoder_key, circuit.task_key)
    for part, key in zip(PARTS, keys, strict=True):
        if record[part]["key"] != key:
            got = f"{part} key {record[part]['key'][:12]!r}"
            raise damaged(path / files.PROVENANCE, got, f"circuit.json's {key[:12]!r}")
