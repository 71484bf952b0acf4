"""The inspector of a supernode: its members, their roles, and the supernodes it works with."""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Literal

import numpy as np
import streamlit as st

from explorer.inspector import parts as inspector
from explorer.inspector.actions import draw_actions, draw_rename
from explorer.inspector.graph import edge_bars, places, to_logit
from explorer.inspector.parts import Bar, Fact
from explorer.inspector.seen import Inspected, alone
from explorer.inspector.seen import report as report_of
from explorer.look import theme

if TYPE_CHECKING:
    from core.features import SupernodeReport
    from core.features.contents import Decoded, Share

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
    many = f"{len(members)} node{'s' * (len(members) != 1)}"
    sub = f"{many} · {escape(places(seen.scene, members))}"
    st.html(inspector.title_html(label, sub, role=theme.role_of(name), badge=name))
    st.html(inspector.facts_html(_supernode_facts(seen, name, report)))
    draw_rename(seen, name, label)
    draw_actions(seen, name)
    if report is not None:
        _variables(report)
    body = inspector.bars_html(_members(seen, name, report), fold=MEMBERS)
    note = "activation on this prompt" if seen.ready else "mean activation"
    st.html(inspector.section_html("Members, most important first", body, note))
    into, out = (edge_bars(seen.scene, members, way, under=name) for way in _WAYS)
    total = f"In, Σ = {inspector.number(sum(bar.value for bar in into))}" if into else "In"
    st.html(inspector.two_lists_html((total, into), ("Out", out)))


_WAYS: tuple[Literal["in", "out"], ...] = ("in", "out")


def _members(seen: Inspected, name: str, report: "SupernodeReport | None") -> list[Bar]:
    """Its features in the order of the circuit's ranking, with what they do on this prompt."""
    if report is not None:
        ranked = [(m.node, m.label, m.activation) for m in report.members]
    else:
        tree, scene = seen.bundle.hierarchy, seen.scene
        leaves = np.sort(tree.members(tree.find(name)))
        places = [int(scene.tree_leaf[leaf]) for leaf in leaves]
        nodes = [(scene.ids[i], float(scene.activation[i])) for i in places if i >= 0]
        ranked = [(node, seen.label(node), value) for node, value in nodes]
    return inspector.told_apart(ranked[:MOST_MEMBERS], "all")


def _supernode_facts(seen: Inspected, name: str, report: "SupernodeReport | None") -> list[Fact]:
    lead = seen.scene.labels.get(seen.scene.lead, "answer").strip()
    direct = to_logit(seen.scene, seen.scene.members(name))
    tone: Literal["pos", "neg"] = "neg" if direct < 0 else "pos"
    effect = alone(seen, name)
    facts = [Fact(f"{len(seen.scene.members(name))}", "nodes")]
    facts.append(Fact(inspector.signed(direct), "direct effect", tone, f"on the logit of {lead}"))
    facts.append(Fact("–" if effect is None else inspector.signed(effect), "ΔP if ablated"))
    if report is not None:
        facts.append(Fact(inspector.number(report.lost), "F lost, all prompts"))
    return facts


def _variables(report: "SupernodeReport") -> None:
    """Where its members are, and what can be read off them beside what could be by chance."""
    if len(report.roles) > 1:
        st.html(inspector.section_html("Roles", _chips(report.roles), "layer and position"))
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
