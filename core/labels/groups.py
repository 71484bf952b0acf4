"""What is known of a group of features and heads, each part beside its control.

1. What it carries: what can be decoded from it, frequencies or variables (`carried`).
2. Where it is: the layer and position of most of its members.
3. The values it is most active on, and the answers it raises (`peaks`).
4. What most of its heads do.
`siblings` makes labels of them.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from core.circuit import FeatureNode, GatedNode, HeadNode
from core.features.activations import role_of
from core.features.measured import Measured
from core.features.readout import Decoded, decoded
from core.features.variables import Value
from core.lab import Lab
from core.labels.carried import Carried, carried
from core.labels.heads import is_plain
from core.labels.peaks import peak_values, raised_answers

MOSTLY = 0.6
"""Share of the members that must be in one layer, or at one position, to place the group."""
Members = Literal["features", "heads", "both"]
"""What a group is made of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """A group's own, whatever its siblings are."""

    size: int
    carried: Carried | None
    """None where nothing beats its control."""
    decoded: tuple[Decoded, ...]
    """What can be read off it, best first."""
    layer: str
    """`L1`, or `L0–2`."""
    role: str
    """Name of the position, or of two; empty where two do not have most of it."""
    of: Members
    """What it is made of."""
    kinds: tuple[str, ...]
    """What most of its heads do, commonest first; empty where they are of no known kind."""
    values: tuple[Value, ...]
    """Of its first variable, strongest first."""
    tokens: tuple[str, ...]
    """Answers that it raises, strongest first."""
    leader: str
    """Id of its member that ranks first in the circuit."""


def facts(measured: Measured, nodes: Sequence[GatedNode], heads: Mapping[str, str]) -> Facts:
    """What is known of a group: heads have kinds, what it carries is read off its features.

    Args:
        measured: Of its features and others.
        nodes: Its members, by rank.
        heads: What each of its heads is called, by id (`head_labels`).
    """
    place = {str(node): i for i, node in enumerate(measured.nodes)}
    members = [place[str(node)] for node in nodes if isinstance(node, FeatureNode)]
    read, held = (), None
    if members:
        read = decoded(measured.activation[:, members], measured.targets)
        held = carried(measured, members, read)
    layer, role = _place(measured.lab, nodes)
    return Facts(
        size=len(nodes),
        carried=held,
        decoded=tuple(sorted((d for d in read if d.found), key=lambda d: -d.score)),
        layer=layer,
        role=role,
        of="both" if members and len(members) < len(nodes) else "features" if members else "heads",
        kinds=_kinds([node for node in nodes if isinstance(node, HeadNode)], heads),
        values=peak_values(measured, members, held.variables[0]) if held else (),
        tokens=raised_answers(measured, members) if members else (),
        leader=str(nodes[0]),
    )


def _kinds(nodes: Sequence[HeadNode], heads: Mapping[str, str]) -> tuple[str, ...]:
    """The fewest kinds, two at most, that most of the heads are of."""
    named = Counter(heads[str(n)] for n in nodes if not is_plain(n, heads[str(n)]))
    first = named.most_common(2)
    for many in range(1, len(first) + 1):
        if sum(count for _, count in first[:many]) >= MOSTLY * len(nodes):
            return tuple(kind for kind, _ in first[:many])
    return ()


def _place(lab: Lab, nodes: Sequence[GatedNode]) -> tuple[str, str]:
    """Layer and position of most of them; two positions where it takes two."""
    layers = Counter(node.layer for node in nodes)
    layer, most = layers.most_common(1)[0]
    span = f"L{min(layers)}–{max(layers)}"
    known = [node.position for node in nodes if node.position is not None]
    positions = Counter(known).most_common(2)
    needed = 1 if known and positions[0][1] >= MOSTLY * len(nodes) else 2
    enough = sum(count for _, count in positions) >= MOSTLY * len(nodes)
    chosen = sorted(position for position, _ in positions[:needed]) if enough else []
    named = "/".join(role_of(lab, position) for position in chosen)
    return f"L{layer}" if most >= MOSTLY * len(nodes) else span, named
