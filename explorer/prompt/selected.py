"""What the graph of a prompt says of the node that is selected: where it is, and its edges."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np
import streamlit as st

from explorer.inspector import parts
from explorer.inspector.graph import edge_bars, short, to_logit
from explorer.inspector.paths import with_paths
from explorer.look import notices
from explorer.network.scene import Scene

if TYPE_CHECKING:
    from core.attribution import Paths

CALLED = {
    "feature": "feature",
    "error": "error: what the transcoder leaves out",
    "token": "token",
    "logit": "explained token",
    "position": "position",
    "bias": "constant",
}


WAYS: tuple[Literal["in", "out"], ...] = ("in", "out")


def panel(scene: Scene, selection: tuple[str, ...], paths: "Mapping[str, Paths]") -> None:
    """Draw the node selected last; where none is, or none of this graph, say how.

    Args:
        scene: The prompt's graph as drawn.
        selection: What is selected.
        paths: Its largest edges by the head they run through, by their other end.
    """
    place = scene.place(selection[-1]) if selection else None
    with st.container(key="panel-selected"):
        if place is None:
            st.html('<p class="hs-note">Click a node or a token: its edges are listed here.</p>')
        else:
            st.html(node_html(scene, place, paths))


def node_html(scene: Scene, place: int, paths: "Mapping[str, Paths]") -> str:
    """Name, place, activation, effect on what is explained, id, and the strongest edges."""
    members, kind = np.array([place]), scene.kind[place]
    facts = [f"at {notices.text(_token(scene, place))}"] if scene.position[place] >= 0 else []
    if kind in ("feature", "error"):
        facts.insert(0, f"L{scene.layer[place]}")
    if kind == "feature":
        facts.append(f"activation {parts.number(float(scene.activation[place]))}")
    if kind != "logit":
        facts.append(f"direct effect {parts.signed(to_logit(scene, members))}")
    into, out = (with_paths(edge_bars(scene, members, way), paths) for way in WAYS)
    lists = (("In", into), ("Out", out))
    return (
        f'<div class="hs-head"><h3>{notices.text(short(scene, place))}</h3>'
        f"<span>{CALLED.get(kind, kind)}</span></div>"
        f'<div class="hs-values">{" · ".join(facts)}</div>'
        f'<div class="hx-small hx-faint hx-mono">{notices.text(scene.ids[place])}</div>'
        + "".join(parts.section_html(name, parts.bars_html(bars)) for name, bars in lists if bars)
    )


def _token(scene: Scene, place: int) -> str:
    """Text of the token that a node stands at."""
    position = int(scene.position[place])
    text = scene.tokens[position].strip() if position < len(scene.tokens) else ""
    return f"“{text}”" if text else str(position)
