"""The form of the Prompt page: prompt, model, transcoders, and the tokens to explain."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import streamlit as st

from core.assets import NEURONS, TRANSCODERS
from core.choices import BUNDLED_KINDS, COMMON_KINDS
from explorer import memory
from explorer.look.copy_link import copy_link
from explorer.session import resources, state
from explorer.session.first import choose
from explorer.session.view import Traced
from explorer.traces.tracing import DEFAULT, part_of

_WRITTEN: Mapping[str, str] = {"topk": "TopK", "clt": "cross-layer"}
KINDS = {
    "": DEFAULT,
    **{kind: f"{_WRITTEN.get(kind, kind)}, bundled" for kind in BUNDLED_KINDS},
    NEURONS: "MLP neurons",
}
"""Transcoders by their name in a link; anything else is a folder."""


def with_model(wanted: Traced) -> Traced:
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


def form(wanted: Traced) -> None:
    """Draw it; each change is taken into the view."""
    models, kinds = list(resources.model_names()), _kinds(wanted.model)
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


def _kinds(model: str) -> list[str]:
    """What may be chosen for a model: of the bundled kinds those that it has."""
    rare = set(BUNDLED_KINDS) - set(COMMON_KINDS)
    return [kind for kind in KINDS if kind not in rare or (TRANSCODERS / model / kind).is_dir()]


def _choice(name: str, label: str, options: list[str], chosen: str, width: int) -> None:
    """A select box that also takes a path typed by hand."""
    names = KINDS if name == "transcoders" else {}
    key = f"traced-{name}"
    if chosen not in options:
        options = [*options, chosen]
        key += f"-{chosen}"  # a new box: the one it was typed into would show it cut at its end
    memory.remember(f"traced-{name}", key)
    st.selectbox(
        label,
        options,
        format_func=lambda option: names.get(option) or _short(str(option)),
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
    if not before.model and typed["model"] == with_model(before).model:
        typed["model"] = ""  # nobody chose it: the prompt still decides
    limits = {"target": 160, "against": 160}
    state.update(traced=Traced(**{k: v[: limits.get(k, 2000)] for k, v in typed.items()}))
