"""The inspector's page of one supernode: its members, what they are about, and what it does.

Its heads have a part of their own: what each is called, what it looks at most on the prompt from
its own position, and what ablating it alone does.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

import torch

from core.circuit import FeatureNode, GatedNode, HeadNode
from core.features.activations import role_of
from core.features.measured import measure
from core.features.variables import VariableFit
from core.inspector.contents import HeadMember, Member, Share, SupernodeReport
from core.lab import Change, Lab, LabSettings
from core.labels.circuit import feature_label, label_circuit
from core.labels.groups import facts
from core.labels.heads import head_labels, is_plain
from core.labels.readings import reading
from core.labels.siblings import about

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
    heads = [node for node in nodes if isinstance(node, HeadNode)]
    kinds = head_labels(lab, heads)
    known = facts(measured, nodes, kinds)
    own = kinds | {str(n): feature_label(measured, i) for i, n in enumerate(measured.nodes)}
    rank = {str(node): leaf + 1 for leaf, node in zip(leaves, nodes, strict=True)}
    changes = [Change(node=str(node), scale=0.0) for node in nodes]
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
                label=labels.get(str(node)) or own[str(node)],
                rank=rank[str(node)],
                activation=lab.activation(prompt, node),
            )
            for node in measured.nodes
        ),
        heads=_heads(lab, heads, own | dict(labels), rank, prompt),
        kinds=_shares(
            ["of no known kind" if is_plain(h, kinds[str(h)]) else kinds[str(h)] for h in heads]
        ),
        roles=_shares([_role(lab, node) for node in nodes]),
        variables=_shares([_variable(fits) for fits in measured.fits]),
        prompt=prompt,
        lost=task.faithfulness_circuit - task.faithfulness,
    )


def _heads(
    lab: Lab,
    heads: Sequence[HeadNode],
    names: Mapping[str, str],
    rank: Mapping[str, int],
    prompt: int,
) -> tuple[HeadMember, ...]:
    """What each head looks at from its position (the last, of a head at all) and does alone.

    A head whose position a short prompt lacks looks at nothing there.
    """
    if not heads:
        return ()
    view = lab.prompts[prompt]
    pattern = lab.model.trace(torch.tensor(view.ids)[None]).pattern
    alone = lab.single_effects(prompt, [str(head) for head in heads])
    found = []
    for head in heads:
        at = (lab.length - 1 if head.position is None else head.position) - view.shift
        row = pattern[head.layer, 0, head.head, at, : at + 1] if at >= 0 else torch.zeros(1)
        key = int(row.argmax())
        found.append(
            HeadMember(
                node=str(head),
                label=names[str(head)],
                rank=rank[str(head)],
                query=view.tokens[at].strip() if at >= 0 else "",
                key=view.tokens[key].strip() if at >= 0 else "",
                weight=float(row[key]),
                delta_p=alone[str(head)],
            )
        )
    return tuple(found)


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
