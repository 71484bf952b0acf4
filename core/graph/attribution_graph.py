"""The graph of one prompt (or of one task): nodes, and signed direct effects between them.

Sparse edges follow PyG: `edge_index` row 0 is the source, row 1 the target. The dense form follows
circuit-tracer: `[target source]`. `AttributionGraph.dense` is the one conversion between the two.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import IntEnum
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Int
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from core.errors import FormatError, GraphError, UnknownSchemaError

SCHEMA = "hagd-graph/1"
"""Written into the file's metadata; a file that names another one is refused."""


class NodeKind(IntEnum):
    """What a node stands for."""

    FEATURE = 0
    """Active transcoder feature at one layer and position."""
    HEAD = 1
    """Attention head at one layer and position."""
    ERROR = 2
    """What the transcoder failed to reconstruct at one layer and position."""
    TOKEN = 3
    """Token embedding at one position."""
    POSITION = 4
    """Learned position embedding at one position."""
    BIAS = 5
    """Everything constant that one layer adds (index -1), or features and heads left out (0)."""
    LOGIT = 6
    """Output token, or a direction in logit space (index -1)."""


LEAVES = (NodeKind.ERROR, NodeKind.TOKEN, NodeKind.POSITION, NodeKind.BIAS)
"""Kinds that nothing inside the graph explains: they have no incoming edge."""
LEFT_OUT = {"kind": int(NodeKind.BIAS), "layer": -1, "position": -1, "index": 0}
"""Columns of the one node that stands for all features and heads left out of a graph."""
INPUTS = (NodeKind.TOKEN, NodeKind.POSITION)
"""Leaves that are the prompt itself."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AttributionGraph:
    """Direct effects between features, errors, inputs, constants and logits."""

    kind: Int[Tensor, " node"]
    """NodeKind of each node."""
    layer: Int[Tensor, " node"]
    """Block; -1 for embeddings and what is left out, the number of blocks for logits."""
    position: Int[Tensor, " node"]
    """Token position; -1 for nodes that are at all positions (BIAS)."""
    index: Int[Tensor, " node"]
    """Feature, head or vocabulary id; -1 where there is none (BIAS: see NodeKind)."""
    activation: Float[Tensor, " node"]
    """Features: activation. Logits: the value that is explained. Others: 1."""
    logit_weight: Float[Tensor, " node"]
    """Probability (or 1 for a direction) on logit nodes, 0 elsewhere."""
    edge_index: Int[Tensor, "2 edge"]
    """Row 0 source, row 1 target."""
    direct_effect: Float[Tensor, " edge"]
    """Signed; units of the target's pre-activation, or of logits for logit targets."""

    def __post_init__(self) -> None:
        if not self.n_edges:
            return
        low, high = int(self.edge_index.min()), int(self.edge_index.max())
        if low < 0 or high >= self.n_nodes:
            raise GraphError(
                f"An edge leaves the graph: node numbers run from {low} to {high}, but they must "
                f"be in 0..{self.n_nodes - 1}. Renumber the edges together with the nodes."
            )

    @property
    def n_nodes(self) -> int:
        return self.kind.shape[0]

    @property
    def n_edges(self) -> int:
        return self.edge_index.shape[1]

    def of_kind(self, *kinds: NodeKind) -> Bool[Tensor, " node"]:
        """Whether each node is of one of these kinds."""
        return torch.isin(self.kind, torch.tensor([int(k) for k in kinds]))

    @property
    def left_out(self) -> Bool[Tensor, " node"]:
        """Which node, if any, stands for the features and heads left out."""
        here = (self.kind == LEFT_OUT["kind"]) & (self.layer == LEFT_OUT["layer"])
        return here & (self.index == LEFT_OUT["index"])

    def dense(self) -> Float[Tensor, "target source"]:
        """The square matrix of direct effects; parallel edges are summed."""
        matrix = self.direct_effect.new_zeros(self.n_nodes, self.n_nodes)
        source, target = self.edge_index
        return matrix.index_put_((target, source), self.direct_effect, accumulate=True)


def subgraph(
    graph: AttributionGraph,
    nodes: Bool[Tensor, " node"],
    edges: Bool[Tensor, " edge"] | None = None,
) -> AttributionGraph:
    """The chosen nodes, in the same order, with the chosen edges between them."""
    source, target = graph.edge_index
    inside = nodes[source] & nodes[target]
    if edges is not None:
        inside = inside & edges
    number = nodes.cumsum(0) - 1
    return AttributionGraph(
        kind=graph.kind[nodes],
        layer=graph.layer[nodes],
        position=graph.position[nodes],
        index=graph.index[nodes],
        activation=graph.activation[nodes],
        logit_weight=graph.logit_weight[nodes],
        edge_index=number[graph.edge_index[:, inside]],
        direct_effect=graph.direct_effect[inside],
    )


def save_graph(
    graph: AttributionGraph, path: str | Path, extra: Mapping[str, Tensor] | None = None
) -> None:
    """Writes every node and edge as `graph.safetensors`: one tensor a field, under its name.

    Args:
        graph: What is written.
        path: Where.
        extra: Further tensors, under names that no field has; `load_graph` passes them over.
    """
    tensors = {f.name: getattr(graph, f.name).contiguous() for f in fields(graph)}
    beside = {name: tensor.contiguous() for name, tensor in (extra or {}).items()}
    save_file({**beside, **tensors}, Path(path), metadata={"schema": SCHEMA})


def load_graph(path: str | Path) -> AttributionGraph:
    """Reads what `save_graph` wrote; `logit_weight` may be missing (then all logits weigh 1).

    Raises:
        FormatError: If the file is not safetensors, lacks a field or the shapes do not fit.
        UnknownSchemaError: If another program version wrote it.
    """
    try:
        with safe_open(str(path), framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise FormatError(
            f"{path} cannot be read as a graph: {error}. A complete graph.safetensors is required; "
            "write it again with `hagd graph --full`."
        ) from None
    if metadata.get("schema", SCHEMA) != SCHEMA:
        raise UnknownSchemaError(
            f"{path} has schema {metadata['schema']!r}; this version reads {SCHEMA!r}. "
            "Open it with the version that wrote it."
        )
    return _from_tensors(tensors, path)


def _from_tensors(tensors: dict[str, Tensor], path: str | Path) -> AttributionGraph:
    required = {f.name for f in fields(AttributionGraph)} - {"logit_weight"}
    if lacking := sorted(required - set(tensors)):
        raise FormatError(
            f"{path} is not a graph: it holds {', '.join(sorted(tensors)) or 'nothing'}, and lacks "
            f"{', '.join(lacking)}. Write it again with `hagd graph --full`."
        )
    if "logit_weight" not in tensors:
        is_logit = tensors["kind"] == int(NodeKind.LOGIT)
        tensors["logit_weight"] = is_logit.to(tensors["activation"].dtype)
    sizes = {tuple(tensors[name].shape) for name in required if not name.startswith(("edge", "di"))}
    n_edges = tensors["direct_effect"].shape
    if len(sizes) != 1 or tensors["edge_index"].shape != (2, *n_edges):
        shapes = {name: list(tensor.shape) for name, tensor in tensors.items()}
        raise FormatError(
            f"{path} is not a graph: its tensors have shapes {shapes}; one value for each node and "
            "one for each edge are required. Write it again with `hagd graph --full`."
        )
    names = {f.name for f in fields(AttributionGraph)}
    return AttributionGraph(**{name: t for name, t in tensors.items() if name in names})
