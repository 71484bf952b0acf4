"""The figures beside a traced prompt: scores, next tokens, strongest features, the download."""

import json
from collections.abc import Mapping

import streamlit as st

from explorer.inspector import parts
from explorer.look import notices
from explorer.session import resources
from explorer.session.view import Traced
from explorer.traces.tracing import Trace


def figures(wanted: Traced, found: Trace, circuit: str) -> None:
    """Draw them all, one panel under the other; `circuit` is the one whose names come first."""
    _scores(found)
    _predicted(found)
    _strongest(resources.traced_names(wanted, circuit), found)
    _download(wanted)


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
    """A node's name with its id small below it; an output token alone."""
    node, name = notices.text(node), notices.text(name)
    if not name:
        return f'<span class="hx-mono">{node}</span>'
    small = f'<small class="hx-mono hx-faint">{node}</small>'
    return f'<span title="{name} ({node})">{name}{small}</span>'


def _predicted(found: Trace) -> None:
    rows = [(token, p, f"{p:.3f}") for token, p in found.predicted]
    with st.container(key="panel-predicted"):
        st.html('<div class="hs-head"><h3>Next token</h3></div>' + _bars(rows))


def _strongest(names: Mapping[str, str], found: Trace) -> None:
    """Features by influence."""
    rows = [(node, share, f"{share:.0%}") for node, _, share in found.strongest]
    with st.container(key="panel-strongest"):
        st.html(
            '<div class="hs-head"><h3>Strongest features</h3><span>share of influence</span></div>'
            + (_bars(rows, names) or '<p class="hs-note">No feature is active.</p>')
        )


def _download(wanted: Traced) -> None:
    st.download_button(
        "Neuronpedia JSON",
        lambda: json.dumps(resources.traced_json(wanted)),
        file_name="graph.json",
        mime="application/json",
        on_click="ignore",
        key="download-graph",
        width="stretch",
    )
