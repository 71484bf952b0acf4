"""The frozen model written out plainly, for autograd: slow, and with nothing folded or grouped.

Every source has a gate that multiplies it. With all gates at 1 the forward pass gives the model's
own values; the derivative of a target by a source's gate is the direct effect.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from core.graph import AttributionGraph, NodeKind
from core.models import LanguageModel, Trace
from core.transcoders import TranscoderSet


class Prompt(NamedTuple):
    """A model on one prompt."""

    model: LanguageModel
    transcoders: TranscoderSet
    ids: Tensor
    trace: Trace


def make_prompt(model: LanguageModel, transcoders: TranscoderSet, ids: Tensor) -> Prompt:
    return Prompt(model, transcoders, ids, model.trace(ids[None]))


Cut = Callable[[int, Tensor], Tensor]
"""(layer, what the heads make of all but constants [query head d_head]) -> what they pass on."""


def values(
    prompt: Prompt, graph: AttributionGraph, gates: Tensor, vector: Tensor, cut: Cut | None = None
) -> Tensor:
    """Pre-activations of the graph's features, then its logit targets, under gates on its nodes.

    Args:
        prompt: Model and prompt.
        graph: Gives the order of nodes.
        gates: One for each node; only those of sources matter.
        vector: Unembedding directions of the logit targets and, last column, their bias.
        cut: Stands between a head's output and all that reads it.
    """
    model, trace = prompt.model, prompt.trace
    token, position = (part[0] for part in model.embed(prompt.ids[None]))
    gate = {kind: gates[graph.kind == int(kind)] for kind in NodeKind}
    resid = token * gate[NodeKind.TOKEN][:, None]
    if len(gate[NodeKind.POSITION]):
        resid = resid + position * gate[NodeKind.POSITION][:, None]
    found, sent = torch.zeros(graph.n_nodes), []
    for layer in range(model.n_layers):
        bias = gate[NodeKind.BIAS][layer]
        before, resid = resid, resid + _attention(prompt, layer, resid, bias, cut)
        x = _mlp_input(prompt, layer, before if model.parallel else resid, bias)
        found, active = _features(prompt, graph, gates, layer, x, found)
        sent.append(active)
        every = torch.arange(active.shape[1])
        written = sum(
            a @ prompt.transcoders.writes(lower, every, layer) for lower, a in enumerate(sent)
        )
        error = gate[NodeKind.ERROR].view(model.n_layers, -1)[layer, :, None]
        resid = resid + written + _error(prompt, layer) * error
        resid = resid + prompt.transcoders[layer].b_dec * bias
        if prompt.transcoders[layer].W_skip is not None:
            resid = resid + x @ prompt.transcoders[layer].W_skip.T
    scale = model.final_norm.scale(trace.resid_post[-1, 0])
    bias = gate[NodeKind.BIAS][model.n_layers]
    final = model.final_norm.linear(resid, scale) + model.final_norm.bias * bias
    logits = vector[:, :-1] @ final[-1] + vector[:, -1] * bias
    return torch.cat([found[graph.kind == int(NodeKind.FEATURE)], logits])


def _attention(prompt: Prompt, layer: int, resid: Tensor, bias: Tensor, cut: Cut | None) -> Tensor:
    weights, trace = prompt.model.weights(layer), prompt.trace
    scale = weights.norm1.scale(trace.resid_pre[layer, 0])
    pattern = trace.pattern[layer, 0]
    read = torch.einsum("pd,hde->hpe", weights.norm1.linear(resid, scale), weights.W_V)
    z = torch.einsum("hqp,hpe->qhe", pattern, read)
    z = z if cut is None else cut(layer, z)
    constant = torch.einsum("d,hde->he", weights.norm1.bias, weights.W_V) + weights.b_V
    z = z + constant * bias
    return torch.einsum("qhe,hed->qd", z, weights.W_O) + weights.b_O * bias


def _mlp_input(prompt: Prompt, layer: int, resid: Tensor, bias: Tensor) -> Tensor:
    norm, trace = prompt.model.weights(layer).norm2, prompt.trace
    site = trace.resid_pre if prompt.model.parallel else trace.resid_mid
    return norm.linear(resid, norm.scale(site[layer, 0])) + norm.bias * bias


def _features(
    prompt: Prompt, graph: AttributionGraph, gates: Tensor, layer: int, x: Tensor, found: Tensor
) -> tuple[Tensor, Tensor]:
    """Pre-activations of this layer's nodes, and all activations under their gates."""
    transcoder = prompt.transcoders[layer]
    real = transcoder.encode(prompt.trace.mlp_in[layer, 0])
    here = (graph.of_kind(NodeKind.FEATURE) & (graph.layer == layer)).nonzero()[:, 0]
    place = (graph.position[here], graph.index[here])
    gate = torch.ones_like(real)
    left_out = (graph.kind == int(NodeKind.BIAS)) & (graph.index == 0)
    if left_out.any():
        gate = gate * gates[left_out]
    gate = gate.index_put(place, gates[here])
    own_bias = gates[(graph.kind == int(NodeKind.BIAS)) & (graph.layer == layer)]
    pre = x @ transcoder.W_enc.T + transcoder.b_enc * own_bias
    return found.index_put((here,), pre[place]), real * gate


def _error(prompt: Prompt, layer: int) -> Tensor:
    x = prompt.trace.mlp_in[:, 0]
    coders = prompt.transcoders
    a = [coder.encode(one) for coder, one in zip(coders, x, strict=True)]
    every = torch.arange(coders.n_features)
    written = sum(a[lower] @ coders.writes(lower, every, layer) for lower in range(layer + 1))
    affine, skip = coders[layer].b_dec, coders[layer].W_skip
    if skip is not None:
        affine = affine + x[layer] @ skip.T
    return prompt.trace.mlp_out[layer, 0] - written - affine


def effects_by_autograd(prompt: Prompt, graph: AttributionGraph, vector: Tensor) -> Tensor:
    """[target source]: targets are features, then logits; sources are all nodes but logits."""
    gates = torch.ones(graph.n_nodes, requires_grad=True)
    out = values(prompt, graph, gates, vector)
    rows = [torch.autograd.grad(value, gates, retain_graph=True)[0] for value in out]
    return torch.stack(rows)[:, graph.kind != int(NodeKind.LOGIT)]


def effects_cut_at_heads(
    prompt: Prompt, graph: AttributionGraph, vector: Tensor, rho: Tensor
) -> Tensor:
    """[target source] of a graph with head nodes: rows features, logits, heads; columns all nodes
    but logits. Each head's output is cut off and gated by itself; `rho` [layer pos head d_head]
    reads it.
    """
    gates, made = torch.ones(graph.n_nodes, requires_grad=True), {}
    is_head = graph.kind == int(NodeKind.HEAD)
    place = (graph.layer[is_head], graph.position[is_head], graph.index[is_head])

    def cut(layer: int, z: Tensor) -> Tensor:
        made[layer] = (z * rho[layer]).sum(-1)
        here = place[0] == layer
        gate = torch.ones(z.shape[:2]).index_put(
            (place[1][here], place[2][here]), gates[is_head][here]
        )
        return z.detach() * gate[..., None]

    out = values(prompt, graph, gates, vector, cut)
    heads = torch.stack([made[layer] for layer in sorted(made)])[place]
    rows = [torch.autograd.grad(v, gates, retain_graph=True)[0] for v in (*out, *heads)]
    return torch.stack(rows)[:, graph.kind != int(NodeKind.LOGIT)]


def effects_of(graph: AttributionGraph) -> Tensor:
    """The graph's own matrix, in the same form."""
    rows = graph.of_kind(NodeKind.FEATURE, NodeKind.LOGIT, NodeKind.HEAD)
    return graph.dense()[rows][:, ~graph.of_kind(NodeKind.LOGIT)]


def logit_vectors(model: LanguageModel, graph: AttributionGraph) -> Tensor:
    """Demeaned unembedding of the graph's logit nodes, with the demeaned bias as last column."""
    ids = graph.index[graph.kind == int(NodeKind.LOGIT)]
    joint = torch.cat([model.W_U, model.b_U[:, None]], dim=1)
    return joint[ids] - joint.mean(0)


def gap(got: Tensor, want: Tensor) -> float:
    """Largest difference of a row relative to the row's largest value."""
    return float(((got - want).abs().amax(-1) / want.abs().amax(-1).clamp(min=1e-3)).max())
