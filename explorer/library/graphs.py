"""Graphs of other programs in the library: one quiet section under the circuits."""

import streamlit as st

from core.share.graphs import GraphInfo
from explorer import menu
from explorer.library import removing
from explorer.look import notices
from explorer.session import resources
from explorer.session.view import Imported

MOST = 40
"""Graphs listed."""


def section() -> None:
    """The imported graphs, the newest first; nothing where there are none."""
    found = resources.graphs()
    if not found:
        return
    with st.container(key="imported-graphs", gap="small"):
        many = f"{len(found):,}" if len(found) <= MOST else f"the last {MOST} of {len(found):,}"
        st.html(
            f'<div class="hs-head"><h3>Imported graphs</h3><span>{many}</span></div>'
            '<p class="hs-note">Graphs of circuit-tracer or Neuronpedia: to look at, not tested '
            "here.</p>"
        )
        for info in found[:MOST]:
            _row(info)


def _row(info: GraphInfo) -> None:
    with st.container(key=f"graph-{info.name}", horizontal=True, vertical_alignment="center"):
        # the name is letters, digits, - and _; the file's own texts are no Markdown for a label
        if st.button(info.name, key=f"open-graph-{info.name}", type="tertiary"):
            menu.go("prompt", imported=Imported(graph=info.name))
        groups = f" · {info.groups:,} group{'s' * (info.groups != 1)}" if info.groups else ""
        counts = f"{info.nodes:,} nodes · {info.edges:,} edges{groups}" if info.nodes else ""
        st.html(
            f'<div class="hs-graph"><span>{notices.text(info.prompt)}</span>'
            f"<span>{notices.text(info.scan)}</span><span>{counts}</span></div>"
        )
        if st.button("Remove…", key=f"remove-graph-{info.name}", type="tertiary"):
            removing.ask(info.name, info.path)
