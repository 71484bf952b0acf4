"""The inspector: what is known of the node or supernode selected last.

Sections come from the engine's reports where the model is loaded; until then, and for kinds that
have no report, the graph alone tells the edges and the members.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import streamlit as st

from core.bundle import Bundle, relabel
from core.errors import CoreError
from explorer.inspector import node as inspector_node
from explorer.inspector import parts as inspector
from explorer.inspector.graph import edge_bars, places, short, to_logit
from explorer.inspector.parts import Fact
from explorer.look import notices, theme
from explorer.network.scene import Scene
from explorer.session import changes, resources, state
from explorer.session.state import View

if TYPE_CHECKING:
    from core.features import SupernodeReport
    from core.lab import Lab, LabSettings

LABEL_LENGTH = 60
"""Letters of a label that a person may write."""
MEMBERS = 12
"""Members of a supernode that are listed."""


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
    else:
        _node(seen, node)


# ---- nothing selected ----


def _overview(seen: Inspected) -> None:
    """What there is to click, and how much each supernode matters."""
    tree = seen.bundle.hierarchy
    names = [tree.name[s] for s in tree.children(0)]
    hint = "Click a node to inspect it, double click opens a supernode"
    st.html(inspector.title_html(seen.bundle.title, hint, glyph="none"))
    rows = [_supernode_row(seen, name) for name in names]
    note = "ΔP when ablated alone" if seen.ready else "" if seen.lab else "the model is loading"
    st.html(inspector.section_html("Supernodes", "".join(rows), note))
    reasons = [str(reason) for reason in seen.bundle.validation.get("reasons", ())]
    if reasons:
        listed = "".join(f"<p>{escape(reason)}</p>" for reason in reasons[:6])
        st.html(inspector.section_html("Why this verdict", f'<div class="hx-prose">{listed}</div>'))
    if not seen.ready and not isinstance(seen.lab, CoreError):
        notices.skeleton(3)


def _supernode_row(seen: Inspected, name: str) -> str:
    count = len(seen.scene.members(name))
    effect = _alone(seen, name)
    shown = "" if effect is None else inspector.signed(effect)
    label = escape(seen.label(name))
    return (
        f'<div class="hx-entry">{theme.badge_html(name)}<span class="hx-clip" '
        f'title="{label}">{label}</span><span class="hx-faint hx-nowrap">{count} nodes</span>'
        f"<b>{shown}</b></div>"
    )


def _alone(seen: Inspected, node: str) -> float | None:
    """Change of P(answer) on this prompt when this one alone is ablated, as the view ablates."""
    if seen.ready is None:
        return None
    settings = changes.settings_of(seen.view)
    return _ablated_alone(seen.ready, seen.bundle, seen.view.prompt, node, settings)


@lru_cache(maxsize=2048)
def _ablated_alone(
    lab: "Lab", bundle: Bundle, prompt: int, node: str, settings: "LabSettings"
) -> float:
    found = lab.predict(prompt, changes.expand(bundle, (state.Changed(node),)), settings)
    before = found.circuit if settings.inside == "circuit" else found.full
    return found.changed.p_answer - before.p_answer


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
        words = "Put back `X`" if now == 0 else "Ablate `X`"
        st.button(words, key="inspect-ablate", on_click=put(0.0), width="stretch")
        for scale, text in ((0.5, "× 0.5"), (2.0, "× 2")):
            kind: Literal["primary", "secondary"] = "primary" if now == scale else "secondary"
            st.button(text, key=f"inspect-{scale:g}", on_click=put(scale), type=kind)


def _rename(seen: Inspected, node: str, label: str) -> None:
    """A person's own name for a node; kept in the bundle, so only of one's own circuits."""
    if resources.is_bundled(resources.find(seen.name)):
        return
    key = f"inspect-label-{node}"

    def keep() -> None:
        words = str(state.value(key) or "").strip()[:LABEL_LENGTH]
        if words and words != label:
            relabel(seen.bundle, {node: words})

    with st.container(key="inspector-rename"), st.popover("✎", help="Name it yourself"):
        st.text_input("Label", value=label, key=key, max_chars=LABEL_LENGTH)
        st.button("Keep this label", key="inspect-keep-label", on_click=keep)


# ---- supernode ----


def _supernode(seen: Inspected, name: str) -> None:
    members = seen.scene.members(name)
    report = _report(seen, "supernode", name)
    label = seen.label(name) or (report.label if report else "") or f"Supernode {name}"
    sub = f"{len(members)} nodes · {escape(places(seen.scene, members))}"
    st.html(inspector.title_html(label, sub, role=theme.role_of(name), badge=name))
    st.html(inspector.facts_html(_supernode_facts(seen, name, report)))
    _rename(seen, name, label)
    _actions(seen, name)
    if report is not None:
        _variables(report)
        top = sorted(report.members, key=lambda m: -abs(m.activation))[:MEMBERS]
        bars = inspector.told_apart([(m.node, m.label, m.activation) for m in top], "all")
        left = len(report.members) - len(top)
    else:
        size = np.abs(seen.scene.activation[members])
        ranked = members[np.argsort(-size, kind="stable")]
        top = [(seen.scene.ids[i], float(seen.scene.activation[i])) for i in ranked[:MEMBERS]]
        bars = inspector.told_apart([(n, seen.label(n), value) for n, value in top], "all")
        left = len(ranked) - len(bars)
    note = "activation on this prompt" + (f", {left} more" if left > 0 else "")
    st.html(inspector.section_html("Members, strongest first", inspector.bars_html(bars), note))
    _edges(seen, members)


def _supernode_facts(seen: Inspected, name: str, report: "SupernodeReport | None") -> list[Fact]:
    lead = seen.scene.labels.get(seen.scene.lead, "answer").strip()
    direct = to_logit(seen.scene, seen.scene.members(name))
    tone: Literal["pos", "neg"] = "neg" if direct < 0 else "pos"
    effect = _alone(seen, name)
    facts = [Fact(f"{len(seen.scene.members(name))}", "nodes")]
    facts.append(Fact(inspector.signed(direct), f"direct to {lead}", tone))
    facts.append(Fact("–" if effect is None else inspector.signed(effect), "ΔP if ablated"))
    if report is not None:
        facts.append(Fact(inspector.number(report.lost), "F lost, all prompts"))
    return facts


def _variables(report: "SupernodeReport") -> None:
    """Where its members are, and what they are named by."""

    def chips(shares: Any) -> str:
        return (
            '<div class="hx-members">'
            + "".join(
                f'<span class="hx-chip">{escape(s.name)} '
                f'<span class="hx-faint">{s.count}</span></span>'
                for s in shares[:6]
            )
            + "</div>"
        )

    st.html(inspector.section_html("Roles", chips(report.roles), "layer and position"))
    if report.variables:
        st.html(inspector.section_html("Named by", chips(report.variables), "members"))


# ---- single nodes ----


def _node(seen: Inspected, node: str) -> None:
    place = seen.scene.place(node)
    kind = seen.scene.kind[place] if place is not None else _kind(node)
    report = _report(seen, kind, node) if kind in ("feature", "head") else None
    if kind == "feature" and report is not None:
        _feature(seen, node, report)
        return
    glyph: Any = kind if kind in ("feature", "head", "error", "token", "logit") else "error"
    name = seen.label(node) or (short(seen.scene, place) if place is not None else node)
    sub = f'<span class="hx-mono">{escape(node)}</span> &nbsp;{escape(_WHAT.get(kind, kind))}'
    st.html(inspector.title_html(name, sub, glyph=glyph, role="kind-feature"))
    if kind == "head" and report is not None:
        st.html(inspector.facts_html(inspector_node.head_facts(report)))
    elif place is not None:
        st.html(inspector.facts_html(_facts(seen, node, place)))
    if kind in ("feature", "head", "error"):
        _actions(seen, node)
    if kind == "head" and report is not None:
        inspector_node.draw_head(report)
    if place is not None:
        _edges(seen, np.array([place]))


_WHAT = {
    "error": "what the transcoder leaves out here",
    "token": "token embedding",
    "position": "position embedding",
    "bias": "everything constant in this layer",
    "logit": "output token",
    "head": "attention head",
}


def _feature(seen: Inspected, node: str, report: Any) -> None:
    role = theme.role_of(report.supernodes[0]) if report.supernodes else "kind-feature"
    shown = seen.ready.prompts[seen.view.prompt] if seen.ready else None
    direction = f"{shown.answer.strip()} − {shown.wrong.strip()}" if shown else "answer"
    st.html(inspector_node.feature_title_html(report, role))
    st.html(inspector.facts_html(inspector_node.feature_facts(report, direction)))
    _rename(seen, node, report.label)
    _actions(seen, node)
    inspector_node.draw_feature(report, shown.variables if shown else {}, role)


def _kind(node: str) -> str:
    """Kind of an id that this prompt's graph does not have."""
    return "head" if node.startswith("L") else "error" if node.startswith("e:") else "feature"


def _report(seen: Inspected, kind: str, node: str) -> Any:
    """The engine's report, or None where it has none (the graph then has to do)."""
    if seen.ready is None:
        return None
    make = {
        "feature": resources.feature_report,
        "head": resources.head_report,
        "supernode": resources.supernode_report,
    }[kind]
    try:
        return make(seen.name, node, seen.view.prompt)
    except CoreError:
        return None


def _facts(seen: Inspected, node: str, place: int) -> list[Fact]:
    scene = seen.scene
    direct = to_logit(scene, np.array([place]))
    lead = scene.labels.get(scene.lead, "answer").strip()
    tone: Literal["pos", "neg"] = "neg" if direct < 0 else "pos"
    facts = [Fact(inspector.signed(direct), f"direct to {lead}", tone)]
    if scene.kind[place] in ("feature", "logit"):
        value = inspector.number(float(scene.activation[place]))
        facts.insert(0, Fact(value, "activation" if scene.kind[place] == "feature" else "logit"))
    if scene.kind[place] in ("feature", "head", "error"):
        effect = _alone(seen, node)
        facts.append(Fact("–" if effect is None else inspector.signed(effect), "ΔP if ablated"))
    return facts


def _edges(seen: Inspected, members: np.ndarray) -> None:
    into = edge_bars(seen.scene, members, "in")
    total = sum(bar.value for bar in into)
    title = f"In, Σ = {inspector.number(total)}" if into else "In"
    st.html(
        inspector.pair_html(
            inspector.heading_html(title) + inspector.bars_html(into),
            inspector.heading_html("Out")
            + inspector.bars_html(edge_bars(seen.scene, members, "out")),
        )
    )
