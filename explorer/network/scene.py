"""A graph with its tree of supernodes, as the explorer draws and inspects it.

A `Scene` is read once from a bundle's task graph or from the graph of one prompt. Its leaves are
the graph's nodes; the tree stands over the circuit's features. Arrays are numpy, ids are written.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Float, Int

from core.bundle import Bundle
from core.circuit import GatedNode, node_ids, node_table
from core.graph import AttributionGraph, NodeKind
from core.hierarchy import Hierarchy

KIND_NAMES: Mapping[int, str] = {
    NodeKind.FEATURE: "feature",
    NodeKind.HEAD: "head",
    NodeKind.ERROR: "error",
    NodeKind.TOKEN: "token",
    NodeKind.POSITION: "position",
    NodeKind.BIAS: "bias",
    NodeKind.LOGIT: "logit",
}


JOINT = " · "
"""Between the parts of a supernode's label, the more general first."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """A graph as the canvas reads it; arrays are over the graph's nodes (leaves)."""

    key: str
    """Names the content; part of the key under which the browser keeps what it was sent."""
    title: str
    ids: tuple[str, ...]
    """Written form of each node, as `0:4:1183` or `L0H2@4`."""
    kind: tuple[str, ...]
    """Name of its NodeKind in small letters."""
    layer: Int[np.ndarray, " node"]
    position: Int[np.ndarray, " node"]
    activation: Float[np.ndarray, " node"]
    edge_index: Int[np.ndarray, "2 edge"]
    weight: Float[np.ndarray, " edge"]
    tokens: tuple[str, ...]
    """Text at each aligned position."""
    n_layers: int
    labels: Mapping[str, str] = field(default_factory=dict)
    """Names of nodes and supernodes by id; for logits their token."""
    tree: Hierarchy | None = None
    """Supernodes over `tree_leaf`; None for a graph without a hierarchy."""
    tree_leaf: Int[np.ndarray, " leaf"] = field(default_factory=lambda: np.zeros(0, np.int64))
    """Node of each leaf of the tree; -1 where this prompt is too short to have it."""
    lead: str = ""
    """Id of the logit that is the answer."""

    @property
    def strength(self) -> Float[np.ndarray, " node"]:
        """Σ |effect| over the edges of each node; ranks what is folded first."""
        size = np.abs(self.weight)
        n = len(self.ids)
        return np.bincount(self.edge_index[0], size, n) + np.bincount(self.edge_index[1], size, n)

    @property
    def direct(self) -> Float[np.ndarray, " node"]:
        """Direct effect of each node on the answer."""
        into = self.edge_index[1] == (-1 if (lead := self.place(self.lead)) is None else lead)
        return np.bincount(self.edge_index[0][into], self.weight[into], len(self.ids))

    def members(self, name: str) -> Int[np.ndarray, " member"]:
        """Nodes in a supernode."""
        if self.tree is None:
            return np.zeros(0, np.int64)
        leaves = self.tree_leaf[self.tree.members(self.tree.find(name))]
        return leaves[leaves >= 0]

    def short_label(self, name: str) -> str:
        """A supernode's label without what the one it lies in says already.

        "k = 1, 5" for "result · k = 1, 5" inside "result · k = 1, 5, 24"; never nothing.
        """
        parts = self.labels.get(name, "").split(JOINT)
        if self.tree is None or name not in self.tree.name:
            return JOINT.join(parts)
        above = int(self.tree.parent[self.tree.find(name)])
        known = self.labels.get(self.tree.name[above], "").split(JOINT) if above > 0 else []
        while len(parts) > 1 and known and parts[0] == known.pop(0):
            parts = parts[1:]
        return JOINT.join(parts)

    def place(self, node: str) -> int | None:
        """Number of a node, or None."""
        return self.ids.index(node) if node in self.ids else None

    def knows(self, node: str) -> bool:
        """Whether an id from a link names something here."""
        return node in self.ids or (self.tree is not None and node in self.tree.name[1:])


def scene_of_graph(
    graph: AttributionGraph,
    *,
    key: str,
    title: str,
    tokens: Sequence[str],
    token_text: Mapping[int, str] | None = None,
    labels: Mapping[str, str] | None = None,
    tree: Hierarchy | None = None,
    tree_nodes: Sequence[GatedNode] = (),
) -> Scene:
    """A scene from an attribution graph of one prompt or one task.

    Args:
        tokens: Text at each aligned position.
        token_text: Text of the vocabulary entries among the logits.
        labels: Names of nodes and supernodes.
        tree: Hierarchy over `tree_nodes`, its leaves.
    """
    kind, layer, index = graph.kind.tolist(), graph.layer.tolist(), graph.index.tolist()
    ids = node_ids(graph)
    names = dict(labels or {})
    for node, entry in zip(ids, index, strict=True):
        if node.startswith("out:"):
            names[node] = (token_text or {}).get(entry, str(entry)) if entry >= 0 else "answer"
    known = {node: i for i, node in enumerate(ids)}
    leaves = [known.get(str(node), -1) for node in tree_nodes]
    logits = [i for i, node in enumerate(ids) if node.startswith("out:")]
    weight = graph.logit_weight.tolist()
    return Scene(
        key=key,
        title=title,
        ids=ids,
        kind=tuple(KIND_NAMES[k] for k in kind),
        layer=graph.layer.numpy(),
        position=graph.position.numpy(),
        activation=graph.activation.numpy(),
        edge_index=graph.edge_index.numpy(),
        weight=graph.direct_effect.numpy().astype(np.float64),
        tokens=tuple(tokens),
        n_layers=max([0, *(v + 1 for v, k in zip(layer, kind, strict=True) if k in (0, 1, 2))]),
        labels=names,
        tree=tree,
        tree_leaf=np.array(leaves, dtype=np.int64),
        lead=ids[max(logits, key=lambda i: weight[i])] if logits else "",
    )


def with_silent(graph: AttributionGraph, nodes: Sequence[GatedNode]) -> AttributionGraph:
    """The graph with a node of activation 0 for each node of a circuit that it lacks.

    A feature that is silent on a prompt, or a head that carries nothing there, is not in its graph;
    a reader still counts and opens it.
    """
    known = set(node_ids(graph))
    lacking = [node for node in nodes if str(node) not in known]
    if not lacking:
        return graph
    kind, layer, position, index = node_table(lacking).T
    none = torch.zeros(len(lacking))
    return replace(
        graph,
        kind=torch.cat([graph.kind, kind]),
        layer=torch.cat([graph.layer, layer]),
        position=torch.cat([graph.position, position]),
        index=torch.cat([graph.index, index]),
        activation=torch.cat([graph.activation, none]),
        logit_weight=torch.cat([graph.logit_weight, none]),
    )


def scene_of_bundle(
    bundle: Bundle,
    *,
    key: str,
    tokens: Sequence[str],
    graph: AttributionGraph | None = None,
    token_text: Mapping[int, str] | None = None,
    lead: str | None = None,
) -> Scene:
    """The scene of a circuit: its task graph, or `graph` of one prompt, under its own tree.

    Args:
        key: Different for every circuit and prompt.
        tokens: Text, or role, at each aligned position.
        graph: One prompt's graph with aligned positions.
        token_text: Text of the vocabulary entries among the logits.
        lead: Id of the logit that is the answer; by default the heaviest.
    """
    made = scene_of_graph(
        with_silent(graph or bundle.graph, bundle.circuit.nodes),
        key=key,
        title=bundle.title,
        tokens=tokens,
        token_text=token_text,
        labels=bundle.labels,
        tree=bundle.hierarchy,
        tree_nodes=bundle.circuit.nodes,
    )
    return replace(made, lead=lead) if lead in made.ids else made
