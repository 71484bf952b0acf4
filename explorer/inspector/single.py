"""The inspector of a single node: feature, head, error, token, position, bias or output."""

from html import escape
from typing import Any

import numpy as np
import streamlit as st

from explorer.inspector import head as inspector_head
from explorer.inspector import node as inspector_node
from explorer.inspector import parts as inspector
from explorer.inspector.actions import draw_actions, draw_rename
from explorer.inspector.graph import edge_bars, short, to_logit
from explorer.inspector.parts import Fact
from explorer.inspector.paths import paths_of, with_paths
from explorer.inspector.seen import Inspected, alone
from explorer.inspector.seen import report as report_of
from explorer.look import theme


def draw_node(seen: Inspected, node: str) -> None:
    place = seen.scene.place(node)
    kind = seen.scene.kind[place] if place is not None else _kind(node)
    report = report_of(seen, kind, node) if kind in ("feature", "head") else None
    if kind == "feature" and report is not None:
        _feature(seen, node, report)
        return
    glyph: Any = kind if kind in ("feature", "head", "error", "token", "logit") else "error"
    own = report.label if kind == "head" and report is not None else ""
    name = seen.label(node) or own or (short(seen.scene, place) if place is not None else node)
    sub = f'<span class="hx-mono">{escape(node)}</span> &nbsp;{escape(_WHAT.get(kind, kind))}'
    st.html(inspector.title_html(name, sub, glyph=glyph, role="kind-feature"))
    if kind == "head" and report is not None:
        st.html(
            inspector.facts_html(
                inspector_head.head_facts(report, alone(seen, node), _answers(seen))
            )
        )
    elif place is not None:
        st.html(inspector.facts_html(_facts(seen, node, place)))
    if kind in ("feature", "head", "error"):
        draw_actions(seen, node)
    if kind == "head" and report is not None:
        inspector_head.draw_head(seen, report, _answers(seen))
    if place is not None:
        _draw_edges(seen, node, place)


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
    direct, effect = _direct_of(seen, node, report), alone(seen, node)
    st.html(inspector_node.feature_title_html(report, role))
    st.html(inspector.facts_html(inspector_node.feature_facts(report, direct, effect)))
    draw_rename(seen, node, report.label)
    draw_actions(seen, node)
    inspector_node.draw_feature(report, shown.variables if shown else {}, role)


def _direct_of(seen: Inspected, node: str, report: Any) -> Fact:
    """As the network says it; of a feature it lacks, the engine's figure under another name."""
    place = seen.scene.place(node)
    if place is not None:
        return _direct(seen, place)
    return inspector.direct_fact(report.direct_effect, *_answers(seen))


def _direct(seen: Inspected, place: int) -> Fact:
    lead = seen.scene.labels.get(seen.scene.lead, "answer").strip()
    return inspector.direct_fact(to_logit(seen.scene, np.array([place])), lead)


def _answers(seen: Inspected) -> tuple[str, str]:
    """The right answer and the wrong one of the prompt shown."""
    shown = seen.ready.prompts[seen.view.prompt] if seen.ready else None
    return (shown.answer.strip(), shown.wrong.strip()) if shown else ("answer", "wrong")


def _kind(node: str) -> str:
    """Kind of an id that this prompt's graph does not have."""
    return "head" if node.startswith("L") else "error" if node.startswith("e:") else "feature"


def _facts(seen: Inspected, node: str, place: int) -> list[Fact]:
    scene = seen.scene
    facts = [_direct(seen, place)]
    if scene.kind[place] in ("feature", "logit"):
        value = inspector.number(float(scene.activation[place]))
        facts.insert(0, Fact(value, "activation" if scene.kind[place] == "feature" else "logit"))
    if scene.kind[place] in ("feature", "head", "error"):
        facts.append(inspector.ablated_fact(alone(seen, node)))
    return facts


def _draw_edges(seen: Inspected, node: str, place: int) -> None:
    members, paths = np.array([place]), paths_of(seen, node)
    into = with_paths(edge_bars(seen.scene, members, "in"), paths)
    out = with_paths(edge_bars(seen.scene, members, "out"), paths)
    title = f"In, Σ = {inspector.number(sum(bar.value for bar in into))}" if into else "In"
    st.html(inspector.two_lists_html((title, into), ("Out", out)))
