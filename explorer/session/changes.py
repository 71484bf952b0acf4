"""From what a reader changed on the screen to what the Lab runs.

A reader ablates or scales supernodes and single nodes; the Lab knows single nodes. `expand` writes
each supernode out as its leaves: outer supernodes first, then inner ones, then single nodes, so
that the more particular choice wins (C ablated, C1 put back: only C1 runs).
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

from core.bundle import Bundle
from core.errors import NodeError
from core.interventions import Ablation
from core.lab import Change, LabSettings
from explorer.session.view import Changed, View


def expand(bundle: Bundle, changes: Sequence[Changed]) -> tuple[Change, ...]:
    """Single-node changes, one a node, in the order of the circuit's own ranking where it can be.

    Raises:
        NodeError: If a change names neither a supernode nor something written as a node.
    """
    tree = bundle.hierarchy
    depth = {name: int(level) for name, level in zip(tree.name, tree.depth_of, strict=True)}
    last = 1 + max(depth.values(), default=0)
    scale: dict[str, float] = {}
    for changed in sorted(changes, key=lambda c: depth.get(c.node, last + ("@" in c.node))):
        for node in members(bundle, changed.node):
            # popped, so that the change that counts also stands last; a head at all its positions
            # takes in those that a supernode brought
            for known in [k for k in scale if k == node or k.startswith(f"{node}@")]:
                del scale[known]
            scale[node] = changed.scale
    return tuple(Change(node=node, scale=value) for node, value in scale.items() if value != 1.0)


def members(bundle: Bundle, node: str) -> tuple[str, ...]:
    """The single nodes behind an id: a supernode's leaves, or the node itself."""
    tree = bundle.hierarchy
    if node in tree.name:
        leaves = tree.members(tree.name.index(node))
        return tuple(str(bundle.circuit.nodes[leaf]) for leaf in leaves)
    return (node,)


def knows(bundle: Bundle, node: str) -> bool:
    """Whether an id names a supernode, a feature of the circuit, or a head, error or leaf."""
    if node in bundle.hierarchy.name[1:]:
        return True
    if node.count(":") == 2 and node[0].isdigit():
        return node in {str(known) for known in bundle.circuit.nodes}
    return node.startswith(("L", "e:", "tok:", "pos:", "bias:", "outside", "out:"))


def ablated(bundle: Bundle, changes: Sequence[Changed]) -> tuple[str, ...]:
    """Features and heads that are fully ablated: what random selections are matched to."""
    found = expand(bundle, changes)
    return tuple(c.node for c in found if c.scale == 0 and not c.node.startswith("e:"))


def settings_of(view: View) -> LabSettings:
    """How the view's changes are applied."""
    return LabSettings(how=Ablation(view.how), errors=view.errors, inside=view.inside)


def name_of(bundle: Bundle, node: str) -> str:
    """What a person calls a node: its label, or its id where it has none."""
    return bundle.labels.get(node, "")


def word(changes: Iterable[Changed]) -> str:
    """What was done to a changed set, in one word: ablated, scaled, or changed for a mixture."""
    done = {"ablated" if c.scale == 0 else "scaled" for c in changes if c.scale != 1}
    return done.pop() if len(done) == 1 else "changed"


def counted(bundle: Bundle, changes: Sequence[Changed]) -> str:
    """Single nodes by what was done to them: “33 ablated · 1 scaled”; "" where none is changed."""
    found = expand(bundle, changes)
    out = sum(change.scale == 0 for change in found)
    parts = ((out, "ablated"), (len(found) - out, "scaled"))
    return " · ".join(f"{many:,} {done}" for many, done in parts if many)


class Applied(Protocol):
    """How changes are applied: a view, or a test of the log."""

    @property
    def how(self) -> str: ...
    @property
    def errors(self) -> str: ...
    @property
    def inside(self) -> str: ...


_AT = {"mean": "their means", "zero": "zero"}
_TO = {"resample": "the corrupt prompt's values", **_AT}


def regime(view: Applied) -> str:
    """In what setting figures were taken, in words: what is live, and where the rest is held."""
    held = "" if view.errors == "live" else f", errors held at {_AT[view.errors]}"
    if view.inside == "model":
        live = "attention and errors are" if view.errors == "live" else "attention is"
        return (
            f"In the full model: ablated nodes go to {_TO[view.how]}{held}; {live} recomputed live."
        )
    return (
        f"Inside the circuit: ablated nodes and everything outside it go to {_TO[view.how]}"
        f"{held or ', errors too'}; attention is recomputed live."
    )


def sentence(changes: Iterable[Changed]) -> str:
    """A changed set in a few words: “C3, L1H3 ablated, 0:4:902 scaled × 0.5”."""
    out = [c.node for c in changes if c.scale == 0]
    scaled = [f"{c.node} scaled × {c.scale:g}" for c in changes if c.scale not in (0, 1)]
    back = [c.node for c in changes if c.scale == 1]
    parts = []
    if out:
        more = f" and {len(out) - 4} more" if len(out) > 4 else ""
        parts.append(", ".join(out[:4]) + more + " ablated")
    parts += scaled[:3] + ([f"{len(scaled) - 3} more scaled"] if len(scaled) > 3 else [])
    parts += [f"{', '.join(back[:3])} restored"] if back else []
    return ", ".join(parts) or "nothing changed"


def size(bundle: Bundle, changes: Sequence[Changed]) -> int:
    """Single nodes that are changed."""
    return len(expand(bundle, changes))


def toggled(changes: Sequence[Changed], node: str, scale: float = 0.0) -> tuple[Changed, ...]:
    """The set with `node` at `scale`; without it, where it already was there at that scale."""
    kept = tuple(c for c in changes if c.node != node)
    if Changed(node, scale) in changes or scale == 1.0:
        return kept
    return (*kept, Changed(node, scale))


def held(bundle: Bundle, changes: Iterable[Changed], node: str) -> float:
    """The factor that holds for a node: its own, or that of the nearest supernode around it."""
    at, tree = {change.node: change.scale for change in changes}, bundle.hierarchy
    if node in tree.name:
        around = tree.path(tree.find(node))
    else:
        places = [leaf for leaf, known in enumerate(bundle.circuit.nodes) if str(known) == node]
        around = tree.path(int(tree.terminal_of()[places[0]])) if places else ()
    inward = (node, *(tree.name[s] for s in reversed(around)))
    return next((at[name] for name in inward if name in at), 1.0)


def put(
    bundle: Bundle, changes: Sequence[Changed], nodes: Sequence[str], scale: float
) -> tuple[Changed, ...]:
    """The set with all of `nodes` at `scale`, or live again where all are at it already.

    As the keys do it (`canvas/store.js`): what a supernode around a node says already is not said
    again, and a node put back inside an ablated supernode is an entry of its own.
    """
    if all(held(bundle, changes, node) == scale for node in nodes):
        scale = 1.0
    kept = tuple(changes)
    for node in nodes:
        kept = tuple(c for c in kept if c.node != node)
        if held(bundle, kept, node) != scale:
            kept = (*kept, Changed(node, scale))
    return kept


def parse(text: str, scale: float) -> tuple[Changed, ...]:
    """Node ids typed by a person, separated by commas or blanks.

    Raises:
        NodeError: If nothing was typed.
    """
    ids = text.replace(",", " ").split()
    if not ids:
        raise NodeError("No node was given.\nType ids such as C3, 0:4:12, L0H2 or L0H2@4.")
    return tuple(Changed(node, scale) for node in dict.fromkeys(ids))
