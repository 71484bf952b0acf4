"""The Prompt page: type a prompt, see in seconds what its next token is made of."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import streamlit as st

from core.errors import CoreError
from explorer.inspector import parts
from explorer.look import notices
from explorer.look.copy_link import copy_link
from explorer.network.component import CanvasView, canvas, counts_text, picture
from explorer.network.visible import Sieve
from explorer.prompt import imported, selected
from explorer.session import resources, state
from explorer.session.first import choose
from explorer.session.view import Traced
from explorer.traces.tracing import DEFAULT, Trace, part_of

NO_CONSTANTS = Sieve(hidden=("biases",))
"""Constants and position embeddings are counted in the scores but not drawn."""
KINDS = {
    "": DEFAULT,
    "nested": "nested, bundled",
    "topk": "TopK, bundled",
    "neurons": "MLP neurons",
}
"""Transcoders by their name in a link; anything else is a folder."""


def page() -> None:
    """Draw the page."""
    if state.current().imported.graph:
        _heading("A graph of another program, with the effects that its file gives.")
        notices.guarded(imported.show, state.current().imported)
        return
    _heading("What the next token is made of: exact direct effects of features, tokens and errors.")
    wanted = _with_model(state.current().traced)
    _form(wanted)
    if not wanted.model:
        notices.empty(
            "No model yet",
            "No model is bundled here. Type the path of a Hugging Face model folder above.",
            key="no-model",
        )
        return
    if not wanted.text.strip():
        notices.guarded(_examples, wanted)
        return
    notices.guarded(_traced, wanted)


def _heading(about: str) -> None:
    st.html(f'<div class="hs-heading"><h1>Prompt</h1><span class="hx-dim">{about}</span></div>')


def _with_model(wanted: Traced) -> Traced:
    """The model of the link, or the first that has the words of the prompt.

    The model of the circuit that is open, or of the one a first visit would open, comes before the
    bundled ones.
    """
    if wanted.model:
        return wanted
    first = _model_of_circuit() or next(iter(resources.model_names()), "")
    return replace(wanted, model=resources.model_for(wanted.text, first)) if first else wanted


def _model_of_circuit() -> str:
    """As a link writes it; "" where it is not on this computer."""
    infos = resources.library()
    name = state.current().circuit or choose(infos)
    info = next((info for info in infos if info.name == name and not info.error), None)
    ref = part_of(info, "model") if info else ""
    here = ref in resources.model_names() or (ref and Path(ref, "config.json").is_file())
    return ref if here else ""


def _form(wanted: Traced) -> None:
    models, kinds = list(resources.model_names()), list(KINDS)
    with st.container(key="panel-prompt", horizontal=True, vertical_alignment="bottom"):
        st.text_input(
            "Prompt",
            key=state.widget("traced-text", wanted.text),
            placeholder="type a prompt and press Enter",
            on_change=_take,
            max_chars=2000,
        )
        _choice("model", "Model, or a folder", models, wanted.model, 188)
        _choice("transcoders", "Transcoders, or a folder", kinds, wanted.transcoders, 172)
        for name, label, hint in (
            ("target", "Explain token", "top answers"),
            ("against", "Minus token", "none"),
        ):
            st.text_input(
                label,
                key=state.widget(f"traced-{name}", getattr(wanted, name)),
                placeholder=hint,
                on_change=_take,
                max_chars=80,
                width=104,
            )
        st.button("Trace", type="primary", key="trace-now", on_click=_take)
        copy_link(key="prompt-copy")


def _choice(name: str, label: str, options: list[str], chosen: str, width: int) -> None:
    """A select box that also takes a path typed by hand."""
    names = KINDS if name == "transcoders" else {}
    key = f"traced-{name}"
    if chosen not in options:
        options = [*options, chosen]
        key += f"-{chosen}"  # a new box: the one it was typed into would show it cut at its end
    state.remember(f"traced-{name}", key)
    st.selectbox(
        label,
        options,
        format_func=lambda option: names.get(option) or _short(str(option)),
        key=state.widget(key, chosen),
        accept_new_options=True,
        on_change=_take,
        width=width,
    )


def _short(ref: str) -> str:
    """A name as it is, a long path by its end."""
    return f"…/{Path(ref).name}" if len(ref) > 18 and Path(ref).is_absolute() else ref


def _take() -> None:
    fields = ("text", "model", "transcoders", "target", "against")
    keys = {name: state.local(f"traced-{name}", f"traced-{name}") for name in fields}
    typed = {name: str(state.value(key) or "") for name, key in keys.items()}
    before = state.current().traced
    if not before.model and typed["model"] == _with_model(before).model:
        typed["model"] = ""  # nobody chose it: the prompt still decides
    limits = {"target": 160, "against": 160}
    state.update(traced=Traced(**{k: v[: limits.get(k, 2000)] for k, v in typed.items()}))


def _examples(wanted: Traced) -> None:
    notices.empty(
        "Type a prompt",
        "Its attribution graph shows which features, tokens and errors write the next token. "
        "Or start from one of these.",
        key="no-prompt",
    )
    _offer(wanted)


def _offer(wanted: Traced) -> None:
    """Prompts that the model has the words for, one click each."""
    texts = resources.prompt_examples(wanted.model)
    with st.container(key="examples", horizontal=True, horizontal_alignment="center", gap="small"):
        for text in texts:
            key = f"example-{wanted.model}-{text}"
            st.button(text, key=key, on_click=_use, args=(wanted, text))


def _use(wanted: Traced, text: str) -> None:
    state.update(traced=replace(wanted, text=text))


def _traced(wanted: Traced) -> None:
    slot = st.empty()
    with slot.container(key="tracing"):
        st.html('<div class="hs-note">Building the attribution graph…</div>')
        notices.skeleton(5)
    try:
        found = resources.traced(wanted)
    except CoreError as problem:
        slot.empty()
        _refused(wanted, problem)
        return
    slot.empty()
    with st.container(key="prompt-work", horizontal=True, gap="small"):
        with st.container(key="prompt-main"):
            _network(wanted, found)
        with st.container(key="prompt-rail", width=316):
            _selected(wanted)
            _scores(found)
            _predicted(found)
            _strongest(wanted, found)
            _download(wanted, found)


def _selected(wanted: Traced) -> None:
    scene, selection = resources.traced_scene(wanted), _chosen(wanted).selection
    known = selection[-1:] if selection and scene.knows(selection[-1]) else ()
    paths = resources.traced_paths(wanted, known[0]) if known else {}
    selected.panel(scene, selection, paths)


def _refused(wanted: Traced, problem: CoreError) -> None:
    """What was wrong, once, and a way on: prompts of this model, or another model."""
    with st.container(key="panel-refused"):
        notices.refused("This prompt was not traced", problem)
    try:
        _offer(wanted)
    except CoreError:  # the model cannot be opened: that has been told of above
        other = resources.model_for(wanted.text, next(iter(resources.model_names()), ""))
        if other and other != wanted.model:
            label, changed = f"Use {other}", replace(wanted, model=other, transcoders="")
            st.button(label, key="other-model", on_click=lambda: state.update(traced=changed))


def _network(wanted: Traced, found: Trace) -> None:
    shown = picture(resources.traced_scene(wanted), (), NO_CONSTANTS)
    st.html(f'<span class="hx-counts">{counts_text(shown.counts)} shown</span>')
    canvas(
        shown,
        key="prompt-net",
        view=_chosen(wanted),
        on_view=lambda seen: _choose(wanted, seen),
        parts=("network",),
        mode="look",
        height="var(--prompt-h)",
    )


def _choose(wanted: Traced, seen: CanvasView) -> None:
    """Keep what is selected; nothing can be ablated in a graph that is not a circuit's."""
    state.remember("prompt-view", (repr(wanted), CanvasView(selection=seen.selection)))


def _chosen(wanted: Traced) -> CanvasView:
    """What was selected in this very graph."""
    key, view = state.local("prompt-view", ("", CanvasView()))
    return view if key == repr(wanted) else CanvasView()


def _scores(found: Trace) -> None:
    with st.container(key="panel-scores"):
        st.html(
            '<div class="hs-head"><h3>How much of it is explained</h3>'
            f"<span>{_took(found.seconds)}</span></div>"
            '<div class="hs-pair"><div class="hx-metric">'
            f"<b>{found.replacement:.2f}</b>replacement</div>"
            f'<div class="hx-metric"><b>{found.completeness:.2f}</b>completeness</div></div>'
            '<p class="hs-note">Replacement: share of influence that reaches the prompt and not '
            "errors. Completeness: share of inputs that are not errors. Shown: the nodes that hold "
            f"{found.threshold:.0%} of influence.</p>"
        )


def _took(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{1000 * seconds:.0f} ms"


def _bars(rows: list[tuple[str, float, str]], names: Mapping[str, str] | None = None) -> str:
    """Rows of (token or node, value, text); `names` says that they are nodes, and their names."""
    top = max((value for _, value, _ in rows), default=1.0) or 1.0
    return "".join(
        parts.row_html(
            "hs-row",
            "" if names is None else node,
            f"{_named(node, (names or {}).get(node, ''))}<i><b style="
            f'"width:{100 * max(0.0, value) / top:.1f}%"></b></i><span>{text}</span>',
        )
        for node, value, text in rows
    )


def _named(node: str, name: str) -> str:
    """An id, and after it the name where there is one."""
    node, name = notices.text(node), notices.text(name)
    if not name:
        return f'<span class="hx-mono">{node}</span>'
    return f'<span title="{node} {name}"><span class="hx-mono hx-dim">{node}</span> {name}</span>'


def _predicted(found: Trace) -> None:
    rows = [(token, p, f"{p:.3f}") for token, p in found.predicted]
    with st.container(key="panel-predicted"):
        st.html('<div class="hs-head"><h3>Next token</h3></div>' + _bars(rows))


def _strongest(wanted: Traced, found: Trace) -> None:
    """Features by influence, with what a circuit of the same dictionary calls them."""
    names = resources.traced_names(wanted)
    rows = [(node, share, f"{share:.0%}") for node, _, share in found.strongest]
    with st.container(key="panel-strongest"):
        st.html(
            '<div class="hs-head"><h3>Strongest features</h3><span>share of influence</span></div>'
            + (_bars(rows, names) or '<p class="hs-note">No feature is active.</p>')
        )


def _download(wanted: Traced, found: Trace) -> None:
    st.download_button(
        "Neuronpedia JSON",
        lambda: json.dumps(resources.traced_json(wanted)),
        file_name="graph.json",
        mime="application/json",
        on_click="ignore",
        key="download-graph",
        width="stretch",
    )
