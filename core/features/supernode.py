"""The inspector's page of one supernode: its members, what they are about, and what it does."""

from collections import Counter
from collections.abc import Sequence

from core.circuit import FeatureNode
from core.features.contents import Member, Share, SupernodeReport
from core.features.edges import place_in
from core.features.feature import role_of
from core.features.labels import circuit_fits, feature_label, group_label
from core.features.names import reading
from core.features.variables import VariableFit
from core.graph import NodeKind
from core.lab import Change, Lab, LabSettings


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
    fits = circuit_fits(lab)
    changes = [Change(node=str(node), scale=0.0) for node in nodes]
    in_model = lab.predict(prompt, changes)
    in_circuit = lab.predict(prompt, changes, LabSettings(inside="circuit"))
    task = lab.across_task(changes, LabSettings(inside="circuit"))
    above = int(tree.parent[supernode])
    return SupernodeReport(
        node=name,
        label=labels.get(name) or group_label(lab, [str(node) for node in nodes], fits),
        parent=tree.name[above] if above >= 0 else None,
        children=tuple(tree.name[child] for child in tree.children(supernode)),
        members=tuple(
            Member(
                node=str(node),
                label=labels.get(str(node)) or feature_label(lab, node, fits[str(node)]),
                rank=leaf + 1,
                activation=lab.activation(prompt, node),
            )
            for leaf, node in zip(leaves, nodes, strict=True)
        ),
        roles=_shares([f"L{node.layer} at {role_of(lab, node.position)}" for node in nodes]),
        variables=_shares([_variable(fits[str(node)]) for node in nodes]),
        prompt=prompt,
        delta_p=in_model.changed.p_answer - in_model.full.p_answer,
        delta_p_circuit=in_circuit.changed.p_answer - in_circuit.circuit.p_answer,
        lost=task.faithfulness_circuit - task.faithfulness,
        effect_out=_effect_out(lab, nodes),
    )


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
