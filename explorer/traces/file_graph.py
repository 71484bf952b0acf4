"""The graph of another program as the network draws it.

1. What its author drew is shown: nodes in groups and pinned ones. Where there are none, the graph
   is pruned to what can be read; one with a cycle, or without outputs, by the size of its edges.
2. Groups become the supernodes of a tree of one level; a node in several stays in the first.
3. Ids are written as ours; where a file has several nodes of one id, the later ones get a number.

Texts are other people's: they are cut here, and escaped wherever they are shown.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from core.errors import GraphError
from core.graph import NodeKind, subgraph
from core.hierarchy import Hierarchy
from core.interop import ImportedGraph
from explorer.network.scene import Scene, scene_of_graph
from explorer.traces.tracing import MOST_SHOWN, readable

MOST_LABEL = 80
"""Letters of a node's or group's label."""
MOST_TOKEN = 32
ENDS = (NodeKind.TOKEN, NodeKind.LOGIT)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
_OUTPUT = re.compile(r'Output "(.*)" \(p=[\d.]+\)', re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FileGraph:
    """What a page shows of an imported graph."""

    found: ImportedGraph
    scene: Scene
    number: tuple[int, ...]
    """Of each node of the scene, its number in the file."""
    shown: str
    """How the nodes were chosen, as a sentence."""


def file_graph(found: ImportedGraph, key: str) -> FileGraph:
    """The scene of an imported graph; `key` names its content."""
    nodes, edges, shown = _chosen(found)
    graph = subgraph(found.graph, nodes, edges)
    number = nodes.nonzero()[:, 0].tolist()
    made = scene_of_graph(
        graph,
        key=f"file.{key}",
        title=cut(found.prompt),
        tokens=[cut(token, MOST_TOKEN) for token in found.tokens],
    )
    ids = _unique(made.ids)
    labels = {node: _name(found, i) for node, i in zip(ids, number, strict=True)}
    tree, leaves, names = _tree(found, number)
    logits = np.flatnonzero(np.array(made.kind) == "logit")
    weight = graph.logit_weight.numpy()
    lead = ids[logits[weight[logits].argmax()]] if len(logits) else ""
    scene = replace(
        made,
        ids=ids,
        labels={node: text for node, text in labels.items() if text} | names,
        tree=tree,
        tree_leaf=leaves,
        lead=lead,
    )
    return FileGraph(found=found, scene=scene, number=tuple(number), shown=shown)


def cut(text: str, most: int = MOST_LABEL) -> str:
    """Other people's text on one line, not longer than there is room for."""
    text = _CONTROL.sub(" ", text[: 4 * most])
    return text if len(text) <= most else text[: most - 1] + "…"


def _chosen(found: ImportedGraph) -> tuple[Bool[Tensor, " node"], Bool[Tensor, " edge"], str]:
    """Which nodes and edges of the file are shown, and how they were chosen."""
    graph = found.graph
    every = torch.ones(graph.n_edges, dtype=torch.bool)
    drawn = [*dict.fromkeys(i for group in found.groups.values() for i in group), *found.pinned]
    if len(set(drawn) - set(graph.of_kind(*ENDS).nonzero()[:, 0].tolist())) > 1:
        nodes = graph.of_kind(*ENDS)
        nodes[torch.tensor(drawn[: 2 * MOST_SHOWN])] = True
        return nodes, every, "Shown: what its author grouped or pinned."
    try:
        pruned, share = readable(graph)
    except GraphError:
        size = graph.direct_effect.double().abs()
        total = torch.zeros(graph.n_nodes, dtype=torch.float64)
        for ends in graph.edge_index:
            total.index_add_(0, ends, size)
        nodes = graph.of_kind(*ENDS)
        nodes[total.topk(min(MOST_SHOWN, graph.n_nodes)).indices] = True
        return nodes, every, "Shown: the nodes with the largest edges."
    return pruned.nodes, pruned.edges, f"Shown: the nodes that hold {share:.0%} of influence."


def _unique(ids: Sequence[str]) -> tuple[str, ...]:
    """Ids of which none is there twice."""
    seen: dict[str, int] = {}
    made = list[str]()
    for name in ids:
        seen[name] = again = seen.get(name, 0) + 1
        made.append(name if again == 1 else f"{name}.{again}")  # no written id has a dot
    return tuple(made)


def _name(found: ImportedGraph, number: int) -> str:
    """A node's label; of an output its token."""
    label = found.labels[number]
    output = _OUTPUT.fullmatch(label[: 8 * MOST_LABEL])
    return cut(output[1] if output else label)


def _tree(
    found: ImportedGraph, number: Sequence[int]
) -> tuple[Hierarchy | None, np.ndarray, dict[str, str]]:
    """Groups as a tree over the shown nodes, the node of each leaf, and the groups' labels."""
    place = {i: at for at, i in enumerate(number)}
    held: set[int] = set()
    groups: list[tuple[str, list[int]]] = []
    for label, members in found.groups.items():
        fresh = [place[i] for i in dict.fromkeys(members) if i in place and i not in held]
        held.update(members)
        if fresh:
            groups.append((cut(label), fresh))
    if not groups:
        return None, np.zeros(0, np.int64), {}
    stops = np.cumsum([len(members) for _, members in groups])
    starts = stops - [len(members) for _, members in groups]
    tree = Hierarchy(
        parent=np.array([-1, *[0] * len(groups)]),
        start=np.array([0, *starts]),
        stop=np.array([stops[-1], *stops]),
        order=np.arange(stops[-1]),
        edge_index=np.zeros((2, 0), np.int64),
        weight=np.zeros(0),
    )
    leaves = np.array([node for _, members in groups for node in members])
    return tree, leaves, dict(zip(tree.name[1:], (label for label, _ in groups), strict=True))
