"""The dark matter panel: what the dictionary's errors carry, layer by layer."""

from typing import Any

import streamlit as st

from core.bundle import Bundle
from explorer import memory
from explorer.look import notices, theme
from explorer.look.chart import chart
from explorer.session import state
from explorer.session.view import View
from explorer.validation import errors
from explorer.validation.lacking import not_there


def dark_matter(bundle: Bundle, view: View) -> None:
    """Draw the panel; where nothing was measured, it says so."""
    found = bundle.validation.get("dark_matter")
    with st.container(key="panel-dark"):
        if not isinstance(found, dict):
            st.html('<div class="hs-head"><h3>Dark matter</h3></div>')
            not_there("This circuit was validated before errors were looked at.", bundle)
            return
        if found.get("failed"):
            st.html('<div class="hs-head"><h3>Dark matter</h3></div>')
            not_there(f"This could not be measured: {found['failed']}.", bundle)
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
            key=memory.widget("validation-base", view.base),
            on_change=_choose_base,
            label_visibility="collapsed",
            help="; ".join(f"{errors.BASES[k]}: {v}" for k, v in errors.ABOUT.items()),
        )


def _choose_base() -> None:
    state.update(base=memory.value("validation-base") or "dictionary")


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
                drawn = errors.lost_figure(row, colours, span, margin)
                chart(drawn, f"{key}-{place}", tools=False)  # figures fill all of its right edge
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
