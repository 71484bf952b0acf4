"""Every colour, size and time of the explorer, once.

1. `DARK` and `LIGHT` hold the colours; `SIZES` holds type, space, shape, motion and node sizes.
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
from typing import Literal

import streamlit as st

from core.verdicts import VERDICTS as VERDICTS
from core.verdicts import verdict_shown

Mode = Literal["dark", "light"]

DARK: Mapping[str, str] = {
    "bg-0": "#0E1217",
    "bg-1": "#151A21",
    "bg-2": "#1D242D",
    "bg-3": "#29323D",
    "bg-inset": "#0A0D11",
    "line-1": "#232B35",
    "line-2": "#3A4654",
    "ink-1": "#E9EDF2",
    "ink-2": "#AEB8C4",
    "ink-3": "#8592A0",
    "ink-inv": "#0E1217",
    "accent": "#15826F",
    "accent-ink": "#FFFFFF",
    "link": "#52C9B2",
    "focus": "#52C9B2",
    "pos": "#5CB0F5",
    "neg": "#F28C3A",
    "role-a": "#ACA4F7",
    "role-b": "#EC93BA",
    "role-c": "#E3C65F",
    "role-d": "#DCD7CC",
    "role-e": "#7FD1C0",
    "role-f": "#9FB8D9",
    "kind-feature": "#AEB8C4",
    "kind-head": "#D6DCE4",
    "kind-error": "#97A3B0",
    "kind-token": "#D6DCE4",
    "kind-position": "#97A3B0",
    "kind-bias": "#97A3B0",
    "kind-logit": "#E9EDF2",
    "series-full": "#C9D1DB",
    "series-circuit": "#52C9B2",
    "series-ablated": "#E9EDF2",
    "series-random": "#6E7B8A",
    "series-chance": "#6E7B8A",
    "ablated-hatch": "rgba(233, 237, 242, 0.34)",
    "ablated-line": "#AEB8C4",
    "act": "#E3C65F",
    "ok": "#52C9B2",
    "warn": "#EBCB6B",
    "bad": "#F2777A",
    "idle": "#8592A0",
    "seq-0": "#151A21",
    "seq-1": "#1C3136",
    "seq-2": "#22504E",
    "seq-3": "#2A766B",
    "seq-4": "#3A9F8E",
    "seq-5": "#62CFB9",
    "shade": "rgba(0, 0, 0, 0.45)",
}
"""Colours on a dark ground; the default."""

LIGHT: Mapping[str, str] = {
    "bg-0": "#F5F6F8",
    "bg-1": "#FFFFFF",
    "bg-2": "#EEF1F4",
    "bg-3": "#E1E6EB",
    "bg-inset": "#F7F8FA",
    "line-1": "#E2E6EB",
    "line-2": "#C0C8D1",
    "ink-1": "#171C22",
    "ink-2": "#45505C",
    "ink-3": "#5F6A77",
    "ink-inv": "#FFFFFF",
    "accent": "#0F7563",
    "accent-ink": "#FFFFFF",
    "link": "#0B6B5A",
    "focus": "#0F7563",
    "pos": "#1668B0",
    "neg": "#B3520A",
    "role-a": "#6A5ACD",
    "role-b": "#B03A78",
    "role-c": "#866508",
    "role-d": "#57524A",
    "role-e": "#0F7563",
    "role-f": "#45658F",
    "kind-feature": "#45505C",
    "kind-head": "#3A444F",
    "kind-error": "#5F6A77",
    "kind-token": "#3A444F",
    "kind-position": "#5F6A77",
    "kind-bias": "#5F6A77",
    "kind-logit": "#171C22",
    "series-full": "#4A5561",
    "series-circuit": "#0F7563",
    "series-ablated": "#171C22",
    "series-random": "#7D8996",
    "series-chance": "#7D8996",
    "ablated-hatch": "rgba(23, 28, 34, 0.26)",
    "ablated-line": "#45505C",
    "act": "#D9A400",
    "ok": "#0B6B5A",
    "warn": "#866508",
    "bad": "#BE2F35",
    "idle": "#5F6A77",
    "seq-0": "#F2F5F6",
    "seq-1": "#D8EAE6",
    "seq-2": "#AFD8CF",
    "seq-3": "#7DBFB2",
    "seq-4": "#45A08F",
    "seq-5": "#0F7563",
    "shade": "rgba(23, 28, 34, 0.12)",
}
"""Colours on a light ground; same names as `DARK`."""

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


def verdict_html(verdict: str) -> str:
    """Mark and word of a verdict; an unknown one is shown as Undecided with its own text."""
    word, tone = verdict_shown(verdict)
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
