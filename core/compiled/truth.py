"""What is known of a program's circuit: from its compiler, and from ablating every node.

The compiler's truth is about components (an MLP, a head); every neuron or head output of a
component in the circuit counts as in it. The measured one is about each node: noising puts it
alone at its value on the corrupt prompt in the otherwise clean run, denoising lets it alone run
live while every other head and neuron stays at its corrupt value (embeddings are the clean
prompt's in both).
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from core.assets import PROGRAMS
from core.compiled.forward import Pass, gates_of, recovered, run
from core.compiled.program import Program, ProgramPairs, bundled_programs
from core.graph import NodeKind

ROWS = 4096
"""Circuits times prompts in one pass."""
TruthKind = Literal["nodes", "nodes_exact_resample"]
"""The program's circuit, or the part of it that one resampled edge at a time can show."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProgramEffects:
    """Effects of each node alone, prompt by prompt, in shares of clean − corrupt."""

    noising: Float[Tensor, "node prompt"]
    """Share of the answer lost."""
    denoising: Float[Tensor, "node prompt"]
    """Share won over the empty circuit."""


def component(kind: int, layer: int, index: int) -> str:
    """The name in `truth.json` of what a node belongs to."""
    if kind == int(NodeKind.HEAD):
        return f"a{layer}.h{index}"
    return {
        int(NodeKind.FEATURE): f"m{layer}",
        int(NodeKind.TOKEN): "embed",
        int(NodeKind.POSITION): "pos_embed",
    }.get(kind, "logits")


def in_circuit(
    ref: str | Path, nodes: Int[Tensor, "node 4"], truth: TruthKind = "nodes"
) -> Bool[Tensor, " node"]:
    """Whether each node's component is in the circuit that the compiler states.

    Only tests call it: the one answer from outside that measured effects, from which guides learn,
    can be held against.
    """
    folder = PROGRAMS / ref if str(ref) in bundled_programs() else Path(ref)
    known = set(json.loads((folder / "truth.json").read_text(encoding="utf-8"))[truth])
    names = [component(kind, layer, index) for kind, layer, _, index in nodes.tolist()]
    return torch.tensor([name in known for name in names])


def measured_effects(
    program: Program, pairs: ProgramPairs, nodes: Int[Tensor, "node 4"]
) -> ProgramEffects:
    """Both effects of every node, by running each.

    Args:
        program: The program.
        pairs: Its prompts.
        nodes: Heads and neurons; all others that do anything count as live in noising too.
    """
    clean, corrupt = run(program, pairs.clean), run(program, pairs.corrupt)
    eye, every = torch.eye(len(nodes)), torch.ones(1, len(nodes))
    whole = circuits(program, pairs, nodes, every, clean, corrupt)
    without = circuits(program, pairs, nodes, 1 - eye, clean, corrupt)
    empty = circuits(program, pairs, nodes, 0 * every, clean, corrupt)
    alone = circuits(program, pairs, nodes, eye, clean, corrupt)
    return ProgramEffects(noising=whole - without, denoising=alone - empty)


def circuits(
    program: Program,
    pairs: ProgramPairs,
    nodes: Int[Tensor, "node 4"],
    chosen: Float[Tensor, "circuit node"],
    clean: Pass,
    corrupt: Pass,
) -> Float[Tensor, "circuit prompt"]:
    """How much of the clean answer each circuit gives on each prompt."""
    n, length = pairs.clean.shape
    found = []
    for some in chosen.split(max(1, ROWS // n)):
        rows = torch.arange(n).repeat(len(some))
        gates = gates_of(program, length, nodes, some.repeat_interleave(n, 0))
        out = run(program, pairs.clean[rows], gates, corrupt.take(rows))
        share = recovered(pairs, rows, out.logits, clean.logits, corrupt.logits)
        found.append(share.view(len(some), n))
    return torch.cat(found)
