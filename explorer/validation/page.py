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
from core.report import scores
from core.report.markup import real
from core.verdicts import figure
from explorer import menu
from explorer.look import figures, notices, theme
from explorer.look.copy_link import copy_link
from explorer.session import resources, state
from explorer.session.first import choose
from explorer.session.view import View
from explorer.sharing import share_menu
from explorer.validation import checks, errors, regimes, verdict
from explorer.validation.curve import size_curve


def page() -> None:
    """Draw the page for the circuit in the URL."""
    view = state.current()
    name = view.circuit or choose(resources.library())
    if not name:
        notices.empty(
            "No circuit to validate yet",
            "This page shows what a stored circuit was tested against. Start a run in the library "
            "first.",
            notices.Button("Open the library", lambda: state.remember("go-library", True), "go"),
            key="no-circuit",
        )
        if state.local("go-library"):
            state.remember("go-library", False)
            menu.go("library")
        return
    bundle = resources.bundle(name)
    _title(name, bundle)
    _verdict(bundle)
    with st.container(key="validation-scores", horizontal=True, gap="small"):
        notices.guarded(_curve, bundle)
        if _measurable(bundle.validation):
            notices.guarded(_regimes, bundle)
        notices.guarded(_controls, bundle)
    notices.guarded(_dark_matter, bundle, view)
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


def _chart(figure: Any, key: str) -> None:
    st.plotly_chart(figure, key=key, config=figures.CONFIG, theme=None, width="stretch")


def _curve(bundle: Bundle) -> None:
    found = bundle.validation
    with st.container(key="panel-curve"):
        areas = [(name.upper(), real(found.get(name))) for name in ("cpr", "cmd")]
        shown = " &nbsp; ".join(f"{n} <b>{figure(v)}</b>" for n, v in areas if v is not None)
        st.html(
            f'<div class="hs-head"><h3>Faithfulness by size</h3><span>{shown}</span></div>'
            f'<p class="hs-note">{_regime(found)}</p>'
        )
        drawn = size_curve(found, theme.palette())
        if drawn is not None:
            _chart(drawn, "size-curve")
        elif _measurable(found):
            _not_there("The validation holds no curve over sizes.", bundle)
        else:
            st.html(
                '<p class="hv-lacking">F is not measurable: ablating everything hardly moves the '
                "model's margin, so no size and no regime has an F. What can be counted, right "
                "answers, stands beside.</p>"
            )


def _regime(found: Any) -> str:
    split = scores.SPLITS.get(str(found.get("split")), str(found.get("split", "")))
    errors_are = scores.ERRORS.get(str(found.get("error_regime")), "")
    return notices.text(f"{found.get('ablation', '')} ablation, errors {errors_are}, {split}")


def _regimes(bundle: Bundle) -> None:
    found = bundle.validation
    with st.container(key="panel-regimes"):
        st.html('<div class="hs-head"><h3>Under every regime</h3><span>F, 95 %</span></div>')
        table = regimes.matrix(found)
        if not table:
            _not_there("The validation holds one regime alone.", bundle)
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


# ---- dark matter ----


def _dark_matter(bundle: Bundle, view: View) -> None:
    found = bundle.validation.get("dark_matter")
    with st.container(key="panel-dark"):
        if not isinstance(found, dict):
            st.html('<div class="hs-head"><h3>Dark matter</h3></div>')
            _not_there("This circuit was validated before errors were looked at.", bundle)
            return
        if found.get("failed"):
            st.html('<div class="hs-head"><h3>Dark matter</h3></div>')
            _not_there(f"This could not be measured: {found['failed']}.", bundle)
            return
        base = errors.base_named(found, view.base)
        _dark_head(found, view)
        if base is None:
            st.html(
                '<p class="hs-note">Nothing can be lost here: ablating everything hardly moves the '
                "model's answers, so F is not measurable.</p>"
            )
            return
        _layers(found, base)
        _probes(found, base)


def _dark_head(found: dict[str, Any], view: View) -> None:
    with st.container(key="dark-head", horizontal=True, vertical_alignment="center"):
        st.html(
            '<div class="hs-head"><h3>Dark matter</h3><span class="hs-sub">F lost when the errors '
            f"of a layer's transcoder are exchanged, {found.get('n_prompts')} test prompts</span>"
            "</div>"
        )
        st.segmented_control(
            "Base",
            list(errors.BASES),
            format_func=errors.BASES.__getitem__,
            key=state.widget("validation-base", view.base),
            on_change=_choose_base,
            label_visibility="collapsed",
            help="; ".join(f"{errors.BASES[k]}: {v}" for k, v in errors.ABOUT.items()),
        )


def _choose_base() -> None:
    state.update(base=state.value("validation-base") or "dictionary")


def _layers(found: dict[str, Any], base: Any) -> None:
    """Bars where errors carry something; a line where they do not, the bars behind it."""
    rows = errors.rows_of(base)
    quiet = [row for row in rows if errors.is_noise(row)]
    loud = [row for row in rows if row not in quiet]
    if quiet:
        st.html(errors.noise_html(quiet, found))
    if loud:
        _bars(found, rows, loud, "dark")
        st.html(_bars_note(found, base))
    if quiet:
        with st.expander("Bars of every layer" if not loud else "Bars of the others"):
            _bars(found, rows, quiet, "quiet")
            st.html(_bars_note(found, base))


def _bars(found: dict[str, Any], rows: list[Any], shown: list[Any], key: str) -> None:
    margin, colours = float(found.get("margin", 0.02)), theme.palette()
    span = errors.extent(rows, margin)
    with st.container(key=f"{key}-rows", horizontal=True, gap="small"):
        for place, row in enumerate(shown):
            with st.container(key=f"{key}-row-{place}"):
                st.html(errors.head_html(row, found.get("layers", ())))
                _chart(errors.lost_figure(row, colours, span, margin), f"{key}-{place}")
                st.html(f'<p class="hs-note">{notices.text(row.get("reason", ""))}</p>')


def _bars_note(found: dict[str, Any], base: Any) -> str:
    margin = float(found.get("margin", 0.02))
    return (
        f'<p class="hs-note">Bars: F lost; whiskers: 95 %. Within the grey band of ±{margin:g} a '
        f"change counts as none. {notices.text(errors.ABOUT.get(str(base.get('base')), ''))}.</p>"
    )


def _probes(found: dict[str, Any], base: Any) -> None:
    table = errors.probe_table(found, base)
    if table:
        st.html(
            '<div class="hs-head hv-second"><h3>What can be read from the errors</h3>'
            '<span class="hs-sub">accuracy of a linear probe at its best position; bold: p &lt; '
            "0.01</span></div>"
            f'{table}<p class="hs-note">Errors: read from what the transcoder leaves over. '
            "Written: from what it reconstructs. Control: the same probe on shuffled labels. F: "
            "what the directions that tell the variable carry.</p>"
        )
    elif found.get("probes_skipped"):
        st.html(f'<p class="hs-note">{notices.text(found["probes_skipped"])}</p>')


# ---- sections against circularity ----


def _checks(bundle: Bundle) -> None:
    found = checks.panels(bundle.validation)
    if not found:
        return
    with st.container(key="validation-checks", horizontal=True, gap="small"):
        for key, title, body in found:
            with st.container(key=f"panel-{key}"):
                st.html(f'<div class="hs-head"><h3>{title}</h3></div>{body}')


def _not_there(what: str, bundle: Bundle) -> None:
    """A calm word on what an older bundle lacks, and the command that measures it."""
    st.html(
        f'<p class="hv-lacking">{notices.text(what)} Measure it with'
        f"<code>hagd validate {notices.text(bundle.name)}</code></p>"
    )


def _measurable(found: Any) -> bool:
    """Whether F could be computed at all."""
    return real(found.get("faithfulness")) is not None
