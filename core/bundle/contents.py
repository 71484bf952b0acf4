"""What a result bundle holds, in memory.

A bundle is a folder of seven files: circuit.json (nodes, name, labels), hierarchy.json, graph.json
(the task graph restricted to the circuit), validation.json, provenance.json (what it was made from,
and a checksum of every other file; circuit.json has its own), tensors.safetensors and report.html.
JSON and safetensors only.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from core.circuit import Circuit
from core.graph import AttributionGraph
from core.hierarchy import Hierarchy
from core.verdicts import Verdict

CIRCUIT = "circuit.json"
HIERARCHY = "hierarchy.json"
GRAPH = "graph.json"
VALIDATION = "validation.json"
PROVENANCE = "provenance.json"
TENSORS = "tensors.safetensors"
REPORT = "report.html"
FILES = (CIRCUIT, HIERARCHY, GRAPH, VALIDATION, PROVENANCE, TENSORS, REPORT)

VERDICTS = tuple(verdict.value for verdict in Verdict)
"""What `validation.json` may say."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bundle:
    """One finished circuit with everything needed to browse it."""

    path: Path | None = None
    """The folder it was opened from; None before it is written."""
    name: str
    """Short, unique in a library; used in links."""
    title: str
    """What a person reads, as "a + b mod 59 · gpt2-mini"."""
    circuit: Circuit
    """The answer."""
    hierarchy: Hierarchy
    """Tree of supernodes; leaf i is `circuit.nodes[i]`."""
    graph: AttributionGraph
    """Task graph of the circuit's features and the leaves (tokens, positions, biases, errors)
    and logits; positions aligned; `direct_effect` is the mean over prompts."""
    validation: Mapping[str, Any]
    """validation.json: `verdict`, `reasons` and the test split's figures with their controls."""
    provenance: Mapping[str, Any]
    """provenance.json: `model`, `transcoders`, `task` (each `ref` and `key`), `settings`, ..."""
    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    """Further columns, as "edge.mean_abs" [edge] or "node.frequency" [node]."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Name of a node or supernode by its id; a person's label replaces an automatic one."""
    missing: tuple[str, ...] = ()
    """Sentences, one per part that could not be found; without them the Lab cannot run."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BundleInfo:
    """The head of a bundle, cheap to read; `error` says why it cannot be opened."""

    path: Path
    """Its folder."""
    name: str
    """Its name; the folder's name where the head could not be read."""
    title: str = ""
    """Its title."""
    model: str = ""
    """Reference of the model."""
    task: str = ""
    """Reference of the task."""
    n_nodes: int = 0
    """Features in the circuit."""
    verdict: str = ""
    """One of `VERDICTS`; empty where damaged."""
    created: str = ""
    """ISO 8601 time, UTC."""
    validation: Mapping[str, Any] = field(default_factory=dict)
    """The whole of validation.json: intervals, random band, curve."""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """The whole of provenance.json."""
    error: str | None = None
    """Why it cannot be opened, in words; None when its head is sound."""
