"""The inspector's page of one supernode: its members, what they are about, and what it does."""

from collections import Counter
from collections.abc import Sequence

from core.circuit import FeatureNode, GatedNode
from core.features.activations import role_of
from core.features.contents import Member, Share, SupernodeReport
from core.features.edges import place_in
from core.features.groups import facts, measure
from core.features.labels import feature_label, label_circuit
from core.features.names import reading
from core.features.siblings import about
from core.features.variables import VariableFit
from core.graph import NodeKind
from core.lab import Change, Lab, LabSettings

DECODED = 6
"""Decoded variables or frequencies that a report lists."""


def supernode_report(lab: Lab, name: str, prompt: int = 0) -> SupernodeReport:
    """Everything the inspector shows of a supernode.

    Args:
        lab: Where it lives.
        name: Its name in the hierarchy.
        prompt: Number of the prompt.

    Raises:
        NodeError: If there is no such supernode or prompt.
    """
    tree, circuit, labels = lab.bundle.hierarchy, lab.bundle.circuit, lab.bundle.labels
    supernode = tree.find(name)
    lab.place(prompt)
    leaves = sorted(tree.members(supernode).tolist())
    nodes = [circuit.nodes[leaf] for leaf in leaves]
    measured = measure(lab, [node for node in nodes if isinstance(node, FeatureNode)])
    known = facts(measured, nodes)
    own = {str(n): feature_label(measured, i) for i, n in enumerate(measured.nodes)}
    changes = [Change(node=str(node), scale=0.0) for node in nodes]
    in_model = lab.predict(prompt, changes)
    in_circuit = lab.predict(prompt, changes, LabSettings(inside="circuit"))
    task = lab.across_task(changes, LabSettings(inside="circuit"))
    above = int(tree.parent[supernode])
    return SupernodeReport(
        node=name,
        # Only all of the siblings together tell how this one differs.
        label=labels.get(name) or label_circuit(lab)[name],
        about=about(known),
        decoded=known.decoded[:DECODED],
        parent=tree.name[above] if above >= 0 else None,
        children=tuple(tree.name[child] for child in tree.children(supernode)),
        members=tuple(
            Member(
                node=str(node),
                label=labels.get(str(node)) or own.get(str(node), str(node)),
                rank=leaf + 1,
                activation=lab.activation(prompt, node) if isinstance(node, FeatureNode) else 0.0,
            )
            for leaf, node in zip(leaves, nodes, strict=True)
        ),
        roles=_shares([_role(lab, node) for node in nodes]),
        variables=_shares([_variable(fits) for fits in measured.fits]),
        prompt=prompt,
        delta_p=in_model.changed.p_answer - in_model.full.p_answer,
        delta_p_circuit=in_circuit.changed.p_answer - in_circuit.circuit.p_answer,
        lost=task.faithfulness_circuit - task.faithfulness,
        effect_out=_effect_out(lab, measured.nodes),
    )


def _role(lab: Lab, node: GatedNode) -> str:
    """`L1 at =`; only the layer of a head at all positions."""
    at = "" if node.position is None else f" at {role_of(lab, node.position)}"
    return f"L{node.layer}{at}"


def _shares(names: Sequence[str]) -> tuple[Share, ...]:
    return tuple(Share(name=name, count=count) for name, count in Counter(names).most_common())


def _variable(fits: Sequence[VariableFit]) -> str:
    """What a member follows: its waves or its variable; `none` where it follows none."""
    found = reading(fits)
    if found is None:
        return "none"
    return found.name if found.frequencies else ", ".join(found.variables)


def _effect_out(lab: Lab, nodes: Sequence[FeatureNode]) -> float:
    """Summed direct effect on the logits of the task graph."""
    graph = lab.bundle.graph
    rows = [row for node in nodes if (row := place_in(graph, node)) is not None]
    source, target = graph.edge_index
    to_logits = graph.kind[target] == int(NodeKind.LOGIT)
    mine = graph.kind.new_zeros(graph.n_nodes).bool()
    mine[rows] = True
    return float(graph.direct_effect[mine[source] & to_logits].sum())
