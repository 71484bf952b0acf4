"""Opens a bundle, checking every file.

1. provenance.json says which files there are and their sha256: each is compared; circuit.json has
   the sha256 of what provenance.json says (bundles written before that was kept have not).
2. Each JSON file is read to its own type, which checks every field and range.
3. The files must agree: the tree's leaves are the circuit's nodes, in order.
Whatever is wrong is a `FormatError` that names the file.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from core.bundle import files
from core.bundle.agreement import check_agreement
from core.bundle.checks import (
    check_seal,
    damaged,
    parse,
    read_as,
    record_of,
    text_of,
    validation_of,
    verified,
)
from core.bundle.contents import Bundle
from core.bundle.files import FILES
from core.bundle.graph_json import graph_from_json
from core.bundle.origin import missing_parts
from core.bundle.tree_json import tree_from_json
from core.circuit import circuit_from_json


def open_bundle(folder: str | Path) -> Bundle:
    """Reads and checks a bundle.

    A model, transcoders or task that is not on this computer is no error: `missing` names it, and
    the bundle can be browsed.

    Raises:
        UnknownSchemaError: If a file was written to a schema this version does not know.
        FormatError: If a file is missing, damaged, altered or disagrees with another.
    """
    path = Path(folder)
    record = record_of(path)
    raw = {name: verified(path, name, record) for name in FILES if name != files.PROVENANCE}
    head = parse(path / files.CIRCUIT, raw[files.CIRCUIT])
    check_seal(path, head, record)
    circuit = read_as(path / files.CIRCUIT, circuit_from_json, head)
    hierarchy_json = parse(path / files.HIERARCHY, raw[files.HIERARCHY])
    graph_json = parse(path / files.GRAPH, raw[files.GRAPH])
    graph = read_as(path / files.GRAPH, graph_from_json, graph_json)
    tree = partial(tree_from_json, circuit=circuit, graph=graph)
    bundle = Bundle(
        path=path,
        name=text_of(path / files.CIRCUIT, head, "name"),
        title=text_of(path / files.CIRCUIT, head, "title"),
        circuit=circuit,
        hierarchy=read_as(path / files.HIERARCHY, tree, hierarchy_json),
        graph=graph,
        validation=validation_of(path, raw[files.VALIDATION]),
        provenance=record,
        tensors=_tensors(path / files.TENSORS, raw[files.TENSORS]),
        labels=_labels(path / files.CIRCUIT, head),
        missing=missing_parts(record, path),
    )
    check_agreement(bundle, path)
    return bundle


def _labels(path: Path, head: Mapping[str, Any]) -> dict[str, str]:
    labels = head.get("labels")
    if not isinstance(labels, dict) or not all(isinstance(text, str) for text in labels.values()):
        raise damaged(path, f"labels {labels!r}"[:80], "an object of texts by node id")
    return labels


def _tensors(path: Path, data: bytes) -> dict[str, Tensor]:
    try:
        return load(data)
    except (SafetensorError, ValueError, KeyError) as error:
        raise damaged(path, f"bytes that are not safetensors ({error})", "safetensors") from None
