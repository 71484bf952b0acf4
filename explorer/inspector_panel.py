"""The inspector: what is known of the node or supernode selected last.

Sections come from `core.features` where the model is loaded; until then, and for kinds it does not
report on, the graph alone tells the edges and the members.
"""

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import streamlit as st

from core.bundle import Bundle
from core.errors import CoreError
from explorer import changes, inspector, notices, state, theme
from explorer.inspector import Bar, Fact
from explorer.scene import Scene
from explorer.state import View

if TYPE_CHECKING:
    from core.lab import Lab

EDGES = 5
"""Edges named on each side; the others are one bar."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Inspected:
    """What the panel is drawn from."""

    bundle: Bundle
    scene: Scene
    view: View
    lab: "Lab | CoreError | None"
    """The Lab, why it cannot be had, or None while it loads."""
    name: str
    """Name of the circuit in the library."""

    @property
    def ready(self) -> "Lab | None":
        """The Lab where it is there."""
        return None if isinstance(self.lab, CoreError) else self.lab

    def label(self, node: str) -> str:
        """What a person calls it."""
        return self.bundle.labels.get(node, "")


def inspect(seen: Inspected) -> None:
    """Draw the panel for what was selected last."""
    node = seen.view.selection[-1] if seen.view.selection else ""
    if isinstance(seen.lab, CoreError):
        notices.refused("The model of this circuit could not be loaded", seen.lab, key="no-lab")
    if not node:
        _overview(seen)
    elif node in seen.bundle.hierarchy.name:
        _supernode(seen, node)
    elif seen.scene.place(node) is None:
        _absent(seen, node)
    else:
        _node(seen, node)


# ---- nothing selected ----


def _overview(seen: Inspected) -> None:
    """What there is to click, and how much each supernode matters."""
    tree = seen.bundle.hierarchy
    names = [tree.name[s] for s in tree.children(0)]
    st.html(
        inspector.title_html(
            seen.bundle.title, "Click a node to inspect it, double click to open it"
        )
    )
    rows = _effects(seen, names)
    note = "ablated alone, this prompt" if seen.ready else "model is loading"
    body = "".join(_supernode_row(seen, name, rows.get(name)) for name in names)
    st.html(inspector.section_html("Supernodes", body, f"change of P(answer), {note}"))
    reasons = [str(reason) for reason in seen.bundle.validation.get("reasons", ())]
    if reasons:
        listed = "".join(f"<p>{escape(reason)}</p>" for reason in reasons[:6])
        st.html(inspector.section_html("Why this verdict", f'<div class="hx-prose">{listed}</div>'))


def _supernode_row(seen: Inspected, name: str, effect: float | None) -> str:
    count = len(seen.scene.members(name))
    shown = "" if effect is None else inspector.signed(effect)
    return (
        f'<div class="hx-entry">{theme.badge_html(name)}<span class="hx-clip">'
        f"{escape(seen.label(name) or '')}</span><span class='hx-faint'>{count}</span>"
        f"<b>{shown}</b></div>"
    )


def _effects(seen: Inspected, names: list[str]) -> dict[str, float]:
    """Change of P(answer) when each supernode alone is ablated."""
    lab = seen.ready
    if lab is None:
        return {}
    settings = changes.settings_of(seen.view)
    out = {}
    for name in names:
        found = lab.predict(
            seen.view.prompt, changes.expand(seen.bundle, (state.Changed(name),)), settings
        )
        before = found.circuit if settings.inside == "circuit" else found.full
        out[name] = found.changed.p_answer - before.p_answer
    return out


# ---- actions ----


def _actions(seen: Inspected, node: str) -> None:
    """Ablate, halve, double; the same set as the canvas and the Lab change."""
    now = {c.node: c.scale for c in seen.view.changes}.get(node)

    def put(scale: float) -> Callable[[], None]:
        def click() -> None:
            current = state.current().changes
            state.update(changes=changes.toggled(current, node, scale))

        return click

    with st.container(key="inspector-actions", horizontal=True):
        st.button(
            "Put back `X`" if now == 0 else "Ablate `X`",
            key="inspect-ablate",
            on_click=put(0.0),
            width="stretch",
        )
        for scale, words in ((0.5, "× 0.5"), (2.0, "× 2")):
            kind: Literal["primary", "secondary"] = "primary" if now == scale else "secondary"
            st.button(words, key=f"inspect-{scale:g}", on_click=put(scale), type=kind)


# ---- supernode ----


def _supernode(seen: Inspected, name: str) -> None:
    members = seen.scene.members(name)
    role = theme.role_of(name)
    inside = _share_inside(seen.scene, members)
    sub = f"{len(members)} nodes · {escape(_places(seen.scene, members))}"
    st.html(
        inspector.title_html(seen.label(name) or f"Supernode {name}", sub, role=role, badge=name)
    )
    effect = _effects(seen, [name]).get(name)
    out, into = _edge_bars(seen.scene, members, "out"), _edge_bars(seen.scene, members, "in")
    st.html(
        inspector.facts_html(
            [
                Fact(f"{len(members)}", "nodes"),
                Fact(inspector.percent(inside), "edges inside"),
                Fact(
                    inspector.number(float(np.abs(_to_logits(seen.scene, members)))),
                    "direct to logits",
                ),
                Fact("–" if effect is None else inspector.signed(effect), "ΔP if ablated"),
            ]
        )
    )
    _actions(seen, name)
    listed = members[np.argsort(-seen.scene.strength[members], kind="stable")]
    bars = [
        Bar(_words(seen, seen.scene.ids[i]), float(_mean_out(seen.scene, i)), mono=False)
        for i in listed[:12]
    ]
    more = f"{len(listed) - 12} more" if len(listed) > 12 else ""
    st.html(inspector.section_html("Members, strongest first", inspector.bars_html(bars), more))
    st.html(
        inspector.pair_html(
            inspector.heading_html("In") + inspector.bars_html(into),
            inspector.heading_html("Out") + inspector.bars_html(out),
        )
    )


def _share_inside(scene: Scene, members: np.ndarray) -> float:
    """Share of the members' Σ|effect| that stays among them."""
    held = np.isin(np.arange(len(scene.ids)), members)
    source, target = held[scene.edge_index[0]], held[scene.edge_index[1]]
    size = np.abs(scene.weight)
    touched = size[source | target].sum()
    return float(size[source & target].sum() / touched) if touched else 0.0


def _to_logits(scene: Scene, members: np.ndarray) -> float:
    """Σ direct effect on the answer."""
    if (lead := scene.place(scene.lead)) is None:
        return 0.0
    hit = np.isin(scene.edge_index[0], members) & (scene.edge_index[1] == lead)
    return float(scene.weight[hit].sum())


def _mean_out(scene: Scene, node: int) -> float:
    """Σ of a node's outgoing effects."""
    return float(scene.weight[scene.edge_index[0] == node].sum())


def _places(scene: Scene, members: np.ndarray) -> str:
    """Where members are: "L0 at 17, L1 at ="."""
    held: dict[str, int] = {}
    for i in members:
        position = int(scene.position[i])
        token = scene.tokens[position].strip() if 0 <= position < len(scene.tokens) else ""
        place = f"L{scene.layer[i]} at {token or position}"
        held[place] = held.get(place, 0) + 1
    ranked = sorted(held, key=lambda place: -held[place])
    return ", ".join(ranked[:3]) + (" …" if len(ranked) > 3 else "")


# ---- single nodes ----


def _node(seen: Inspected, node: str) -> None:
    scene = seen.scene
    place = scene.place(node)
    assert place is not None  # the caller looked
    kind = scene.kind[place]
    holder = _holder(seen, node)
    role = theme.role_of(holder) if holder else "kind-feature"
    name = seen.label(node) or _words(seen, node)
    where = f" in {holder}" if holder else ""
    sub = f'<span class="hx-mono">{escape(node)}</span> &nbsp;{escape(kind + where)}'
    glyph: Any = kind if kind in ("feature", "head", "error", "token", "logit") else "error"
    st.html(inspector.title_html(name, sub, role=role, glyph=glyph))
    st.html(inspector.facts_html(_facts(seen, node, place)))
    if kind in ("feature", "head", "error"):
        _actions(seen, node)
    _edges(seen, place)


def _facts(seen: Inspected, node: str, place: int) -> list[Fact]:
    scene = seen.scene
    direct = _to_logits(scene, np.array([place]))
    lead = scene.labels.get(scene.lead, "answer").strip()
    facts = []
    if scene.kind[place] == "feature":
        facts.append(Fact(inspector.number(float(scene.activation[place])), "activation"))
    tone: Literal["pos", "neg"] = "neg" if direct < 0 else "pos"
    facts.append(Fact(inspector.signed(direct), f"direct to {lead}", tone))
    if seen.ready is not None and scene.kind[place] in ("feature", "head", "error"):
        effect = _effects(seen, [node])[node]
        facts.append(Fact(inspector.signed(effect), "ΔP if ablated"))
    return facts


def _edges(seen: Inspected, place: int) -> None:
    scene = seen.scene
    into = scene.weight[scene.edge_index[1] == place]
    title = f"In, Σ = {inspector.number(float(into.sum()))}" if len(into) else "In"
    st.html(
        inspector.pair_html(
            inspector.heading_html(title)
            + inspector.bars_html(_edge_bars(scene, np.array([place]), "in")),
            inspector.heading_html("Out")
            + inspector.bars_html(_edge_bars(scene, np.array([place]), "out")),
        )
    )


def _edge_bars(scene: Scene, members: np.ndarray, way: Literal["in", "out"]) -> list[Bar]:
    """The strongest neighbours, and the others as one bar; edges among members are left out."""
    mine, theirs = (1, 0) if way == "in" else (0, 1)
    hit = np.isin(scene.edge_index[mine], members) & ~np.isin(scene.edge_index[theirs], members)
    ends, weight = scene.edge_index[theirs][hit], scene.weight[hit]
    total = np.bincount(ends, weight, minlength=len(scene.ids))
    neighbours = np.unique(ends)
    ranked = neighbours[np.argsort(-np.abs(total[neighbours]), kind="stable")]
    bars = [Bar(_short(scene, int(i)), float(total[i])) for i in ranked[:EDGES]]
    if len(rest := ranked[EDGES:]):
        bars.append(Bar(f"{len(rest)} others", float(total[rest].sum())))
    return bars


def _short(scene: Scene, node: int) -> str:
    """A neighbour in a few letters."""
    name, kind = scene.ids[node], scene.kind[node]
    position = int(scene.position[node])
    at = scene.tokens[position].strip() if 0 <= position < len(scene.tokens) else ""
    if kind == "token":
        return f"token {at}"
    if kind == "position":
        return f"position {position}"
    if kind == "bias":
        return f"bias L{scene.layer[node]}" if scene.layer[node] >= 0 else "bias"
    if kind == "error":
        return f"ε L{scene.layer[node]} {at}"
    if kind == "logit":
        return scene.labels.get(name, name).strip()
    return scene.labels.get(name) or name


def _holder(seen: Inspected, node: str) -> str:
    """The terminal supernode that holds a feature."""
    for leaf, known in enumerate(seen.bundle.circuit.nodes):
        if str(known) == node:
            supernode = int(seen.bundle.hierarchy.terminal_of()[leaf])
            return seen.bundle.hierarchy.name[supernode] if supernode else ""
    return ""


def _words(seen: Inspected, node: str) -> str:
    place = seen.scene.place(node)
    return seen.label(node) or (_short(seen.scene, place) if place is not None else node)


def _absent(seen: Inspected, node: str) -> None:
    """A node that the circuit has and this prompt's graph does not."""
    st.html(
        inspector.title_html(
            seen.label(node) or node, f'<span class="hx-mono">{escape(node)}</span>'
        )
    )
    notices.empty(
        "Not active on this prompt",
        "It takes no part in this prompt's graph. Choose another prompt, or ablate it anyway.",
        key="absent",
    )
    _actions(seen, node)
