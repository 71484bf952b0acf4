"""From a list of changes to gates: which values are live, which are at their reference.

1. Start from what is live by default: everything inside the model, the circuit's nodes inside the
   circuit (and its heads, where heads are part of it).
2. Lay the changes over it, in order. Each node ends with a gate (1 live, 0 reference) and a factor.
3. Several variants of the gates can share one plan; they then run in one batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from core.choices import Inside
from core.circuit import Bounds, Circuit, ErrorNode, FeatureNode, HeadNode, check_node, parse_node
from core.errors import NodeError
from core.interventions import Gates, all_gates, circuit_gates
from core.lab.contents import Change


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """Gates and factors in the aligned frame."""

    inside: Inside
    """What unchanged things do."""
    gates: Gates
    """1 = live, 0 = at the reference; front axis: variants."""
    factor: Float[Tensor, "layer pos feature"]
    """Multiplies what is live."""
    head_factor: Float[Tensor, "layer pos head"]
    """Multiplies what is live."""
    errors: dict[tuple[int, int], float]
    """Scale of each changed error, by layer and aligned position."""

    def cut(self, start: int) -> "Plan":
        """The part of the frame that prompts beginning at aligned position `start` have."""
        return replace(
            self,
            gates=self.gates.cut(start),
            factor=self.factor[:, start:],
            head_factor=self.head_factor[:, start:],
            errors={(la, p - start): s for (la, p), s in self.errors.items() if p >= start},
        )

    def variants(self, rows: slice) -> "Plan":
        """Some of the variants."""
        return replace(self, gates=self.gates[rows])

    def first_change(self, base: "Plan") -> int:
        """The lowest layer in which any variant differs from `base`; the layer count if none."""
        gates, before = self.gates, base.gates
        features = (gates.feature != before.feature).any(3).any(2).any(0)
        features |= (self.factor != base.factor).flatten(1).any(1)
        heads = (gates.head != before.head).any(3).any(2).any(0)
        heads |= (self.head_factor != base.head_factor).flatten(1).any(1)
        changed = (features | heads).nonzero().flatten().tolist()
        changed += [layer for layer, _ in self.errors]
        return min(changed, default=len(features))


def default_plan(circuit: Circuit, bounds: Bounds, inside: Inside) -> Plan:
    """Nothing changed: the model as it is, or the circuit alone."""
    everything = all_gates(bounds)
    live = everything if inside == "model" else circuit_gates(circuit, bounds)
    return Plan(
        inside=inside,
        gates=live[None],
        factor=torch.ones_like(everything.feature),
        head_factor=torch.ones_like(everything.head),
        errors={},
    )


def changed_plan(base: Plan, changes: Sequence[Change], bounds: Bounds) -> Plan:
    """`base` with changes laid over it, in order; the last change of a node counts.

    Raises:
        NodeError: If a node is unknown or of a kind that cannot be changed.
    """
    gate, factor = base.gates.feature.clone(), base.factor.clone()
    head_gate, head_factor = base.gates.head.clone(), base.head_factor.clone()
    errors = dict(base.errors)
    for change in changes:
        node, live = changeable(change.node, bounds), float(change.scale != 0)
        scale = change.scale if live else 1.0
        match node:
            case FeatureNode():
                gate[(slice(None), *node)], factor[node] = live, scale
            case HeadNode():
                place = head_place(node)
                head_gate[(slice(None), *place)], head_factor[place] = live, scale
            case ErrorNode():
                errors[node.layer, node.position] = change.scale
    return replace(
        base,
        gates=Gates(feature=gate, head=head_gate),
        factor=factor,
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


def head_place(head: HeadNode) -> tuple[int, slice | int, int]:
    """Where a head has its gates, in [layer pos head]."""
    position = slice(None) if head.position is None else head.position
    return head.layer, position, head.head
