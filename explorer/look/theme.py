"""Every colour, size and time of the explorer, once.

1. `DARK` and `LIGHT` (in `colours`) hold the colours; `SIZES` holds type, space, shape, motion and
   node sizes.
2. `stylesheet` writes them as CSS variables (each colour as `light-dark(light, dark)`, which the
   browser settles by the `color-scheme` Streamlit gives its active theme) and adds `styles.css`.
3. `apply` injects that once per run; `palette` gives the same colours to Plotly.

Rule of the palette: hue on an edge means sign, hue on a node means role, fill means series, ink
means what the reader has chosen. Nothing else in the app writes a colour.
"""

from collections.abc import Mapping
from functools import cache
from html import escape
from pathlib import Path
from typing import Any, Literal

import streamlit as st

from core.verdicts import VERDICTS as VERDICTS
from explorer.look.colours import DARK as DARK
from explorer.look.colours import LIGHT as LIGHT
from explorer.look.verdicts import shown

Mode = Literal["dark", "light"]

SIZES: Mapping[str, str] = {
    "font-ui": '"Source Sans", "Source Sans 3", "Source Sans Pro", system-ui, sans-serif',
    "font-mono": '"Source Code Pro", "Source Code", ui-monospace, monospace',
    "fs-micro": "11px",
    "fs-small": "12px",
    "fs-data": "13px",
    "fs-body": "14px",
    "fs-h3": "15px",
    "fs-h2": "19px",
    "fs-h1": "24px",
    "fs-figure": "30px",
    "fs-stage-body": "20px",
    "fs-stage-h1": "40px",
    "s-1": "4px",
    "s-2": "8px",
    "s-3": "12px",
    "s-4": "16px",
    "s-5": "24px",
    "s-6": "32px",
    "s-7": "48px",
    "page-pad": "24px",
    "gap": "12px",
    "panel-pad": "14px",
    "row-h": "36px",
    "control-h": "30px",
    "header-h": "48px",
    "bar-h": "54px",
    "inspector-w": "372px",
    "tree-w": "250px",
    "r-1": "4px",
    "r-2": "6px",
    "r-3": "8px",
    "r-pill": "999px",
    "stroke-1": "1px",
    "stroke-2": "1.5px",
    "stroke-3": "2.5px",
    "t-fast": "90ms",
    "t-ui": "160ms",
    "t-view": "240ms",
    "t-tooltip": "120ms",
    "ease": "cubic-bezier(0.2, 0, 0, 1)",
    "role-tint": "14%",
    "edge-min": "1px",
    "edge-max": "7px",
    "edge-rest": "0.62",
    "edge-focus": "0.95",
    "edge-dim": "0.20",
    "node-feature": "13px",
    "node-head": "24px",
    "node-error": "13px",
    "node-token": "22px",
    "node-position": "12px",
    "node-bias": "12px",
    "node-logit": "26px",
    "node-hit": "24px",
}
"""Sizes and times that do not change with the theme."""

NARROW: Mapping[str, str] = {"page-pad": "16px", "inspector-w": "316px"}
"""Sizes that differ under 1200 px."""

ROLES: tuple[str, ...] = ("role-a", "role-b", "role-c", "role-d", "role-e", "role-f")
"""Hues of the supernodes in the order of the tree; a letter always goes with the hue."""


def mode() -> Mode:
    """Theme in use in this browser; dark where Streamlit does not know it yet."""
    return "light" if st.context.theme.type == "light" else "dark"


def palette(wanted: Mode | None = None) -> Mapping[str, str]:
    """Colours of the theme asked for, or of the one in use; for Plotly and other drawings."""
    return LIGHT if (wanted or mode()) == "light" else DARK


def mark_html(tone: str, size: int = 14) -> str:
    """The small sign of a tone (ok, warn, bad, idle); drawn by CSS, as Streamlit drops SVG."""
    return f'<i class="hx-mark hx-{tone}" style="--size: {size}px" aria-hidden="true"></i>'


def verdict_html(verdict: str, provenance: Mapping[str, Any] | None = None) -> str:
    """Mark and word of a verdict; an unknown one is shown as Undecided with its own text."""
    word, tone = shown(verdict, provenance or {})
    return f'<span class="hx-verdict hx-{tone}">{mark_html(tone)}{escape(word)}</span>'


def role_of(name: str) -> str:
    """Hue of a supernode from its letter: "C1b" belongs to the third role; more than six repeat."""
    letter = name[:1].upper()
    index = ord(letter) - ord("A") if letter.isascii() and letter.isalpha() else 0
    return ROLES[index % len(ROLES)]


def badge_html(name: str) -> str:
    """Letter of a supernode on its hue."""
    return f'<span class="hx-badge" style="--role: var(--{role_of(name)})">{escape(name)}</span>'


def variables() -> str:
    """The tokens as CSS variables on the root element."""
    colours = [f"--{name}: light-dark({LIGHT[name]}, {DARK[name]});" for name in DARK]
    sizes = [f"--{name}: {value};" for name, value in SIZES.items()]
    narrow = [f"--{name}: {value};" for name, value in NARROW.items()]
    still = [f"--{name}: 0ms;" for name in ("t-fast", "t-ui", "t-view")]
    return "\n".join(
        [
            ":root {",
            *colours,
            *sizes,
            "--shadow: 0 8px 28px var(--shade);",
            '--num: "tnum" 1, "lnum" 1;',
            "}",
            "@media (max-width: 1199px) { :root {",
            *narrow,
            "} }",
            "@media (prefers-reduced-motion: reduce) { :root {",
            *still,
            "} }",
        ]
    )


@cache
def stylesheet() -> str:
    """Variables and rules of the whole app."""
    return variables() + "\n" + (Path(__file__).parent / "styles.css").read_text("utf-8")


def apply() -> None:
    """Inject the stylesheet; called once per run, before the page draws anything."""
    # menus and dialogs hang on <body>, outside the element Streamlit gives its colour scheme
    st.html(f"<style>:root {{ color-scheme: {mode()}; }}\n{stylesheet()}</style>")
