"""From a list of changes to gates: which values are live, which are at their reference.

1. Start from what is live by default: everything inside the model, the circuit's nodes inside the
   circuit (and its heads, where heads are part of it).
2. Lay the changes over it, in order. Each node ends with a gate (1 live, 0 reference) and a factor.
3. Several variants of the gates can share one plan; they then run in one batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from core.circuit import Bounds, Circuit, ErrorNode, FeatureNode, HeadNode, check_node, parse_node
from core.errors import NodeError
from core.lab.contents import Change, Inside


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """Gates and factors in the aligned frame."""

    inside: Inside
    """What unchanged things do."""
    gate: Float[Tensor, "variant layer pos feature"]
    """1 = live, 0 = at the reference."""
    factor: Float[Tensor, "layer pos feature"]
    """Multiplies what is live."""
    head_gate: Float[Tensor, "variant layer pos head"]
    """1 = live, 0 = at the reference."""
    head_factor: Float[Tensor, "layer pos head"]
    """Multiplies what is live."""
    errors: dict[tuple[int, int], float]
    """Scale of each changed error, by layer and aligned position."""

    def cut(self, start: int) -> "Plan":
        """The part of the frame that prompts beginning at aligned position `start` have."""
        return Plan(
            inside=self.inside,
            gate=self.gate[:, :, start:],
            factor=self.factor[:, start:],
            head_gate=self.head_gate[:, :, start:],
            head_factor=self.head_factor[:, start:],
            errors={(la, p - start): s for (la, p), s in self.errors.items() if p >= start},
        )

    def variants(self, rows: slice) -> "Plan":
        """Some of the variants."""
        return Plan(
            inside=self.inside,
            gate=self.gate[rows],
            factor=self.factor,
            head_gate=self.head_gate[rows],
            head_factor=self.head_factor,
            errors=self.errors,
        )

    def first_change(self, base: "Plan") -> int:
        """The lowest layer in which any variant differs from `base`; the layer count if none."""
        features = (self.gate != base.gate).any(3).any(2).any(0)
        features |= (self.factor != base.factor).flatten(1).any(1)
        heads = (self.head_gate != base.head_gate).any(3).any(2).any(0)
        heads |= (self.head_factor != base.head_factor).flatten(1).any(1)
        changed = (features | heads).nonzero().flatten().tolist()
        changed += [layer for layer, _ in self.errors]
        return min(changed, default=len(features))


def default_plan(circuit: Circuit, bounds: Bounds, inside: Inside) -> Plan:
    """Nothing changed: the model as it is, or the circuit alone."""
    layers, length = bounds.n_layers, bounds.n_positions
    factor = torch.ones(layers, length, bounds.n_features)
    head_factor = torch.ones(layers, length, bounds.n_heads)
    gate, head_gate = torch.ones_like(factor), torch.ones_like(head_factor)
    if inside == "circuit":
        gate = circuit.mask(layers, length, bounds.n_features)
        head_gate = _live_heads(circuit, head_gate)
    return Plan(
        inside=inside,
        gate=gate[None],
        factor=factor,
        head_gate=head_gate[None],
        head_factor=head_factor,
        errors={},
    )


def _live_heads(circuit: Circuit, everything: Tensor) -> Tensor:
    """All heads unless the circuit names some; then those."""
    if not circuit.heads:
        return everything
    gate = torch.zeros_like(everything)
    for head in circuit.heads:
        gate[_head_place(head)] = 1.0
    return gate


def changed_plan(base: Plan, changes: Sequence[Change], bounds: Bounds) -> Plan:
    """`base` with changes laid over it, in order; the last change of a node counts.

    Raises:
        NodeError: If a node is unknown or of a kind that cannot be changed.
    """
    gate, factor = base.gate.clone(), base.factor.clone()
    head_gate, head_factor = base.head_gate.clone(), base.head_factor.clone()
    errors = dict(base.errors)
    for change in changes:
        node, live = changeable(change.node, bounds), float(change.scale != 0)
        scale = change.scale if live else 1.0
        match node:
            case FeatureNode():
                gate[(slice(None), *node)], factor[node] = live, scale
            case HeadNode():
                place = _head_place(node)
                head_gate[(slice(None), *place)], head_factor[place] = live, scale
            case ErrorNode():
                errors[node.layer, node.position] = change.scale
    return Plan(
        inside=base.inside,
        gate=gate,
        factor=factor,
        head_gate=head_gate,
        head_factor=head_factor,
        errors=errors,
    )


def changeable(text: str, bounds: Bounds) -> FeatureNode | HeadNode | ErrorNode:
    """The node a change names.

    Raises:
        NodeError: If it is unknown, outside the model, or a token, position or logit.
    """
    node = parse_node(text)
    if not isinstance(node, FeatureNode | HeadNode | ErrorNode):
        raise NodeError(
            f"Node {text} cannot be changed: got a {type(node).__name__}, required a feature "
            "L:P:F, a head L0H2 or L0H2@4, or an error e:L:P. Choose one of these; to change a "
            "token, write another prompt."
        )
    check_node(node, bounds)
    return node


def _head_place(head: HeadNode) -> tuple[int, slice | int, int]:
    position = slice(None) if head.position is None else head.position
    return head.layer, position, head.head
