"""The line on top of the Lab: what is changed, and how. Every figure below answers it."""

import streamlit as st

from core.bundle import Bundle
from core.errors import NodeError
from core.graph import NodeKind
from explorer import memory
from explorer.look import notices, theme
from explorer.session import changes, state
from explorer.session.view import Changed, View

SHOWN = 6
"""Chips shown; the rest are counted."""
ADD_WIDTH = 320
"""Of what is in the box that adds nodes, px."""
HOW = {"resample": "resample", "mean": "mean", "zero": "zero"}
INSIDE = {"model": "full model", "circuit": "circuit"}
ERRORS = {
    "circuit": "What the transcoders leave out. Errors are outside the circuit: ablated with all "
    "else there, or held at their mean or zero",
    "model": "What the transcoders leave out: recomputed live, or held at their mean or zero",
}


def bar(bundle: Bundle, view: View, n_heads: int) -> None:
    """Chips of the changed set and the three choices; `n_heads` are in each layer of the model."""
    with st.container(
        key="panel-changed", horizontal=True, vertical_alignment="center", gap="small"
    ):
        with st.container(key="chips", horizontal=True, vertical_alignment="center", gap="xsmall"):
            _chips(bundle, view, n_heads)
        with st.container(key="choices", horizontal=True, vertical_alignment="center"):
            _choices(view)


def _choices(view: View) -> None:
    # inside the circuit errors are outside it, so that "live" would be wrong there
    circuit = view.inside == "circuit"
    errors = {"live": "ablated" if circuit else "live", "mean": "mean", "zero": "zero"}
    _segments("to", "how", HOW, view.how, "Where an ablated value goes")
    _segments("errors", "errors", errors, view.errors, ERRORS[view.inside])
    _segments("inside", "inside", INSIDE, view.inside, "What runs beside the changes")


def _chips(bundle: Bundle, view: View, n_heads: int) -> None:
    st.html('<span class="hs-label">Changed</span>')
    if not view.changes:
        st.html('<span class="hs-none">nothing yet: click a node</span>')
    for changed in view.changes[:SHOWN]:
        _chip(bundle, changed)
    if len(view.changes) > SHOWN:
        others = changes.sentence(view.changes[SHOWN:])
        st.html(
            f'<span class="hs-none" title="{notices.text(others)}">'
            f"+{len(view.changes) - SHOWN} more</span>"
        )
    if len(view.changes) > 1 and (counted := changes.counted(bundle, view.changes)):
        about = "Single nodes that are changed, by what was done to them"
        st.html(f'<span class="hs-none" data-testid="counted" title="{about}">{counted}</span>')
    with st.popover("+ Add", type="tertiary", key="add-node"):
        _add(bundle, n_heads)
    if view.changes:
        st.button("Clear all", key="clear-all", on_click=_clear, type="tertiary")


def _chip(bundle: Bundle, changed: Changed) -> None:
    """One change as a button that takes it back: id, name, how many nodes, factor."""
    kind = "out" if changed.scale == 0 else "scaled"
    is_group = changed.node in bundle.hierarchy.name
    role = theme.role_of(changed.node) if is_group else "single"
    many = len(changes.members(bundle, changed.node))
    count = f"{many:,} node{'s' * (many != 1)}" if is_group else ""
    name = changes.name_of(bundle, changed.node)
    parts = [f"**{changed.node}**", quiet(name), f"*{count}*" if count else ""]
    parts.append("" if changed.scale == 0 else "`kept`" if changed.scale == 1 else _factor(changed))
    told = ", ".join(part for part in (name, count) if part)
    words = changes.sentence((changed,)) + (f" ({told})" if told else "")
    with st.container(key=f"chip-{kind}-{role}-{changed.node.replace(':', '_').replace('@', '_')}"):
        st.button(
            " ".join(part for part in parts if part) + " ✕",
            key=f"drop-{changed.node}",
            on_click=_drop,
            args=(changed,),
            help=f"{quiet(words, 200)}. Click to take it back.",
            width="content",
        )


def _factor(changed: Changed) -> str:
    return f"`× {changed.scale:g}`"


def quiet(label: str, most: int = 18) -> str:
    """A label as plain text for Streamlit's markdown."""
    cut = label if len(label) <= most else label[: most - 1] + "…"
    return "".join(f"\\{c}" if c in r"\`*_{}[]()#+-!$:~<>|" else c for c in cut)


def _segments(label: str, field: str, options: dict[str, str], chosen: str, about: str) -> None:
    with st.container(
        key=f"segment-{field}", horizontal=True, vertical_alignment="center", width="content"
    ):
        st.html(f'<span class="hs-label" title="{notices.text(about)}">{label}</span>')
        st.segmented_control(
            label,
            list(options),
            format_func=lambda option: options[option],
            key=memory.widget(f"lab-{field}", chosen),
            on_change=_set,
            args=(field,),
            label_visibility="collapsed",
            required=True,
        )


def _set(field: str) -> None:
    if chosen := memory.value(f"lab-{field}"):
        state.update(**{field: chosen})


def _add(bundle: Bundle, n_heads: int) -> None:
    """Find by id or name, as in the network's own Find, and say how."""
    names = addable(bundle, n_heads)
    st.multiselect(
        "Nodes",
        list(names),
        format_func=lambda node: f"{node} · {names[node]}" if names.get(node) else str(node),
        key="add-ids",
        accept_new_options=True,
        placeholder="Find nodes or labels",
        label_visibility="collapsed",
        width=ADD_WIDTH,
    )
    with st.container(key="add-end", horizontal=True, vertical_alignment="center", gap="small"):
        st.slider(
            "Scale",
            0.0,
            2.0,
            0.0,
            0.1,
            key="add-scale",
            format="× %.1f",
            label_visibility="collapsed",
            width=ADD_WIDTH - 92,
        )
        st.button("Add", key="add-now", type="primary", on_click=_add_now, args=(bundle,))
    st.html('<p class="hs-note">× 0 ablates, × 1 keeps. An error is typed as e:0:4.</p>')
    if problem := memory.local("add-problem"):
        notices.failed("Not added", problem, key="add")


def addable(bundle: Bundle, n_heads: int) -> dict[str, str]:
    """What can be changed by id, with its name: supernodes, nodes of the circuit, any head."""
    tree, graph = bundle.hierarchy, bundle.graph
    layers = range(1 + int(graph.layer[graph.kind == int(NodeKind.FEATURE)].max()))
    heads = [f"L{layer}H{head}" for layer in layers for head in range(n_heads)]
    ids = [*tree.name[1:], *map(str, bundle.circuit.nodes), *heads]
    return {node: bundle.labels.get(node, "") for node in dict.fromkeys(ids)}


def _add_now(bundle: Bundle) -> None:
    try:
        typed = ",".join(map(str, memory.value("add-ids") or ()))
        wanted = changes.parse(typed, float(memory.value("add-scale")))
        unknown = [c.node for c in wanted if not changes.knows(bundle, c.node)]
        if unknown:
            raise NodeError(
                f"Not in this circuit: {', '.join(unknown[:6])}.\nA supernode, a feature of the "
                "circuit, a head or an error is needed."
            )
        now = {c.node: c for c in (*state.current().changes, *wanted)}
        changes.expand(bundle, tuple(now.values()))
    except NodeError as problem:
        memory.remember("add-problem", str(problem))
        return
    memory.remember("add-problem", "")
    memory.widget("add-ids", [])
    state.update(changes=tuple(now.values()))


def _drop(changed: Changed) -> None:
    view = state.current()
    state.update(changes=tuple(c for c in view.changes if c != changed))


def _clear() -> None:
    state.update(changes=())
