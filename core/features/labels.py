"""Names that features and supernodes give themselves; a label in the bundle wins.

1. A feature is named by the variable it follows best (`variables`); failing that, at the last
   position by the tokens its decoder row raises, elsewhere by the position it is at.
2. A supernode is named by what its members are named by: the variable most of them follow, with the
   commonest frequencies where they are waves; failing that by where they are.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence

import torch

from core.circuit import FeatureNode
from core.features.activations import values_of
from core.features.feature import role_of
from core.features.names import reading
from core.features.variables import VariableFit, periods_of, variable_fits
from core.lab import Lab


def label_circuit(lab: Lab) -> dict[str, str]:
    """A label for every feature and supernode of the circuit, by id."""
    fits = circuit_fits(lab)
    found = {
        node: feature_label(lab, FeatureNode(*map(int, node.split(":"))), fits[node])
        for node in fits
    }
    tree = lab.bundle.hierarchy
    nodes = [str(node) for node in lab.bundle.circuit.nodes]
    for supernode, name in enumerate(tree.name):
        members = [nodes[leaf] for leaf in tree.members(supernode).tolist()]
        found[name] = group_label(lab, members, fits)
    return found | dict(lab.bundle.labels)


def circuit_fits(lab: Lab) -> dict[str, tuple[VariableFit, ...]]:
    """Every circuit feature's fits, strongest first; those of one position fitted at once."""
    periods = periods_of([pair.variables for pair in lab.task.pairs])
    by_position: dict[int, list[FeatureNode]] = defaultdict(list)
    for node in lab.bundle.circuit.nodes:
        by_position[node.position].append(node)
    found = {}
    for nodes in by_position.values():
        values = [values_of(lab, node) for node in nodes]
        variables = [lab.prompts[i].variables for i in values[0].prompt]
        columns = torch.stack([v.value for v in values], 1)
        fits = variable_fits(columns, variables, periods)
        found |= {str(node): mine for node, mine in zip(nodes, fits, strict=True)}
    return {str(node): found[str(node)] for node in lab.bundle.circuit.nodes}


def feature_label(lab: Lab, node: FeatureNode, fits: Sequence[VariableFit]) -> str:
    """A feature's own name."""
    found = reading(fits)
    if found is not None:
        return found.name
    if node.position == lab.length - 1:
        return f"raises {', '.join(_raised(lab, node))}"
    return f"at {role_of(lab, node.position)}"


def _raised(lab: Lab, node: FeatureNode) -> list[str]:
    """The two tokens whose logit a unit of the feature raises most, for any norm scale."""
    norm, model = lab.model.final_norm, lab.model
    written = norm.centre(lab.transcoders[node.layer].W_dec[node.feature]) * norm.weight
    return [model.token_text(t).strip() for t in (model.W_U @ written).topk(2).indices.tolist()]


def group_label(lab: Lab, members: Sequence[str], fits: dict[str, tuple[VariableFit, ...]]) -> str:
    """A supernode's own name."""
    found = [read for node in members if (read := reading(fits[node]))]
    counts = Counter(name for read in found for name in read.variables)
    common = [name for name, count in counts.most_common(2) if count >= 0.3 * len(members)]
    if not common:
        return _place(lab, members)
    turns = Counter(
        k for read in found if set(read.variables) & set(common) for k in read.frequencies
    )
    frequencies = sorted(k for k, count in turns.most_common(3) if count >= 0.2 * len(members))
    tail = f" · k = {', '.join(map(str, frequencies))}" if frequencies else ""
    return ", ".join(sorted(common)) + tail


def _place(lab: Lab, members: Sequence[str]) -> str:
    """Where most members are: `L1 at =`."""
    places = Counter(tuple(map(int, node.split(":")[:2])) for node in members)
    (layer, position), _ = places.most_common(1)[0]
    return f"L{layer} at {role_of(lab, position)}"
