"""The Validation page: what is claimed of a circuit, what it was held against, what is left over.

1. The verdict with its sentences and its five figures.
2. F and φ over sizes with random circuits; F in every regime; controls of the published one.
3. Dark matter: what the dictionary's errors carry, layer by layer, and what can be read from them.
4. Sections against circularity, where the bundle holds them.

Everything is read from `validation.json`; no model is loaded.
"""

from typing import Any

import streamlit as st

from core.bundle import Bundle
from core.figures import figure, real
from core.verdicts import ERRORS, SPLITS
from explorer import menu
from explorer.look import notices, theme
from explorer.look.chart import chart
from explorer.look.copy_link import copy_link
from explorer.session import resources, state
from explorer.session.first import choose
from explorer.sharing import share_menu
from explorer.validation import checks, regimes, verdict
from explorer.validation.cells import count_of, elsewhere
from explorer.validation.curve import size_curve
from explorer.validation.dark_matter import dark_matter
from explorer.validation.lacking import not_there


def page() -> None:
    """Draw the page for the circuit in the URL."""
    view = state.current()
    name = view.circuit or choose(resources.library())
    if not name:
        menu.no_circuit(
            "No circuit to validate yet",
            "This page shows what a stored circuit was tested against. Start a run in the library "
            "first.",
        )
        return
    bundle = resources.bundle(name)
    _title(name, bundle)
    _verdict(bundle)
    with st.container(key="validation-scores", horizontal=True, gap="small"):
        notices.guarded(_curve, bundle)
        if _measurable(bundle.validation):
            notices.guarded(_regimes, bundle)
        notices.guarded(_controls, bundle)
    notices.guarded(dark_matter, bundle, view)
    notices.guarded(_checks, bundle)


# ---- the verdict ----


def _title(name: str, bundle: Bundle) -> None:
    back = menu.address("circuit", circuit=name)
    with st.container(key="line-validation", horizontal=True, vertical_alignment="center"):
        st.html(
            f'<div class="hs-crumbs"><a href="{notices.text(back)}" target="_self">'
            f'{notices.text(bundle.title)}</a><span class="hx-faint">/</span>'
            '<b class="hx-strong">Validation</b></div>'
        )
        with st.container(key="line-validation-end", horizontal=True, horizontal_alignment="right"):
            st.html(f'<span class="hx-counts">{_size(bundle)}</span>')
            copy_link("validation-copy")
            share_menu(name, "validation")


def _size(bundle: Bundle) -> str:
    edges = bundle.validation.get("n_edges")
    nodes = f"{len(bundle.circuit.nodes):,} nodes"
    if not isinstance(edges, int):
        return nodes
    return f"{nodes}, {edges:,} edges in the mean graph of all prompts"


def _verdict(bundle: Bundle) -> None:
    found, size = bundle.validation, len(bundle.circuit.nodes)
    with st.container(key="panel-verdict"):
        word = theme.verdict_html(str(found.get("verdict", "undecided")), bundle.provenance)
        said, figured = verdict.claim_html(found, size), verdict.figures_html(found)
        st.html(f'<div class="hv-verdict"><div><h2>{word}</h2>{said}</div>{figured}</div>')
        if why := verdict.why_html(found):
            st.html(f'<details class="hv-why"><summary>Why</summary>{why}</details>')


# ---- curves, regimes, controls ----


def _curve(bundle: Bundle) -> None:
    found = bundle.validation
    with st.container(key="panel-curve"):
        areas = [(name.upper(), real(found.get(name))) for name in ("cpr", "cmd")]
        shown = " &nbsp; ".join(f"{n} <b>{figure(v)}</b>" for n, v in areas if v is not None)
        st.html(
            f'<div class="hs-head"><h3>Faithfulness by size</h3><span>{shown}</span></div>'
            f'<p class="hs-note">{_regime(found)}{_band(found)}</p>'
        )
        drawn = size_curve(found, theme.palette())
        if drawn is not None:
            chart(drawn, "size-curve")
        elif _measurable(found):
            not_there("The validation holds no curve over sizes.", bundle)
        else:
            st.html(
                '<p class="hv-lacking">F is not measurable: ablating everything hardly moves the '
                "model's margin, so no size and no regime has an F. What can be counted, right "
                "answers, stands beside.</p>"
            )


def _regime(found: Any) -> str:
    split = SPLITS.get(str(found.get("split")), str(found.get("split", "")))
    errors_are = ERRORS.get(str(found.get("error_regime")), "")
    many = count_of(found)
    prompts = split if many is None else f"{many:,} {split}"
    return notices.text(f"{found.get('ablation', '')} ablation, errors {errors_are}, {prompts}")


def _band(found: Any) -> str:
    """On which prompts the random band stands, where those are not the circuit's."""
    fewer = elsewhere(found.get("random_free") or {}, count_of(found))
    return f"; random band {fewer}" if fewer else ""


def _regimes(bundle: Bundle) -> None:
    found = bundle.validation
    with st.container(key="panel-regimes"):
        many = count_of(found)
        prompts = "" if many is None else f" · {many:,} prompts"
        st.html(
            f'<div class="hs-head"><h3>Under every regime</h3><span>F, 95 %{prompts}</span></div>'
        )
        table = regimes.matrix(found)
        if not table:
            not_there("The validation holds one regime alone.", bundle)
            return
        others = regimes.other_splits(found)
        line = f'<div class="hv-others">{others}</div>' if others else ""
        st.html(
            f'{table}<div class="hv-key"><span>Outlined: the regime of the verdict.</span>'
            f"{regimes.scale()}</div>{line}"
        )


def _controls(bundle: Bundle) -> None:
    with st.container(key="panel-controls"):
        st.html(
            '<div class="hs-head"><h3>Controls</h3></div>'
            f'<p class="hs-note">{_regime(bundle.validation)}</p>'
            f"{regimes.controls(bundle.validation)}"
        )


# ---- sections against circularity ----


def _checks(bundle: Bundle) -> None:
    found = checks.panels(bundle.validation)
    if not found:
        return
    with st.container(key="validation-checks", horizontal=True, gap="small"):
        for key, title, body in found:
            with st.container(key=f"panel-{key}"):
                st.html(f'<div class="hs-head"><h3>{title}</h3></div>{body}')


def _measurable(found: Any) -> bool:
    """Whether F could be computed at all."""
    return real(found.get("faithfulness")) is not None
