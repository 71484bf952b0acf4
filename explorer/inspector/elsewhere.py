"""A feature or supernode in other circuits: what stands for it there, where that was compared.

The matching is that of `hagd transfer`, as the store keeps it: one to one, by what features do on
the same prompts. Nothing is drawn where nothing is stored.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, NamedTuple

import streamlit as st

from core.errors import CoreError
from explorer import menu
from explorer.inspector import parts as inspector
from explorer.inspector.seen import Inspected
from explorer.session import resources

if TYPE_CHECKING:
    from core.bundle import Bundle
    from core.transfer import Partner

MOST = 5
"""Other circuits that are listed."""


class Elsewhere(NamedTuple):
    """What stands for something in one other circuit."""

    circuit: str
    node: str
    """The feature, or the supernode that most of the partners are in."""
    text: str
    figure: str


def draw_elsewhere(seen: Inspected, node: str) -> None:
    """The section, where there is anything to tell."""
    found = resources.partners(seen.name)
    rows = rows_of(seen.bundle, node, found) if found else []
    if rows:
        body = "".join(map(_row_html, rows))
        st.html(inspector.section_html("In other circuits", body, "alike on the same prompts"))


def rows_of(
    bundle: "Bundle", node: str, partners: "Mapping[str, tuple[Partner, ...]]"
) -> list[Elsewhere]:
    """A row for each other circuit, the likest (of a supernode: the fullest) first."""
    if node not in bundle.hierarchy.name:
        rows = [_of_feature(partner) for partner in partners.get(node, ())]
        return [row for row in rows if row][:MOST]
    tree = bundle.hierarchy
    leaves = sorted(tree.members(tree.find(node)).tolist())
    members = [str(bundle.circuit.nodes[leaf]) for leaf in leaves]
    by: dict[str, list[Partner]] = {}
    for partner in (one for member in members for one in partners.get(member, ())):
        by.setdefault(partner.circuit, []).append(partner)
    ranked = sorted(by.values(), key=len, reverse=True)
    rows = [_of_supernode(found, len(members)) for found in ranked]
    return [row for row in rows if row][:MOST]


def _of_feature(partner: "Partner") -> Elsewhere | None:
    other = _opened(partner.circuit)
    if other is None:
        return None
    label = other.labels.get(partner.node, "")
    figure = f"r {inspector.number(partner.r)}"
    return Elsewhere(partner.circuit, partner.node, f"{partner.node} {label}".strip(), figure)


def _of_supernode(found: "Sequence[Partner]", many: int) -> Elsewhere | None:
    """How many members have a partner, and where most of these are."""
    other = _opened(found[0].circuit)
    if other is None:
        return None
    tree, place = other.hierarchy, {str(n): leaf for leaf, n in enumerate(other.circuit.nodes)}
    terminal = tree.terminal_of()
    leaves = [place[partner.node] for partner in found if partner.node in place]
    outer = [tree.path(int(terminal[leaf])) for leaf in leaves]
    held = Counter(tree.name[path[1]] for path in outer if len(path) > 1)
    if not held:
        return None
    (name, _), *_ = held.most_common(1)
    text = f"most in {name} {other.labels.get(name, '')}".strip()
    return Elsewhere(found[0].circuit, name, text, f"{len(found)} of {many}")


def _opened(name: str) -> "Bundle | None":
    try:
        return resources.bundle(name)
    except CoreError:
        return None


def _row_html(row: Elsewhere) -> str:
    href = menu.address(
        "circuit", circuit=row.circuit, path=(), selection=(row.node,), changes=(), prompt=0
    )
    return (
        f'<a class="hx-entry" href="{escape(href)}" target="_self" title="Open it there">'
        f'<span class="hx-nowrap">{escape(row.circuit)}</span>'
        f'<span class="hx-clip hx-faint">{escape(row.text)}</span><b>{escape(row.figure)}</b></a>'
    )
