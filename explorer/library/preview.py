"""A circuit's network while the engine is still being imported: the one drawn before, from a file.

1. `keep` draws the network of the whole task once and writes it to the store (`drawings/`), under a
   name that changes when the circuit or the program does.
2. `draw` shows it with the claim, without torch, where a page of circuits has to wait. The page
   itself takes over as soon as it can; what is shown until then can be looked at, not changed.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import streamlit as st

from core.errors import CoreError
from core.figures import figure
from core.store import write_whole
from explorer.look import notices, theme
from explorer.network.assets import component
from explorer.session import resources, state

MOST = 400
"""Drawings kept; the oldest go."""
_PROGRAM = Path(__file__).resolve().parents[1] / "network"


def keep(name: str) -> None:
    """Write the network of a circuit, if it is not there."""
    from explorer.network.picture import picture
    from explorer.network.visible import Sieve

    file = _file(name)
    if file.exists():
        return
    drawn = picture(resources.scene(name, None), (), Sieve(hidden=state.View().filters.hidden))
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    data = {"key": drawn.key, "scene_key": drawn.scene_key}
    data |= {"graph": dict(drawn.graph), "scene": dict(drawn.scene)}
    write_whole(file, json.dumps(data).encode())
    kept = sorted(file.parent.glob("*.json"), key=lambda path: path.stat().st_mtime)
    for old in kept[:-MOST]:
        old.unlink(missing_ok=True)


def prepare(name: str) -> bool:
    """Keep a drawing of a circuit that has none yet; whether there is one now.

    This needs torch but no model and not the rest of the engine, which takes as long again.
    """
    try:
        keep(name)
    except (OSError, CoreError):  # the page says so itself
        return False
    return True


def draw(name: str) -> bool:
    """Show the circuit as it was drawn last; whether there was one to show."""
    try:
        info, data = resources.find(name), json.loads(_file(name).read_text("utf-8"))
        message = _message(data)
    except (OSError, ValueError, KeyError, CoreError):
        return False
    found = info.validation
    numbers = "".join(
        f"<span>{sign} <b>{figure(found.get(key))}</b></span>"
        for sign, key in (("F", "faithfulness"), ("φ", "phi"), ("φ(∅)", "phi_empty"))
    )
    with st.container(key="line-one", horizontal=True, vertical_alignment="center"):
        with st.container(key="crumbs", horizontal=True, vertical_alignment="center"):
            st.html(f'<div class="hs-crumbs">{notices.text(info.title)}</div>')
        shown = theme.verdict_html(info.verdict, info.provenance) + numbers
        st.html(f'<div class="hx-claim">{shown}<span>{info.n_nodes:,} nodes</span></div>')
    with st.container(key="line-two", horizontal=True, vertical_alignment="center"):
        st.html('<div class="hs-note">Starting the engine…</div>')
    with st.container(key="work", horizontal=True):
        with st.container(key="work-main"):
            component()(key="circuit-preview", data=message)
        with st.container(key="panel-inspector"):
            notices.skeleton(6)
    return True


def _message(data: dict[str, Any]) -> dict[str, Any]:
    """What the canvas is told: the network, nothing chosen, no answers yet."""
    return {
        **{name: data[name] for name in ("key", "scene_key", "graph", "scene")},
        "parts": ["tree", "network", "bar"],
        "mode": "select",
        "height": "var(--work-h)",
        "view": {"rev": 0, "changes": [], "selection": [], "opened": []},
        "seq": 0,
        "bar": None,
        "effects": {},
    }


def _file(name: str) -> Path:
    info = resources.find(name)
    written = (info.path / "provenance.json").stat().st_mtime_ns
    sources = (path for form in ("*.py", "*.js") for path in _PROGRAM.rglob(form))
    program = max(path.stat().st_mtime_ns for path in sources)
    what = hashlib.sha256(f"{info.path}|{written}|{program}".encode()).hexdigest()[:24]
    return resources.store().layout.root / "drawings" / f"{what}.json"
