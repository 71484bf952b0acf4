"""The library's cards and table, ready to be drawn.

1. `row_data` and `card_data` put a row of the shelf into the words of the component.
2. `gallery` mounts cards and rows as one component and says which circuit was opened or shared.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from streamlit.components.v2 import component

from core.figures import figure, p_text
from explorer.library.shelf import DAMAGED, Row

HERE = Path(__file__).resolve().parent

_component = component(
    "hagd_gallery",
    html='<div class="gallery"></div>',
    css=(HERE / "gallery.css").read_text("utf-8"),
    js=(HERE / "gallery.js").read_text("utf-8"),
)


def row_data(row: Row, href: str) -> dict[str, Any]:
    """A row for the component: numbers as people read them."""
    word, tone = (DAMAGED, "bad") if row.error else row.shown
    return {
        "name": row.name,
        "href": href,
        "title": row.title,
        "task": row.task,
        "called": row.called,
        "tag": row.tag,
        "model": row.model,
        "nodes": "–" if row.faithfulness is None else f"{row.nodes:,}",
        "f": figure(row.faithfulness),
        "pm": pm_text(row.half_width),
        "phi": figure(row.phi),
        "phiEmpty": figure(row.phi_empty),
        "p": p_text(row.p_value),
        "verdict": word,
        "short": row.short,
        "why": row.why or word,
        "tone": tone,
        "muted": tone in ("idle", "bad"),
        "null": row.null,
        "curve": dict(row.curve),
        "error": row.error or "",
    }


def card_data(row: Row, href: str, drawing: Sequence[Any], size: tuple[int, int]) -> dict[str, Any]:
    """A card for the component."""
    data = row_data(row, href)
    return data | {
        "title": row.task,
        "subtitle": f"{row.called} · {row.model}" if row.called else row.model,
        "size": f"faithfulness · {row.nodes:,} nodes",
        "drawing": list(drawing),
        "w": size[0],
        "h": size[1],
    }


class Said(NamedTuple):
    """What was just clicked: names of circuits, or empty texts."""

    opened: str = ""
    shared: str = ""


def gallery(
    cards: Sequence[Mapping[str, Any]],
    rows: Sequence[Mapping[str, Any]],
    key: str,
    groups: Sequence[Mapping[str, Any]] = (),
) -> Said:
    """Show cards and rows, and hear what was clicked.

    Args:
        groups: `title`, `note`, `rows` (how many of the rows, in order) and `first` (how many of
            them stand there while the group is folded; 0 shows all). None: one plain table.
    """
    data = {"cards": list(cards), "rows": list(rows), "groups": list(groups)}
    result = _component(
        data=data, key=key, on_opened_change=lambda: None, on_shared_change=lambda: None
    )
    return Said(str(result.get("opened") or ""), str(result.get("shared") or ""))


def pm_text(half: float | None) -> str:
    """Half of a 95 % interval; less than can be shown is not none."""
    if half is None:
        return ""
    return "±<0.01" if half < 0.005 else f"±{half:.2f}"
