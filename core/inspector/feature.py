"""The inspector's page of one feature at one position.

1. Its values on the Lab's prompts (held out from everything): contexts by quantile, histogram,
   firing rate, and every declared variable it could follow.
2. On one prompt: activation, direct effect on the answer, change of P(answer) when ablated.
3. Tokens raised and lowered. At the last position they are read off the decoder row; at any other
   the frozen graph says what reaches the logits of answer and wrong.
4. In- and out-edges with the sum that closes.
"""

from core.circuit import FeatureNode, check_node, parse_node
from core.errors import NodeError
from core.features.activations import firing_anywhere, role_of, values_of
from core.features.contexts import density, quantiles
from core.features.edges import edges_of
from core.features.measured import measure
from core.features.outputs import outputs
from core.inspector.contents import FeatureReport
from core.lab import Lab
from core.labels.circuit import feature_label


def feature_report(lab: Lab, node: str, prompt: int = 0) -> FeatureReport:
    """Everything the inspector shows of a feature.

    Args:
        lab: Where it lives.
        node: `L:P:F`; inside the circuit or not.
        prompt: Number of the prompt it is shown on.

    Raises:
        NodeError: If it is no feature of this model, or there is no such prompt.
    """
    feature = _feature(lab, node)
    view = lab.prompts[_known(lab, prompt)]
    values = values_of(lab, feature)
    activation = lab.activation(prompt, feature)
    graph = lab.prompt_graph(prompt, also=(feature,)) if lab.transcoders.reads_linearly else None
    promoted, suppressed, direct = outputs(lab, feature, prompt, values, graph)
    measured = measure(lab, [feature])
    order = [str(n) for n in lab.bundle.circuit.nodes]
    rank = order.index(node) + 1 if node in order else None
    return FeatureReport(
        node=node,
        label=lab.bundle.labels.get(node) or feature_label(measured, 0),
        rank=rank,
        supernodes=_supernodes(lab, rank),
        prompt=prompt,
        role=role_of(lab, feature.position),
        activation=activation,
        firing_rate_anywhere=firing_anywhere(lab, feature),
        direct_effect=direct,
        delta_p=lab.single_effects(prompt, [node])[node],
        variables=measured.fits[0],
        quantiles=quantiles(lab, feature, values, prompt),
        density=density(values.value, activation),
        promoted=promoted,
        suppressed=suppressed,
        edges=edges_of(lab, graph, feature, view),
    )


def _feature(lab: Lab, node: str) -> FeatureNode:
    parsed = parse_node(node)
    if not isinstance(parsed, FeatureNode):
        raise NodeError(
            f"Node {node} is not a feature: got a {type(parsed).__name__}, required L:P:F. Choose "
            "a feature, or ask for a head's or a supernode's report."
        )
    check_node(parsed, lab.bounds)
    return parsed


def _known(lab: Lab, prompt: int) -> int:
    lab.place(prompt)
    return prompt


def _supernodes(lab: Lab, rank: int | None) -> tuple[str, ...]:
    """Names of the supernodes that hold a leaf, outermost first, without the root."""
    if rank is None:
        return ()
    tree = lab.bundle.hierarchy
    path = tree.path(int(tree.terminal_of()[rank - 1]))
    return tuple(tree.name[supernode] for supernode in path[1:])
