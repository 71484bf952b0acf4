"""Names that features and supernodes give themselves; a label in the bundle wins.

1. A feature is named by the variable it follows best (`readings`); failing that, at the last
   position by the answers it raises where they are the answer (`→ Mary`); failing that neutrally by
   where it is (`L0 at name 1`).
2. A head is named by its kind (`heads`).
3. A supernode is named by what can be decoded from its members or, of heads alone, by what these do
   (`groups`), told apart from the other children of its parent (`siblings`). One of a single member
   is named as that member.
"""

from collections.abc import Mapping

from core.circuit import HeadNode
from core.features.activations import role_of
from core.features.measured import Measured, measure
from core.lab import Lab
from core.labels.groups import facts
from core.labels.heads import head_labels
from core.labels.peaks import raised_answers
from core.labels.readings import reading
from core.labels.siblings import told_apart
from core.models import suited_threads


def label_circuit(lab: Lab) -> dict[str, str]:
    """A label for every feature, head and supernode of the circuit, by id."""
    with suited_threads(lab.model):
        return _all_labels(lab) | dict(lab.bundle.labels)


def _all_labels(lab: Lab) -> dict[str, str]:
    measured = measure(lab, lab.bundle.circuit.features)
    found = {str(node): feature_label(measured, place) for place, node in enumerate(measured.nodes)}
    found |= head_labels(lab, [n for n in lab.bundle.circuit.nodes if isinstance(n, HeadNode)])
    tree = lab.bundle.hierarchy
    for above in range(-1, tree.n_supernodes):
        found |= sibling_labels(measured, above, found)
    return found


def sibling_labels(measured: Measured, above: int, nodes: Mapping[str, str]) -> dict[str, str]:
    """Labels of a supernode's children, by name; of the root alone for -1.

    Args:
        measured: Of all features of the circuit, in its order.
        above: Id of the supernode.
        nodes: Labels of the features and heads.
    """
    tree, circuit = measured.lab.bundle.hierarchy, measured.lab.bundle.circuit
    children = tree.children(above) if above >= 0 else (0,)
    members = [
        [circuit.nodes[leaf] for leaf in sorted(tree.members(child).tolist())] for child in children
    ]
    own = [nodes.get(str(m[0]), str(m[0])) if len(m) == 1 else None for m in members]
    names = told_apart([facts(measured, m, nodes) for m in members], own)
    return {tree.name[child]: name for child, name in zip(children, names, strict=True)}


def feature_label(measured: Measured, place: int) -> str:
    """A feature's own name.

    Args:
        measured: Of it and others.
        place: Its place among them.
    """
    node, found = measured.nodes[place], reading(measured.fits[place])
    if found is not None:
        return found.name
    if answers := raised_answers(measured, [place]):
        return f"→ {', '.join(answers)}"
    return f"L{node.layer} at {role_of(measured.lab, node.position)}"
