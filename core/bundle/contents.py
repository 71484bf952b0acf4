"""What a result bundle holds, in memory; on disk it is the seven files of `files`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from core.circuit import Circuit
from core.graph import AttributionGraph
from core.hierarchy import Hierarchy


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
