"""The inspector of a supernode: its members, their roles, and the supernodes it works with.

Features are listed by activation. Heads have none: they are listed by what ablating each does, then
by what they read.
"""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Literal

import numpy as np
import streamlit as st

from explorer.inspector import parts as inspector
from explorer.inspector.actions import draw_actions, draw_rename
from explorer.inspector.graph import edge_bars, places, to_logit
from explorer.inspector.parts import Fact
from explorer.inspector.seen import Inspected, alone, each_alone
from explorer.inspector.seen import report as report_of
from explorer.look import theme
from explorer.network.scene import JOINT

if TYPE_CHECKING:
    from core.features import Decoded
    from core.inspector import HeadMember, Share, SupernodeReport

MEMBERS = 8
"""Members of a supernode that are listed at once; the others are folded."""
DECODED = 4
"""Readings that are named."""
MOST_MEMBERS = 120
"""Members that are listed at all."""


def draw_supernode(seen: Inspected, name: str) -> None:
    """Title, numbers, actions, roles, members by importance, and edges to other supernodes."""
    members = seen.scene.members(name)
    report = report_of(seen, "supernode", name)
    label = seen.label(name) or (report.label if report else "") or f"Supernode {name}"
    placed = places(seen.scene, members)
    sub = "supernode" if placed in label.split(JOINT) else escape(placed)
    about = report.about if report else ""
    st.html(inspector.title_html(label, sub, role=theme.role_of(name), badge=name, about=about))
    st.html(inspector.facts_html(_supernode_facts(seen, name, report)))
    draw_rename(seen, name, label)
    draw_actions(seen, name)
    if report is not None:
        _variables(report)
    _draw_members(seen, name, report)
    into, out = (edge_bars(seen.scene, members, way, under=name) for way in _WAYS)
    total = f"In, Σ = {inspector.number(sum(bar.value for bar in into))}" if into else "In"
    st.html(inspector.two_lists_html((total, into), ("Out", out)))


_WAYS: tuple[Literal["in", "out"], ...] = ("in", "out")


def _draw_members(seen: Inspected, name: str, report: "SupernodeReport | None") -> None:
    """Its features, then its heads, in the order of the circuit's ranking."""
    if report is None:
        _section("Members", _by_graph(seen, name), "mean activation")
        return
    features = [(m.node, m.label, m.activation) for m in report.members]
    if features:
        _section("Members" if not report.heads else "Features", features, "activation here")
    if report.heads:
        effects = each_alone(seen, [h.node for h in report.heads])
        heads = [(h.node, h.label, effects[h.node]) for h in report.heads]
        _section("Heads", heads, "ΔP here if it alone is ablated")
        _section("What they read", read_by(report.heads), "attention weight here")


def _section(title: str, ranked: "Sequence[tuple[str, str, float]]", note: str) -> None:
    bars = inspector.told_apart(ranked[:MOST_MEMBERS], "all")
    body = inspector.bars_html(bars, fold=MEMBERS)
    st.html(inspector.section_html(f"{title}, most important first", body, note))


def _by_graph(seen: Inspected, name: str) -> list[tuple[str, str, float]]:
    """What the graph says of its members until the model is there."""
    tree, scene = seen.bundle.hierarchy, seen.scene
    leaves = np.sort(tree.members(tree.find(name)))
    places = [int(scene.tree_leaf[leaf]) for leaf in leaves]
    nodes = [(scene.ids[i], float(scene.activation[i])) for i in places if i >= 0]
    return [(node, seen.label(node), value) for node, value in nodes]


def read_by(heads: "Sequence[HeadMember]") -> list[tuple[str, str, float]]:
    """Where each head looks most, as `= ← 17`; one whose position the prompt lacks is left out."""
    return [(h.node, f"{h.query} ← {h.key}", h.weight) for h in heads if h.query]


def _supernode_facts(seen: Inspected, name: str, report: "SupernodeReport | None") -> list[Fact]:
    lead = seen.scene.labels.get(seen.scene.lead, "answer").strip()
    direct = to_logit(seen.scene, seen.scene.members(name))
    facts = [Fact(f"{len(seen.scene.members(name))}", "nodes")]
    facts.append(inspector.direct_fact(direct, lead))
    facts.append(inspector.ablated_fact(alone(seen, name)))
    if report is not None:
        facts.append(Fact(inspector.number(report.lost), "F lost, all prompts"))
    return facts


def _variables(report: "SupernodeReport") -> None:
    """Where its members are, and what can be read off them beside what could be by chance."""
    if len(report.roles) > 1:
        st.html(inspector.section_html("Roles", _chips(report.roles), "layer and position"))
    if report.kinds:
        st.html(
            inspector.section_html("Kinds of heads", _chips(report.kinds), "on all test prompts")
        )
    if told := read_off(report.decoded):
        least = max(0.0, *(one.control for one in told))
        note = f"shuffled variable ≤ {inspector.number(least)}"
        body = f'<div class="hx-members">{"".join(map(decoded_html, told))}</div>'
        st.html(inspector.section_html("What can be read off it", body, note))
    elif report.variables:
        st.html(inspector.section_html("Named by", _chips(report.variables), "members"))


def read_off(decoded: "Sequence[Decoded]") -> "list[Decoded]":
    """The best readings that beat the same reading of a shuffled variable."""
    return [one for one in decoded if one.score > max(0.0, one.control)][:DECODED]


def decoded_html(found: "Decoded") -> str:
    """A variable, or a frequency of it, and how well the members together tell it."""
    wave = "" if found.frequency is None else f", k = {found.frequency}"
    measure = "right" if found.frequency is None else "R²"
    score = f"{measure} {inspector.number(found.score)}"
    waved = (
        "variance of this wave explained" if found.frequency is not None else "prompts told right"
    )
    about = f"{waved}; {inspector.number(found.control)} with the variable shuffled"
    return (
        f'<span class="hx-chip" title="{about}">{escape(found.variable + wave)} '
        f'<span class="hx-faint">{score}</span></span>'
    )


def _chips(shares: "Sequence[Share]") -> str:
    chips = (
        f'<span class="hx-chip">{escape(s.name)} <span class="hx-faint">{s.count}</span></span>'
        for s in shares[:6]
    )
    return f'<div class="hx-members">{"".join(chips)}</div>'
