"""The graph of another program on the Prompt page: its network, and what the file says of a node.

Nothing can be ablated here: a file brings a graph, not the model it was measured on.
"""

import streamlit as st

from core.errors import CoreError
from explorer.inspector import parts
from explorer.inspector.graph import edge_bars
from explorer.look import notices
from explorer.look.copy_link import copy_link
from explorer.network.component import CanvasView, canvas, counts_text, picture
from explorer.network.visible import Sieve
from explorer.prompt import selected
from explorer.session import resources, state
from explorer.session.view import Imported
from explorer.traces.file_graph import FileGraph, cut

NO_ABLATION = (
    "Nothing can be ablated here: the file brings a graph, not the model and transcoders it was "
    "measured on."
)
SHOWN = Sieve(most_edges=72, hidden=("biases",))
"""Constants are in the file's counts but not drawn, as of a prompt that is traced here."""
MOST_PROMPT = 400


def show(wanted: Imported) -> None:
    """Draw the graph that the link names, or say once why not."""
    try:
        opened = resources.imported(wanted.graph)
    except CoreError as problem:
        with st.container(key="panel-refused"):
            notices.refused("This graph was not opened", problem)
        _close_button()
        return
    wanted = _known(wanted, opened)
    _head(opened)
    with st.container(key="prompt-work", horizontal=True, gap="small"):
        with st.container(key="prompt-main"):
            _network(wanted, opened)
        with st.container(key="prompt-rail", width=316):
            _inspector(wanted, opened)
            _about(opened)


def _known(wanted: Imported, opened: FileGraph) -> Imported:
    """What of a link the graph has; the rest is named in the notice."""
    lost = [node for node in (*wanted.selection, *wanted.opened) if not opened.scene.knows(node)]
    if lost:
        many = f"{len(lost)} unknown node{'s' * (len(lost) > 1)}"
        state.note(f"{many}: {', '.join(dict.fromkeys(lost[:6]))}")
    return Imported(
        graph=wanted.graph,
        selection=tuple(node for node in wanted.selection if opened.scene.knows(node)),
        opened=tuple(node for node in wanted.opened if opened.scene.knows(node)),
    )


def _head(opened: FileGraph) -> None:
    found = opened.found
    with st.container(key="panel-imported", horizontal=True, vertical_alignment="center"):
        st.html(
            f'<div class="hs-imported"><b>{notices.text(cut(found.prompt, MOST_PROMPT))}</b>'
            f"<span>{notices.text(cut(found.scan) or 'model not named')} · "
            f"{notices.text(cut(found.producer))}</span></div>"
        )
        copy_link(key="imported-copy")
        _close_button()


def _close_button() -> None:
    st.button("Close", key="imported-close", on_click=lambda: state.update(imported=Imported()))


def _network(wanted: Imported, opened: FileGraph) -> None:
    shown = picture(opened.scene, wanted.opened, SHOWN)
    drawn, _, lines, _ = shown.counts
    graph = opened.found.graph
    counts = counts_text((drawn, graph.n_nodes, lines, graph.n_edges))
    st.html(f'<span class="hx-counts">{counts} of the file shown</span>')
    canvas(
        shown,
        key="imported-net",
        view=CanvasView(selection=wanted.selection, opened=wanted.opened),
        on_view=lambda seen: _choose(wanted.graph, seen),
        parts=("network",),
        mode="look",
        height="var(--prompt-h)",
    )


def _choose(graph: str, seen: CanvasView) -> None:
    """Keep what is selected and open; an ablation is not taken over."""
    chosen = Imported(graph=graph, selection=seen.selection, opened=seen.opened)
    state.update(imported=chosen)


def _inspector(wanted: Imported, opened: FileGraph) -> None:
    name = wanted.selection[-1] if wanted.selection else ""
    tree, place = opened.scene.tree, opened.scene.place(name)
    if place is None and name and tree is not None:
        with st.container(key="panel-selected"):
            st.html(group_html(opened, name))
        return
    with st.container(key="panel-selected"):
        if place is None:
            st.html('<p class="hs-note">Click a node: what the file says of it is told here.</p>')
        else:
            st.html(selected.node_html(opened.scene, place, {}) + file_html(opened, place))


def file_html(opened: FileGraph, place: int) -> str:
    """What the file itself says of a node: its name there, its group, what it promotes."""
    number, found = opened.number[place], opened.found
    facts = [f'<span class="hx-mono">{notices.text(cut(found.node_ids[number]))}</span>']
    facts += [f"in “{notices.text(cut(g))}”" for g, m in found.groups.items() if number in m][:3]
    facts += ["pinned"] if number in found.pinned else []
    body = f'<div class="hs-values">{" · ".join(facts)}</div>'
    if words := found.promoted.get(number, ()):
        chips = (f'<span class="hx-chip">{notices.text(cut(word, 24))}</span>' for word in words)
        body += f'<div class="hx-members">{"".join(chips)}</div>'
    return parts.section_html("In the file", body, "promotes" if words else "")


def group_html(opened: FileGraph, name: str) -> str:
    """A group of the file: its members and its edges to what lies outside it."""
    scene, members = opened.scene, opened.scene.members(name)
    title = scene.labels.get(name) or name
    rows = [(scene.ids[i], scene.labels.get(scene.ids[i], ""), i) for i in members[:24]]
    value = scene.activation
    bars = parts.told_apart([(node, label, float(value[i])) for node, label, i in rows], "all")
    into, out = edge_bars(scene, members, "in"), edge_bars(scene, members, "out")
    lists = (("Members, activation", bars), ("In", into), ("Out", out))
    many = f"{len(members)} node{'s' * (len(members) != 1)}"
    return (
        f'<div class="hs-head"><h3>{notices.text(title)}</h3><span>group {notices.text(name)}'
        f" · {many}</span></div>"
        + "".join(parts.section_html(head, parts.bars_html(rows)) for head, rows in lists if rows)
    )


def _about(opened: FileGraph) -> None:
    notes = [opened.shown, *opened.found.notes, NO_ABLATION]
    with st.container(key="panel-about"):
        st.html(
            '<div class="hs-head"><h3>Outputs</h3><span>probability</span></div>'
            + outputs_html(opened)
            + "".join(f'<p class="hs-note hs-gap">{notices.text(note)}</p>' for note in notes)
        )


def outputs_html(opened: FileGraph, most: int = 8) -> str:
    """The output tokens by the probability that the file gives them."""
    scene, weight = opened.scene, opened.found.graph.logit_weight
    logits = [i for i, kind in enumerate(scene.kind) if kind == "logit"]
    chance = {i: float(weight[opened.number[i]]) for i in logits}
    top = max([*chance.values(), 1e-9])
    ranked = sorted(logits, key=lambda i: -chance[i])[:most]
    return (
        "".join(
            f'<div class="hs-row"><span class="hx-mono">'
            f'{notices.text(scene.labels.get(scene.ids[i], "output"))}</span><i><b style="width:'
            f'{100 * max(0.0, chance[i]) / top:.1f}%"></b></i><span>{chance[i]:.3f}</span></div>'
            for i in ranked
        )
        or '<p class="hs-note">The file names no output.</p>'
    )
