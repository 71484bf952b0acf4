"""Direct effects into and out of a feature, with the sum that must close.

On a prompt on which the feature is active its own graph is used: there the incoming effects, biases
and the features outside the circuit together are the feature's pre-activation, and the gap says
how nearly. The largest of them are split by the head they run through. On any other prompt the
means of the task graph are shown, which need not close and run through no one pattern.
"""

from collections.abc import Mapping
from dataclasses import replace

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from core.attribution import Paths, Tokens, paths_at
from core.circuit import FeatureNode, GatedNode, node_ids
from core.features.contents import EdgeRow, Edges
from core.graph import AttributionGraph, NodeKind
from core.lab import Lab, PromptView


def place_in(graph: AttributionGraph, node: GatedNode) -> int | None:
    """Row of a feature or head in a graph; None where the graph lacks it."""
    kind, index = (
        (NodeKind.FEATURE, node.feature)
        if isinstance(node, FeatureNode)
        else (NodeKind.HEAD, node.head)
    )
    here = (graph.kind == int(kind)) & (graph.layer == node.layer) & (graph.index == index)
    here &= graph.position == (-1 if node.position is None else node.position)
    rows = here.nonzero().flatten().tolist()
    return rows[0] if rows else None


def edges_of(
    lab: Lab, prompt_graph: AttributionGraph | None, node: FeatureNode, view: PromptView
) -> Edges:
    """In- and out-edges of a feature, from the prompt's graph where it is in it."""
    if prompt_graph is not None:
        row = place_in(prompt_graph, node)
        if row is not None:
            value = lab.pre_activation(view.index, node)
            paths = _paths(lab, prompt_graph, row, view)
            return _edges(prompt_graph, row, lab.bundle.labels, view, value, paths)
    row = place_in(lab.bundle.graph, node)
    if row is None:
        return Edges(incoming=(), outgoing=(), total=0.0, gap=None, of="task")
    return _edges(lab.bundle.graph, row, lab.bundle.labels, view, None, {})


def paths_of(lab: Lab, node: str, prompt: int) -> Mapping[str, Paths]:
    """The largest edges at a node of a prompt's graph by the head they run through.

    Args:
        lab: Where it lives.
        node: Id of a feature of the circuit, an error, token, position or output.
        prompt: Number of the prompt.

    Returns:
        By the id of the other end; empty where the prompt's graph lacks the node.

    Raises:
        CoreError: If there is no such prompt, or it has no linear graph.
    """
    graph, view = lab.prompt_graph(prompt), lab.prompts[prompt]
    names = node_ids(graph)
    if node not in names:
        return {}
    row = names.index(node)
    found = _paths(lab, graph, row, view)
    ends = {edge: graph.edge_index[:, edge].tolist() for edge in found}
    return {names[sum(ends[edge]) - row]: paths for edge, paths in found.items()}


def _paths(lab: Lab, graph: AttributionGraph, row: int, view: PromptView) -> Mapping[int, Paths]:
    """By column of a prompt's graph, whose positions are aligned."""
    placed = replace(graph, position=graph.position - view.shift * (graph.position >= 0))
    targets = Tokens(ids=(view.answer_id, view.wrong_id))
    return paths_at(lab.model, lab.transcoders, torch.tensor(view.ids), placed, row, targets)


def _edges(
    graph: AttributionGraph,
    row: int,
    labels: Mapping[str, str],
    view: PromptView,
    value: float | None,
    paths: Mapping[int, Paths],
) -> Edges:
    """`value` is what the incoming effects must sum to, where they must."""
    source, target = graph.edge_index
    into, out = target == row, source == row
    total = float(graph.direct_effect[into].sum())
    gap = None if value is None else abs(total - value) / max(abs(value), 1e-6)
    return Edges(
        incoming=_rows(graph, source, into, labels, view, paths),
        outgoing=_rows(graph, target, out, labels, view, paths),
        total=total,
        gap=gap,
        of="task" if value is None else "prompt",
    )


def _rows(
    graph: AttributionGraph,
    ends: Int[Tensor, " edge"],
    chosen: Bool[Tensor, " edge"],
    labels: Mapping[str, str],
    view: PromptView,
    paths: Mapping[int, Paths],
) -> tuple[EdgeRow, ...]:
    """The chosen edges by their other ends, largest first."""
    rows, names = [], node_ids(graph)
    for edge in chosen.nonzero()[:, 0].tolist():
        name, effect = names[int(ends[edge])], float(graph.direct_effect[edge])
        text = node_text(name, labels, view)
        rows.append(EdgeRow(node=name, text=text, effect=effect, paths=paths.get(edge)))
    return tuple(sorted(rows, key=lambda edge: -abs(edge.effect)))


def node_text(node: str, labels: Mapping[str, str], view: PromptView) -> str:
    """A node's name for people: its label, its token, or its kind and place."""
    if node in labels:
        return labels[node]
    kind, _, rest = node.partition(":")
    match kind:
        case "tok":
            return f"token {_token(view, int(rest))}"
        case "pos":
            return f"position {rest}"
        case "bias":
            return f"bias L{rest}"
        case "e":
            layer, position = rest.split(":")
            return f"ε L{layer} at {_token(view, int(position))}"
        case "outside":
            return "outside the circuit"
        case "out":
            return _output(rest, view)
    return node


def _output(rest: str, view: PromptView) -> str:
    if rest == "direction":
        return "answer − wrong"
    known = {str(view.answer_id): view.answer, str(view.wrong_id): view.wrong}
    return f"{known.get(rest, rest)} direct"


def _token(view: PromptView, position: int) -> str:
    at = position - view.shift
    return view.tokens[at] if 0 <= at < len(view.tokens) else f"position {position}"
