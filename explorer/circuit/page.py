"""The Circuit page: hierarchy, network, inspector and answer bar of one circuit.

1. The bundle alone draws the page (well under a second); model and prompts are loaded after that,
   and the page then runs again with figures.
2. All that a click changes is one fragment. Its first act is the canvas with the new numbers, then
   the inspector; what costs more (the band of random ablations) follows in a run of its own.
"""

from typing import TYPE_CHECKING, Any

import streamlit as st

from core.bundle import Bundle
from core.errors import CoreError
from core.verdicts import figure
from explorer import menu
from explorer.circuit.filters import draw_filters
from explorer.inspector.panel import Inspected, inspect
from explorer.inspector.seen import known_lost
from explorer.look import notices, theme
from explorer.look.copy_link import copy_link
from explorer.look.reservation import reservation
from explorer.network.component import (
    Bar,
    CanvasView,
    Change,
    Picture,
    canvas,
    picture,
)
from explorer.network.scene import Scene
from explorer.network.visible import Sieve
from explorer.session import changes, resources, state
from explorer.session.state import Changed, View
from explorer.sharing import share_menu

if TYPE_CHECKING:
    from core.lab import Lab, Prediction

HEIGHT = "var(--work-h)"
"""Of the canvas and the inspector: the page without header, two lines, a notice and the bar."""

WHOLE_TRAIL = 2
"""Levels of the trail that are named; of a longer one only the last, the others by their letter."""


def page() -> None:
    """Draw the page for the view in the URL."""
    name = _chosen(state.current())
    if name is None:
        notices.empty(
            "No circuit yet",
            "Circuits that come with the program and your own appear in the library.",
            notices.Button("Open the library", lambda: menu.go("library"), "to-library"),
            key="page",
        )
        return
    if all(info.name != name for info in resources.library()):
        notices.empty(
            f"There is no circuit called {name[:80]} here",
            "It may have another name, or lie in another store. The library lists those there are.",
            notices.Button("Open the library", lambda: menu.go("library"), "to-library"),
            key="page",
        )
        return
    bundle = resources.bundle(name)
    state.keep(lambda node: changes.knows(bundle, node))
    ready = resources.lab_state(name)
    workspace(name)
    if ready is None:
        resources.load_lab(name)
        st.rerun()


def _chosen(view: View) -> str | None:
    """The circuit asked for, or the first that holds, or the first that opens."""
    if view.circuit:
        return view.circuit
    infos = [info for info in resources.library() if not info.error]
    best = [info for info in infos if info.verdict == "holds"]
    first = next(iter(best or infos), None)
    return first.name if first else None


@st.fragment
@notices.guard
def workspace(name: str) -> None:
    """Everything below the menu; runs again on each click."""
    view, bundle = state.current(), resources.bundle(name)
    found = resources.lab_state(name)
    lab = found if found is not None and not isinstance(found, CoreError) else None
    if lab is not None and view.prompt >= len(lab.prompts):
        state.note(f"prompt {view.prompt}: this circuit has {len(lab.prompts)} test prompts")
        state.update(prompt=0)
        view = state.current()
    scene = _scene(name, None if lab is None else view.prompt)
    sieve = Sieve(
        min_effect=view.filters.min_effect,
        layer=view.filters.layer,
        sign=view.filters.sign,
        hidden=view.filters.hidden,
    )
    drawn = picture(scene, view.path, sieve)
    _line_one(name, bundle, view)
    draw_filters(scene, view, found, drawn)
    with st.container(key="work", horizontal=True):
        with st.container(key="work-main"):
            _canvas(name, bundle, view, lab, drawn)
        with st.container(key="panel-inspector"):
            seen = Inspected(bundle=bundle, scene=scene, view=view, lab=found, name=name)
            notices.guarded(inspect, seen)


def _scene(name: str, prompt: int | None) -> Scene:
    """The prompt's own graph; the task's where there is no model or it has no linear graph."""
    try:
        return resources.scene(name, prompt)
    except CoreError:
        return resources.scene(name, None)


# ---- canvas and answer bar ----


def _canvas(name: str, bundle: Bundle, view: View, lab: "Lab | None", drawn: Picture) -> None:
    bar = None if lab is None else answer_bar(name, bundle, view, lab)
    said = canvas(
        drawn,
        key="circuit-canvas",
        view=CanvasView(
            changes=tuple(Change(c.node, c.scale) for c in view.changes),
            selection=view.selection,
            opened=view.path,
        ),
        on_view=keep_view,
        parts=("tree", "network", "bar"),
        height=HEIGHT,
        bar=bar,
        effects=_effects(name, view, bar),
    )
    if said.action == "lab":
        menu.go("lab")


def keep_view(chosen: CanvasView) -> None:
    """Put what the browser chose into the view, before the fragment runs again."""
    state.update(
        changes=tuple(Changed(c.node, c.scale) for c in chosen.changes),
        selection=chosen.selection,
        path=chosen.opened,
    )


def answer_bar(name: str, bundle: Bundle, view: View, lab: "Lab") -> Bar:
    """The figures of the prompt shown: model, circuit, and with the changes."""
    shown = lab.prompts[view.prompt]
    wanted = changes.expand(bundle, view.changes)
    found = lab.predict(view.prompt, wanted, changes.settings_of(view))
    others = sorted(found.rows[1:], key=lambda row: -row.changed)[:2] if wanted else []
    return Bar(
        answer=shown.answer.strip() or shown.answer,
        full=found.full.p_answer,
        circuit=found.circuit.p_answer,
        changed=found.changed.p_answer if wanted else None,
        chance=_chance(lab),
        top=_own_answer(found),
        then=tuple((row.text.strip() or row.text, row.changed) for row in others),
        **_band(name, bundle, view),
    )


def _own_answer(found: "Prediction") -> tuple[str, float] | None:
    """What the full model says first, where that is not the answer asked for."""
    first = max(found.rows, key=lambda row: row.full)
    said = first.text.strip() or first.text
    return None if first is found.rows[0] else (said, first.full)


def _chance(lab: "Lab") -> float:
    return 1 / max(1, len({pair.answer for pair in lab.task.pairs}))


def _band(name: str, bundle: Bundle, view: View) -> dict[str, Any]:
    """What random ablations of the same size leave of this prompt's answer."""
    nodes = changes.ablated(bundle, view.changes)
    if not nodes:
        return {}
    settings = changes.settings_of(view)
    try:
        low, high = resources.random_band(name, view.prompt, nodes, settings)
    except CoreError:  # nothing to draw from, as when all of the circuit is ablated
        return {}
    many = f"{len(nodes)} random node{'s' * (len(nodes) != 1)} ablated"
    if any(change.scale != 0 for change in changes.expand(bundle, view.changes)):
        many += ", none scaled"
    return {"band": (low, high), "band_label": f"{many} {low:.2f}–{high:.2f}"}


def _effects(name: str, view: View, bar: Bar | None) -> dict[str, str]:
    """What ablating each alone did, for the tooltips; kept for this session."""
    place = f"effects.{view.circuit}.{view.prompt}.{view.how}.{view.errors}.{view.inside}"
    known: dict[str, str] = dict(state.local(place, {}))
    alone = view.changes[0] if len(view.changes) == 1 else None
    if bar is not None and bar.changed is not None and alone and alone.scale == 0:
        known[alone.node] = f"P({bar.answer}) {bar.circuit:.2f} → {bar.changed:.2f}"
        state.remember(place, known)
    for node, lost in known_lost(name).items():
        share = f"{lost:.2f} of F lost, all prompts"
        known[node] = f"{known[node]} · {share}" if node in known else share
    return known


# ---- line 1: where we are, and the claim ----


def _line_one(name: str, bundle: Bundle, view: View) -> None:
    with st.container(key="line-one", horizontal=True, vertical_alignment="center"):
        with st.container(key="crumbs", horizontal=True, vertical_alignment="center"):
            _crumbs(bundle, view)
        why = notices.text(menu.address("validation", circuit=name))
        about = notices.text(reservation(bundle.validation) or "Why")
        st.html(f'<a href="{why}" target="_self" title="{about}">{claim_html(bundle)}</a>')
        copy_link("circuit-copy")
        share_menu(name, "circuit")


def _crumbs(bundle: Bundle, view: View) -> None:
    trail = trail_of(bundle, view.path)
    st.button(_plain(bundle.title), key="crumb-root", type="tertiary", on_click=_go, args=((),))
    for i, node in enumerate(trail):
        last = i + 1 == len(trail)
        named = last or len(trail) <= WHOLE_TRAIL
        words = f"**{node}** {_plain(bundle.labels.get(node, '')) if named else ''}".strip()
        key = f"crumb-{theme.role_of(node)}-{'last' if last else 'up'}-{node}"
        st.button(words, key=key, type="tertiary", on_click=_go, args=(trail[: i + 1],))
    if trail:
        st.button("Up `U`", key="crumb-up", type="tertiary", on_click=_go, args=(trail[:-1],))


def trail_of(bundle: Bundle, opened: tuple[str, ...]) -> tuple[str, ...]:
    """Supernodes from the outermost down to the one opened last."""
    tree = bundle.hierarchy
    known = [node for node in opened if node in tree.name]
    if not known:
        return ()
    return tuple(tree.name[s] for s in tree.path(tree.find(known[-1]))[1:])


def _go(path: tuple[str, ...]) -> None:
    state.update(path=path, selection=path[-1:])


def _plain(text: str) -> str:
    """Text for a button's label, which reads Markdown."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]()<>#+-.!|~:$" else c for c in text)


def claim_html(bundle: Bundle) -> str:
    """The verdict and the numbers it rests on."""
    found = bundle.validation
    parts = [theme.verdict_html(str(found.get("verdict", "undecided")), bundle.provenance)]
    for sign, key in (("F", "faithfulness"), ("φ", "phi"), ("φ(∅)", "phi_empty")):
        if key in found:
            value, spread = figure(found[key]), _spread_html(found, key)
            parts.append(f"<span>{sign} <b>{value}</b>{spread}</span>")
    parts.append(f"<span>{len(bundle.circuit.nodes):,} nodes</span>")
    return f'<div class="hx-claim">{"".join(parts)}</div>'


def _spread_html(found: Any, key: str) -> str:
    """ "±0.01" where the validation carries an interval."""
    interval = found.get(f"{key}_ci")
    if not isinstance(interval, (list, tuple)) or len(interval) != 2 or None in interval:
        return ""  # not measured, or could not be computed
    half = (interval[1] - interval[0]) / 2
    digits = 2 if half >= 0.005 else 3
    return f'<span class="hx-pm">±{half:.{digits}f}</span>' if half >= 0.0005 else ""
