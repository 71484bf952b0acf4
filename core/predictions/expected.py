"""What discovery says that an intervention on a group will do, before it is tried.

Two predictors, both from the attribution split alone.

*graph*, the claim that the method itself makes: with T the signed effect of the group on the logit
difference along every path of the task graph that leaves the group for good, each counted once,

    third prompt     Δ = −T             another prompt's values say nothing of this answer
    scale s          Δ = (s − 1) T      the graph is linear

*gradient*: integrated gradients. All features of one layer (or all its heads) move together on a
straight line from their clean values to those of the intervention; a node's share is its own
movement times the gradient averaged along the line, summed over the group and averaged over
prompts (Sundararajan et al. 2017, arXiv 1703.01365; per layer as EAP-IG does, arXiv 2403.17806).

Neither runs the group's intervention.
"""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from core.circuit import GatedNode, HeadNode, node_ids
from core.graph import AttributionGraph, NodeKind
from core.models import Edits, LanguageModel
from core.models.hooks import MlpEdit
from core.predictions.trials import Intervention, Trial, here
from core.transcoders import TranscoderSet

STEPS = 4
"""Points on each line; midpoints."""


def by_graph(
    graph: AttributionGraph, groups: Sequence[Sequence[GatedNode]], intervention: Intervention
) -> Float[Tensor, " group"]:
    """Predicted Δ of each group, in logits; nodes that the graph lacks count as 0."""
    return scale_of(intervention) * group_effects(graph, groups)


def scale_of(intervention: Intervention) -> float:
    """Predicted Δ of an intervention, in units of T."""
    factor = intervention.factor
    return -1.0 if factor is None else factor - 1.0


def group_effects(
    graph: AttributionGraph, groups: Sequence[Sequence[GatedNode]]
) -> Float[Tensor, " group"]:
    """T of each group: its effect along paths that do not come back to it, in logits.

    A target hands each source that source's share of its own value; nothing is handed on through a
    member, so that a path counts from the last one on it. The graph has no cycle: as many rounds as
    its longest path has edges, all groups at once.
    """
    place = {name: row for row, name in enumerate(node_ids(graph))}
    inside = torch.zeros(len(groups), graph.n_nodes, dtype=torch.float64)
    for row, group in enumerate(groups):
        inside[row, [place[str(node)] for node in group if str(node) in place]] = 1.0
    value = torch.where(graph.of_kind(NodeKind.LOGIT), 1.0, graph.activation).double()
    share = graph.dense().double() / torch.where(value == 0, 1.0, value)[:, None]
    reached = torch.zeros_like(inside)
    for _ in range(graph.n_nodes):
        before, reached = reached, ((reached + graph.logit_weight) * (1 - inside)) @ share
        if torch.equal(before, reached):
            break
    return (reached * inside).sum(1).float()


def by_gradient(
    model: LanguageModel,
    coders: TranscoderSet,
    tried: Sequence[Trial],
    groups: Sequence[Sequence[GatedNode]],
    intervention: Intervention,
) -> Float[Tensor, " group"]:
    """Predicted Δ of each group, in logits: the sum of its nodes' shares."""
    nodes = tuple(dict.fromkeys(node for group in groups for node in group))
    share = _shares(model, coders, tried, nodes, intervention)
    value = dict(zip(nodes, share.tolist(), strict=True))
    return torch.tensor([sum(value[node] for node in group) for group in groups])


def _shares(
    model: LanguageModel,
    coders: TranscoderSet,
    tried: Sequence[Trial],
    nodes: Sequence[GatedNode],
    intervention: Intervention,
) -> Float[Tensor, " node"]:
    """Mean over prompts of each node's movement times the gradient along its layer's line."""
    total = torch.zeros(len(nodes))
    lines = dict.fromkeys((node.layer, type(node)) for node in nodes)
    for trial in tried:
        along = _feature_shares, _head_shares
        table = {
            (layer, kind): along[kind is HeadNode](model, coders, trial, layer, intervention)
            for layer, kind in lines
        }
        for number, node in enumerate(nodes):
            for layer, kind, (at, index) in here([node], trial.batch):
                total[number] += table[layer, kind][at, index].sum()
    return total / max(1, sum(len(trial.margin) for trial in tried))


def _feature_shares(
    model: LanguageModel,
    coders: TranscoderSet,
    trial: Trial,
    layer: int,
    intervention: Intervention,
) -> Float[Tensor, "pos feature"]:
    live, W = trial.live.activation[layer], coders[layer].W_dec
    moved = trial.target(live, trial.other.activation[layer], intervention) - live
    if coders.crosses:  # the line runs through all later MLP outputs: differentiate by activations
        edits = _written_above(coders, live, layer)
        return (moved * _slope(model, trial, layer, (live, moved), edits)).sum(0)
    line = trial.mlp_out[layer], moved @ W
    slope = _slope(model, trial, layer, line, lambda z: Edits(mlp={layer: lambda x, y: z}))
    return (moved * (slope @ W.T)).sum(0)


def _written_above(
    coders: TranscoderSet, live: Float[Tensor, "prompt pos feature"], layer: int
) -> Callable[[Tensor], Edits]:
    """Edits that give one layer's features other activations, wherever they write."""
    every = torch.arange(coders.n_features)

    def edit(at: int, values: Tensor) -> MlpEdit:
        return lambda x, y: y + (values - live) @ coders.writes(layer, every, at)

    return lambda z: Edits(mlp={at: edit(at, z) for at in range(layer, coders.n_layers)})


def _head_shares(
    model: LanguageModel,
    coders: TranscoderSet,
    trial: Trial,
    layer: int,
    intervention: Intervention,
) -> Float[Tensor, "pos head"]:
    live = trial.live.z[layer]
    moved = trial.target(live, trial.other.z[layer], intervention) - live
    slope = _slope(model, trial, layer, (live, moved), lambda z: Edits(heads={layer: lambda _: z}))
    return (moved * slope).sum((0, -1))


def _slope(
    model: LanguageModel,
    trial: Trial,
    layer: int,
    line: tuple[Tensor, Tensor],
    edits: Callable[[Tensor], Edits],
) -> Tensor:
    """Gradient of the margin by a site's value, averaged along start + t · step for t in (0, 1)."""
    start, step = line
    total = torch.zeros_like(start)
    for number in range(STEPS):
        value = (start + (number + 0.5) / STEPS * step).requires_grad_()
        logits = model.run_from(layer, trial.resid[layer], edits(value))
        total += torch.autograd.grad(trial.batch.margin(logits).sum(), value)[0]
    return total / STEPS
