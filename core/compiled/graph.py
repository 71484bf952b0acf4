"""The attribution graph of a compiled program on a prompt, with neurons as features.

An identity dictionary: a feature is a neuron, and what it writes is its row of W_out. Heads are
nodes. With attention patterns and the on/off state of neurons frozen every effect is linear and
exact:

    source → neuron   what the source writes into the stream, along the neuron's column of W_in
    source → head     what reaches the head's output from the source, along that output's direction
    source → logit    along clean − corrupt of the logits, all counted positions together

So a neuron's edges sum to its activation less b_in, a head's to the length of what it writes, and
the logit's to its value. The compiler leaves all biases zero; where one is not it has no node.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from core.compiled.forward import Pass
from core.compiled.program import Program, ProgramPairs
from core.graph import AttributionGraph, NodeKind


class _Sources(NamedTuple):
    """Everything that writes into the residual stream."""

    node: Int[Tensor, "source 4"]
    vector: Float[Tensor, "source d_model"]
    stage: Int[Tensor, " source"]
    """When it is written: 0 embeddings, 2 layer + 1 heads, 2 layer + 2 neurons."""


def program_graph(
    program: Program, pairs: ProgramPairs, prompt: int, clean: Pass, corrupt: Pass
) -> AttributionGraph:
    """The graph of one prompt.

    Args:
        program: The program.
        pairs: Its prompts.
        prompt: Which of them.
        clean: The run of all clean prompts.
        corrupt: The run of all corrupt prompts.
    """
    found = _sources(program, clean, prompt)
    direction = _direction(pairs, prompt, clean, corrupt)
    node, read = _with_logit(program, found, direction)
    edges = torch.zeros(len(node), len(found.node))
    heads = (node[:, 0] == int(NodeKind.HEAD)).nonzero().squeeze(1)
    neurons = (node[:, 0] == int(NodeKind.FEATURE)).nonzero().squeeze(1)
    edges[neurons] = _into_neurons(program, found, node[neurons])
    edges[heads] = _into_heads(program, found, node[heads], clean, prompt)
    edges[-1] = (found.vector * read[found.node[:, 2].clamp(min=0)]).sum(1)
    target, source = edges.nonzero(as_tuple=True)
    return _graph(node, edges, source, target)


def candidates(clean: Pass, corrupt: Pass) -> Int[Tensor, "node 4"]:
    """Heads and neurons that do anything on any prompt, as (kind, layer, position, index)."""
    found = []
    for kind, values in ((NodeKind.FEATURE, "neuron"), (NodeKind.HEAD, "z")):
        either = [getattr(run, values).abs() for run in (clean, corrupt)]
        size = (either[0] + either[1]).sum(1)
        places = (size if values == "neuron" else size.sum(-1)).nonzero()
        found.append(torch.cat([torch.full((len(places), 1), int(kind)), places], 1))
    return torch.cat(found)


def _sources(program: Program, clean: Pass, prompt: int) -> _Sources:
    length = clean.resid.shape[1]
    rows, vectors, stages = [], [], []

    def add(kind: NodeKind, layer: int, places: Tensor, vector: Tensor, stage: int) -> None:
        front = torch.tensor([[int(kind), layer]]).repeat(len(places), 1)
        rows.append(torch.cat([front, places], 1))
        vectors.append(vector)
        stages.append(torch.full((len(places),), stage))

    everywhere = torch.stack([torch.arange(length), torch.full((length,), -1)], 1)
    position = program["pos_embed.weight"][:length]
    add(NodeKind.TOKEN, -1, everywhere, clean.resid[prompt] - position, 0)
    add(NodeKind.POSITION, -1, everywhere, position, 0)
    for layer in range(program.n_layers):
        out = program[f"layers.{layer}.attn.W_O"]
        written = torch.einsum("phe,hem->phm", clean.z[layer, prompt], out)
        places = written.abs().sum(-1).nonzero()
        add(NodeKind.HEAD, layer, places, written[tuple(places.T)], 2 * layer + 1)
        active = clean.neuron[layer, prompt]
        places = active.nonzero()
        write = program[f"layers.{layer}.mlp.W_out"][places[:, 1]]
        value = active[tuple(places.T)][:, None]
        add(NodeKind.FEATURE, layer, places, value * write, 2 * layer + 2)
    return _Sources(torch.cat(rows), torch.cat(vectors), torch.cat(stages))


def _with_logit(
    program: Program, found: _Sources, direction: Float[Tensor, "pos column"]
) -> tuple[Int[Tensor, "node 4"], Float[Tensor, "pos d_model"]]:
    """All nodes, the logit last, and what the logit reads of the stream at each position."""
    last = torch.tensor([[int(NodeKind.LOGIT), program.n_layers, len(direction) - 1, -1]])
    return torch.cat([found.node, last]), direction @ program["unembed.weight"].T


def _direction(
    pairs: ProgramPairs, prompt: int, clean: Pass, corrupt: Pass
) -> Float[Tensor, "pos column"]:
    apart = clean.logits[prompt] - corrupt.logits[prompt]
    apart = torch.where(pairs.counted[prompt][:, None], apart, 0.0)
    return apart / apart.square().sum().clamp(min=1e-12)


def _into_neurons(
    program: Program, found: _Sources, target: Int[Tensor, "target 4"]
) -> Float[Tensor, "target source"]:
    if not len(target):
        return torch.zeros(0, len(found.node))
    _, layer, position, index = target.T
    weights = torch.stack([program[f"layers.{i}.mlp.W_in"] for i in range(program.n_layers)])
    heard = _before(found, 2 * layer + 2) & (found.node[:, 2] == position[:, None])
    return (weights[layer, :, index] @ found.vector.T) * heard


def _into_heads(
    program: Program, found: _Sources, target: Int[Tensor, "target 4"], clean: Pass, prompt: int
) -> Float[Tensor, "target source"]:
    edges = torch.zeros(len(target), len(found.node))
    for row, (_, layer, position, head) in zip(edges, target.tolist(), strict=True):
        value = program[f"layers.{layer}.attn.W_V"][head]
        out = program[f"layers.{layer}.attn.W_O"][head]
        written = clean.z[layer, prompt, position, head] @ out
        along = value @ out @ (written / written.norm())
        attention = clean.pattern[layer, prompt, head, position][found.node[:, 2]]
        heard = _before(found, torch.tensor([2 * layer + 1]))[0]
        row += attention * (found.vector @ along) * heard
    return edges


def _before(found: _Sources, stage: Int[Tensor, " target"]) -> Bool[Tensor, "target source"]:
    return found.stage < stage[:, None]


def _graph(
    node: Int[Tensor, "node 4"], edges: Tensor, source: Tensor, target: Tensor
) -> AttributionGraph:
    kind, layer, position, index = node.T.contiguous()
    value = edges.sum(1)
    explained = torch.isin(kind, torch.tensor([int(NodeKind.FEATURE), int(NodeKind.HEAD)]))
    explained |= kind == int(NodeKind.LOGIT)
    return AttributionGraph(
        kind=kind,
        layer=layer,
        position=position,
        index=index,
        activation=torch.where(explained, value, 1.0),
        logit_weight=(kind == int(NodeKind.LOGIT)).float(),
        edge_index=torch.stack([source, target]),
        direct_effect=edges[target, source],
    )
