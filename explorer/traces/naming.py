"""What the features of a traced prompt are called: a person reads names, not ids.

1. A circuit of the same model and dictionary names those it holds, where the prompt has a length
   that the circuit's own prompts have: a name tells what a feature does at its position.
2. Any other is named as a circuit would name it without evidence over many prompts: at the last
   position by the tokens it raises (`→ Accra, Lima`), elsewhere by where it is (`L0 at capital`).
"""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import torch

from core.bundle import Bundle
from core.circuit import FeatureNode, node_ids
from core.features.outputs import logit_effect, token_effects
from core.graph import NodeKind
from core.models import LanguageModel
from core.transcoders import TranscoderSet
from explorer.traces.tracing import Trace

RAISED = 2
"""Tokens that name a feature."""


class Namer(NamedTuple):
    """A circuit, and how long its prompts are, in tokens."""

    circuit: Bundle
    lengths: Collection[int]

    @property
    def longest(self) -> int:
        """Aligned positions of the circuit."""
        return int(self.circuit.graph.position.max()) + 1

    def shift(self, n_tokens: int) -> int | None:
        """Aligned position less position in a prompt; None where it has no prompt so long."""
        known = n_tokens == self.longest or n_tokens in self.lengths
        return self.longest - n_tokens if known and n_tokens <= self.longest else None


def names_of(
    model: LanguageModel, coders: TranscoderSet, found: Trace, namers: Sequence[Namer]
) -> Mapping[str, str]:
    """A name for every feature of a trace that is shown or listed; the first circuit's wins."""
    return _own(model, coders, found) | names_by(found, namers)


def names_by(found: Trace, namers: Sequence[Namer]) -> dict[str, str]:
    """Names that circuits give; the first circuit's where several do."""
    names: dict[str, str] = {}
    for namer in namers:
        shift = namer.shift(len(found.tokens))
        if shift is not None:
            names = _moved(namer.circuit, shift) | names
    return names


def _moved(circuit: Bundle, shift: int) -> dict[str, str]:
    """Labels of a circuit's features by their ids in a prompt that is shorter by `shift`."""
    moved: dict[str, str] = {}
    for node in circuit.circuit.nodes:
        if isinstance(node, FeatureNode) and node.position >= shift:
            label = circuit.labels.get(str(node), "")
            moved[str(node._replace(position=node.position - shift))] = label
    return {node: label for node, label in moved.items() if label}


def _own(model: LanguageModel, coders: TranscoderSet, found: Trace) -> dict[str, str]:
    """Names from the prompt alone."""
    seen = model.trace(found.ids[None])
    last, graph = len(found.tokens) - 1, found.graph
    wanted = {*node_ids(found.pruned.graph), *(node for node, *_ in found.strongest)}
    names: dict[str, str] = {}
    for row, node in enumerate(node_ids(graph)):
        if node not in wanted or int(graph.kind[row]) != int(NodeKind.FEATURE):
            continue
        layer, position = int(graph.layer[row]), int(graph.position[row])
        token = found.tokens[position].strip() or str(position)
        names[node] = f"L{layer} at {token}"
        if position == last:
            write = coders.all_writes(layer, torch.tensor([int(graph.index[row])]))[0]
            effect = logit_effect(model, seen, float(graph.activation[row]) * write)
            raised = [one.text.strip() or one.text for one in token_effects(model, effect)[0]]
            names[node] = f"→ {', '.join(raised[:RAISED])}" if raised else names[node]
    return names
