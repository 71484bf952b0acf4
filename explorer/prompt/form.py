"""The form of the Prompt page: prompt, model, transcoders, and the tokens to explain."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import streamlit as st

from core.assets import NEURONS, TRANSCODERS
from core.choices import BUNDLED_KINDS, COMMON_KINDS
from explorer import memory
from explorer.look.copy_link import copy_link
from explorer.prompt import follow
from explorer.session import resources, state
from explorer.session.view import Traced
from explorer.traces.dictionaries import DEFAULT

_WRITTEN: Mapping[str, str] = {"topk": "TopK", "clt": "cross-layer"}
KINDS = {
    "": DEFAULT,
    **{kind: f"{_WRITTEN.get(kind, kind)}, bundled" for kind in BUNDLED_KINDS},
    NEURONS: "MLP neurons",
}
"""Transcoders by their name in a link; anything else is a folder."""


def form(wanted: Traced) -> None:
    """Draw it; each change is taken into the view."""
    models, kinds = list(follow.models()), _kinds(wanted)
    with st.container(key="panel-prompt", horizontal=True, vertical_alignment="bottom"):
        st.text_input(
            "Prompt",
            key=memory.widget("traced-text", wanted.text),
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
                key=memory.widget(f"traced-{name}", getattr(wanted, name)),
                placeholder=hint,
                on_change=_take,
                max_chars=80,
                width=104,
            )
        st.button("Trace", type="primary", key="trace-now", on_click=_take)
        copy_link(key="prompt-copy")


def _kinds(wanted: Traced) -> list[str]:
    """What may be chosen for a model: of the bundled kinds those that it has.

    The empty choice is not offered where it would be the circuit's own dictionary again.
    """
    rare, here = set(BUNDLED_KINDS) - set(COMMON_KINDS), TRANSCODERS / wanted.model
    implied = follow.completed(replace(wanted, model="", transcoders="")).transcoders
    unset = not state.current().traced.model and implied
    shown = [kind for kind in KINDS if kind not in rare or (here / kind).is_dir()]
    return [kind for kind in shown if kind or not unset]


def _choice(name: str, label: str, options: list[str], chosen: str, width: int) -> None:
    """A select box that also takes a path typed by hand."""
    names = KINDS if name == "transcoders" else {}
    key = f"traced-{name}"
    options = options if chosen in options else [*options, chosen]
    if chosen not in (*names, *resources.model_names()):
        key += f"-{chosen}"  # a new box: the one it was typed into would show it cut at its end
    many = Counter(map(_short, options))
    memory.remember(f"traced-{name}", key)
    st.selectbox(
        label,
        options,
        format_func=lambda option: (
            names.get(option) or (_short(option) if many[_short(option)] == 1 else option)
        ),
        key=memory.widget(key, chosen),
        accept_new_options=True,
        on_change=_take,
        width=width,
    )


def _short(ref: str) -> str:
    """A name as it is, a long path by its end."""
    return f"…/{Path(ref).name}" if len(ref) > 18 and Path(ref).is_absolute() else ref


def _take() -> None:
    fields = ("text", "model", "transcoders", "target", "against")
    keys = {name: memory.local(f"traced-{name}", f"traced-{name}") for name in fields}
    typed = {name: str(memory.value(key) or "") for name, key in keys.items()}
    before = state.current().traced
    taken = follow.completed(before)
    for name in ("model", "transcoders"):  # nobody chose it: prompt and circuit still decide
        if not before.model and not getattr(before, name) and typed[name] == getattr(taken, name):
            typed[name] = ""
    limits = {"target": 160, "against": 160}
    state.update(traced=Traced(**{k: v[: limits.get(k, 2000)] for k, v in typed.items()}))
