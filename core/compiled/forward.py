"""The forward pass of a compiled program, with some of its nodes at the values of another run.

    x = embed + pos_embed
    each layer   head h:    z = softmax(q kᵀ / √d_head) v          x += Σ_h z W_O + b_O
                 MLP:       a = relu(x W_in + b_in)                x += a W_out + b_out
    logits = x @ unembed

A gate g of a head (its z at one position) or of a neuron (its a at one position) makes it
g · live + (1 − g) · reference. Rows of a batch may have gates of their own, so many circuits are
run at once. Node columns are those of graphs: (kind, layer, position, index).
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.compiled.program import Program, ProgramPairs
from core.graph import NodeKind


class Pass(NamedTuple):
    """What every site of a run has."""

    resid: Float[Tensor, "row pos d_model"]
    """Entering layer 0."""
    pattern: Float[Tensor, "layer row head query key"]
    z: Float[Tensor, "layer row pos head d_head"]
    """Each head's output before W_O."""
    neuron: Float[Tensor, "layer row pos neuron"]
    """After the ReLU."""
    logits: Float[Tensor, "row pos column"]

    def take(self, rows: Tensor) -> "Pass":
        """Some rows, any number of times."""
        return Pass(
            self.resid[rows],
            self.pattern[:, rows],
            self.z[:, rows],
            self.neuron[:, rows],
            self.logits[rows],
        )


class ProgramGates(NamedTuple):
    """1 = live, 0 = at the reference."""

    head: Float[Tensor, "layer row pos head"]
    neuron: Float[Tensor, "layer row pos neuron"]


def run(
    program: Program,
    ids: Int[Tensor, "row pos"],
    gates: ProgramGates | None = None,
    reference: Pass | None = None,
) -> Pass:
    """One pass; with gates, closed ones take their value from `reference`, row by row."""
    resid = first = program["embed.weight"][ids] + program["pos_embed.weight"][: ids.shape[1]]
    patterns, heads, neurons = [], [], []
    for layer in range(program.n_layers):
        pattern, z = _attend(program, layer, resid)
        if gates is not None and reference is not None:
            z = _mixed(z, reference.z[layer], gates.head[layer][..., None])
        written = torch.einsum("rphe,hem->rpm", z, program[f"layers.{layer}.attn.W_O"])
        resid = resid + written + program[f"layers.{layer}.attn.b_O"]
        pre = resid @ program[f"layers.{layer}.mlp.W_in"] + program[f"layers.{layer}.mlp.b_in"]
        neuron = torch.relu(pre)
        if gates is not None and reference is not None:
            neuron = _mixed(neuron, reference.neuron[layer], gates.neuron[layer])
        write = program[f"layers.{layer}.mlp.W_out"]
        resid = resid + neuron @ write + program[f"layers.{layer}.mlp.b_out"]
        patterns.append(pattern)
        heads.append(z)
        neurons.append(neuron)
    return Pass(
        resid=first,
        pattern=torch.stack(patterns),
        z=torch.stack(heads),
        neuron=torch.stack(neurons),
        logits=resid @ program["unembed.weight"],
    )


def _attend(
    program: Program, layer: int, resid: Float[Tensor, "row pos d_model"]
) -> tuple[Float[Tensor, "row head query key"], Float[Tensor, "row pos head d_head"]]:
    x = resid[:, None]
    q, k, v = (
        x @ program[f"layers.{layer}.attn.W_{name}"]
        + program[f"layers.{layer}.attn.b_{name}"][:, None]
        for name in "QKV"
    )
    scores = q @ k.transpose(-1, -2) / program.d_head**0.5
    if program.causal:
        later = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
        scores = scores.masked_fill(later, -1e30)
    pattern = scores.softmax(-1)
    return pattern, (pattern @ v).transpose(1, 2)


def _mixed(live: Tensor, resting: Tensor, gate: Tensor) -> Tensor:
    return gate * live + (1 - gate) * resting


def gates_of(
    program: Program, n_positions: int, nodes: Int[Tensor, "node 4"], chosen: Tensor
) -> ProgramGates:
    """Gates of circuits, one a row: the nodes' from `chosen` [row node], all others 0."""
    frame = (program.n_layers, len(chosen), n_positions)
    head = torch.zeros(*frame, program.n_heads)
    neuron = torch.zeros(*frame, program.d_mlp)
    for kind, into in ((NodeKind.HEAD, head), (NodeKind.FEATURE, neuron)):
        here = (nodes[:, 0] == int(kind)).nonzero().squeeze(1)
        _, layer, position, index = nodes[here].T
        into[layer, :, position, index] = chosen[:, here].T.to(into.dtype)
    return ProgramGates(head, neuron)


def recovered(
    pairs: ProgramPairs, rows: Tensor, logits: Tensor, clean: Tensor, corrupt: Tensor
) -> Float[Tensor, " row"]:
    """How much of the clean answer each row gives: 1 as on the clean prompt, 0 as on the corrupt.

    The difference of the logits from the corrupt ones at the counted positions, along the
    difference of the clean from the corrupt ones, over that one's squared length. Serves classes
    and numbers.
    """
    counted = pairs.counted[rows][..., None]
    direction = torch.where(counted, (clean - corrupt)[rows], 0.0)
    along = ((logits - corrupt[rows]) * direction).sum((1, 2))
    return along / direction.square().sum((1, 2)).clamp(min=1e-12)
