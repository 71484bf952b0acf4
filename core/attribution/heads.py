"""Which attention heads carry an edge.

A path from source to target may pass several heads; it is counted for the *last* one before the
target, so that the parts add up to the edge exactly:

    edge = direct + Σ over (layer, head) of the paths whose last head it is

`direct` is the path through no head at all: the residual stream at one position, with the affine
skips of transcoders that have one.

1. Carry each source up through the frozen model; keep the residual it makes at every layer.
2. Carry each target down to every layer without attention (only its own position, only skips).
3. A head's part is the product of the two through that head alone, with its frozen pattern.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.attribution.ends import (
    Features,
    Readers,
    Writers,
    active_features,
    errors,
    writers,
)
from core.attribution.frozen import Frozen, FrozenLayer, freeze
from core.attribution.targets import SALIENT, TargetChoice, choose_targets
from core.errors import GraphError
from core.graph import AttributionGraph, NodeKind
from core.models import LanguageModel
from core.transcoders import TranscoderSet

SOURCES = (NodeKind.FEATURE, NodeKind.ERROR, NodeKind.TOKEN, NodeKind.POSITION)
"""Kinds that write one vector at one position."""
TARGETS = (NodeKind.FEATURE, NodeKind.LOGIT)
"""Kinds that read one direction at one position."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeadSplit:
    """Edges as sums over the last head that carries them; units of the target."""

    direct: Float[Tensor, " edge"]
    """Through no head."""
    heads: Float[Tensor, "edge layer head"]
    """Through paths whose last head is this one; 0 at and above layers the target cannot see."""

    @property
    def total(self) -> Float[Tensor, " edge"]:
        """The edges themselves, up to rounding."""
        return self.direct + self.heads.sum((1, 2))


def split_by_head(
    model: LanguageModel,
    transcoders: TranscoderSet,
    ids: Int[Tensor, " pos"],
    graph: AttributionGraph,
    edges: Int[Tensor, " edge"],
    targets: TargetChoice = SALIENT,
) -> HeadSplit:
    """Splits chosen edges of a prompt's graph; work and memory grow with their distinct sources.

    Args:
        model: The model of the graph.
        transcoders: The transcoders of the graph.
        ids: The prompt of the graph.
        graph: From `build_graph` on this prompt, pruned or not.
        edges: Columns of `graph.edge_index`.
        targets: As given to `build_graph`; the order of the graph's logit nodes.

    Raises:
        GraphError: If an edge starts at a constant, which is spread over all layers and positions,
            or starts or ends at a node that has no one place to write or read, say a head.
    """
    frozen = freeze(model, transcoders, ids)
    source, target = graph.edge_index[:, edges]
    _check_ends(graph, source, target)
    sources, from_source = source.unique(return_inverse=True)
    ends, to_end = target.unique(return_inverse=True)
    with torch.no_grad():
        below = _without_attention(frozen, graph, ends, targets)[:, to_end]
        writes = _writes(frozen, graph, sources)
        later = _later_writes(frozen, graph, sources)
        same_place = graph.position[source] == graph.position[target]
        place = graph.layer[source] + 1
        direct = (below[place, torch.arange(len(edges))] * writes[from_source]).sum(1)
        for number, write in later.items():
            direct = direct + (below[number + 1] * write[from_source]).sum(1)
        direct = direct * same_place
        origin = graph.layer[sources], graph.position[sources]
        steps = _head_outputs(frozen, writes, later, *origin)
        parts = []
        for number, (layer, outputs) in enumerate(steps):
            gradient = below[number + int(model.parallel)] @ layer.folded.output.T
            reached = outputs[from_source, graph.position[target]]
            parts.append((reached * gradient.view_as(reached)).sum(2))
    return HeadSplit(direct=direct, heads=torch.stack(parts, dim=1))


def _check_ends(
    graph: AttributionGraph, source: Int[Tensor, " edge"], target: Int[Tensor, " edge"]
) -> None:
    """Refuse edges whose ends do not write, or read, one vector at one place."""
    if (graph.kind[source] == int(NodeKind.BIAS)).any():
        raise GraphError(
            "Some of the edges start at a constant, which enters at every position and has no one "
            "path to split. Edges must start at features, errors, tokens or positions. "
            "Leave out edges from BIAS nodes."
        )
    for nodes, known, where in ((source, SOURCES, "start"), (target, TARGETS, "end")):
        wrong = nodes[~graph.of_kind(*known)[nodes]]
        if len(wrong):
            kind = NodeKind(int(graph.kind[wrong[0]])).name
            raise GraphError(
                f"Edges of this kind cannot be split by head: got one that {where}s at node "
                f"{int(wrong[0])}, a {kind}; they must {where} at one of "
                f"{', '.join(one.name for one in known)}. Leave those edges out."
            )


def _writes(
    frozen: Frozen, graph: AttributionGraph, nodes: Int[Tensor, " source"]
) -> Float[Tensor, "source d_model"]:
    """What each source writes at its own position."""
    active = active_features(frozen)
    every = writers(frozen, active, errors(frozen, active), None)
    found = torch.empty(len(nodes), frozen.model.d_model)
    for place, node in enumerate(nodes.tolist()):
        found[place] = _write(every, graph, node)
    return found


def _later_writes(
    frozen: Frozen, graph: AttributionGraph, nodes: Int[Tensor, " source"]
) -> dict[int, Float[Tensor, "source d_model"]]:
    """What each source also writes after each layer above its own; empty in a per-layer set."""
    found = {}
    is_feature = graph.kind[nodes] == int(NodeKind.FEATURE)
    for number in range(1, frozen.model.n_layers if frozen.transcoders.crosses else 0):
        found[number] = torch.zeros(len(nodes), frozen.model.d_model)
        for lower in range(number):
            mine = is_feature & (graph.layer[nodes] == lower)
            rows = frozen.transcoders.writes(lower, graph.index[nodes[mine]], number)
            found[number][mine] = rows * graph.activation[nodes[mine], None]
    return found


def _write(every: Writers, graph: AttributionGraph, node: int) -> Float[Tensor, " d_model"]:
    kind, layer, position = (int(part[node]) for part in (graph.kind, graph.layer, graph.position))
    match NodeKind(kind):
        case NodeKind.FEATURE:
            index = graph.index[node : node + 1]
            return every.frozen.transcoders.writes(layer, index, layer)[0] * graph.activation[node]
        case NodeKind.ERROR:
            return every.error[layer, position]
        case NodeKind.TOKEN:
            return every.embeddings[0, position]
        case NodeKind.POSITION:
            return every.embeddings[1, position]
        case other:
            raise GraphError(
                f"Node {node} writes nothing at one place: got a {other.name} node, required a "
                "feature, error, token or position. Leave its edges out."
            )


def _without_attention(
    frozen: Frozen, graph: AttributionGraph, nodes: Int[Tensor, " end"], choice: TargetChoice
) -> Float[Tensor, "boundary end d_model"]:
    """Gradient of each target in front of every block, and after the last, with no head passed."""
    n_layers, position = frozen.model.n_layers, graph.position[nodes]
    own, layer = _own_gradients(frozen, graph, nodes, choice), graph.layer[nodes, None]
    below = [torch.where(layer == n_layers, own, 0.0)]
    for number, block in frozen.layers_down(0):
        state = below[-1]
        if block.folded.skip is not None:
            state = state + state @ block.folded.skip.T * block.scale2[position, None]
        below.append(state + torch.where(layer == number, own, 0.0))
    return torch.stack(below[::-1])


def _own_gradients(
    frozen: Frozen, graph: AttributionGraph, nodes: Int[Tensor, " end"], choice: TargetChoice
) -> Float[Tensor, "end d_model"]:
    """What each target reads, where it reads it."""
    logits = (graph.kind == int(NodeKind.LOGIT)).nonzero()[:, 0]
    is_logit = torch.isin(nodes, logits)
    mine = nodes[~is_logit]
    readers = Readers(
        frozen=frozen,
        features=Features(
            layer=graph.layer[mine],
            position=graph.position[mine],
            index=graph.index[mine],
            activation=graph.activation[mine],
        ),
        targets=choose_targets(
            frozen.model,
            frozen.trace.logits[0, -1],
            choice,
            max_logits=len(logits),
            logit_mass=1.0,
        ),
    )
    row = torch.empty_like(nodes)
    row[~is_logit] = torch.arange(len(mine))
    row[is_logit] = len(mine) + torch.searchsorted(logits, nodes[is_logit])
    rows = torch.zeros(readers.n_rows, frozen.model.d_model)
    for layer in range(frozen.model.n_layers + 1):
        ends = readers.at(layer)
        rows[ends.number] = ends.vector
    return rows[row]


def _head_outputs(
    frozen: Frozen,
    writes: Float[Tensor, "source d_model"],
    later: Mapping[int, Float[Tensor, "source d_model"]],
    layer: Int[Tensor, " source"],
    position: Int[Tensor, " source"],
) -> Iterator[tuple[FrozenLayer, Float[Tensor, "source pos head d_head"]]]:
    """What each head of each block makes of each source, before the output projection."""
    state = writes.new_zeros(len(writes), frozen.n_pos, writes.shape[1])
    _add_at(state, writes, position, layer < 0)
    for number, block in frozen.layers_up(frozen.model.n_layers):
        read = (state @ block.folded.value).unflatten(-1, (len(block.mix), -1))
        outputs = torch.einsum("hqp,sphe->sqhe", block.mix, read)
        yield block, outputs
        before = state
        state = state + outputs.flatten(2) @ block.folded.output
        if block.folded.skip is not None:
            skipped = before if frozen.model.parallel else state
            state = state + skipped @ block.folded.skip * block.scale2[:, None]
        _add_at(state, writes, position, layer == number)
        if number in later:
            _add_at(state, later[number], position, layer < number)


def _add_at(state: Tensor, writes: Tensor, position: Tensor, chosen: Tensor) -> None:
    """Adds the chosen sources' writes at their own positions, in place."""
    here = chosen.nonzero()[:, 0]
    state[here, position[here]] += writes[here]
