"""The canvas component: hierarchy, network and answer bar in the browser.

1. `canvas` mounts the one component on a `Picture`. What the browser already has (`have`) is not
   sent again; a click then costs a few kB whatever the size of the graph.
2. Changed set, selection and opened supernodes belong to the browser and arrive whole. Where the
   app wants others (a link, Clear all), it raises `rev`, and the browser takes its view over.

vis-network is served from the installed pyvis package and fetched once; nothing comes from outside.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from explorer import memory
from explorer.network.assets import component
from explorer.network.picture import Density, Picture, counts_text, picture

__all__ = [
    "Bar",
    "CanvasResult",
    "CanvasView",
    "Change",
    "Density",
    "Picture",
    "canvas",
    "counts_text",
    "parse_message",
    "picture",
]

Part = Literal["tree", "network", "bar"]


class Change(NamedTuple):
    """One intervention: 0 ablated, 1 put back inside an ablated supernode, else a factor."""

    node: str
    scale: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CanvasView:
    """What the reader has chosen on a canvas."""

    changes: tuple[Change, ...] = ()
    selection: tuple[str, ...] = ()
    opened: tuple[str, ...] = ()
    """Opened supernodes, outer ones first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CanvasResult:
    """What the component last said."""

    view: CanvasView
    rev: int
    """Revision of the view that the browser answers to."""
    action: str | None = None
    """A button pressed in this run, as "lab"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """Figures of the answer bar, all between 0 and 1."""

    answer: str
    full: float
    circuit: float
    changed: float | None = None
    chance: float | None = None
    band: tuple[float, float] | None = None
    """What random ablations of the same size leave."""
    top: tuple[str, float] | None = None
    """The full model's own first token where that is not the answer asked for."""
    band_label: str = ""
    then: tuple[tuple[str, float], ...] = ()
    """The next answers with the changed set."""


def canvas(
    data: Picture,
    *,
    key: str,
    view: CanvasView,
    on_view: Callable[[CanvasView], None],
    parts: Sequence[Part] = ("network",),
    mode: Literal["select", "ablate", "look"] = "select",
    height: str = "560px",
    below: int = 0,
    bar: Bar | None = None,
    effects: Mapping[str, str] | None = None,
) -> CanvasResult:
    """Mount the canvas.

    Args:
        data: The network, from `picture`.
        key: One per place in the app.
        view: What should be shown as chosen; differs from the browser's only where the app
            changed it, and then wins.
        on_view: Called with the browser's view before the script runs again.
        parts: Which of hierarchy, network and answer bar.
        mode: What a click does; "look" selects, and nothing can be ablated or scaled.
        height: A CSS length, as "560px"; in `--work-h` or `--lab-h` the browser keeps what is left
            of the window.
        below: What else must find room under it, px.
        bar: Figures of the answer bar.
        effects: Last result of ablating a node, shown in its tooltip.
    """
    heard = _heard(key)
    sent = _imposed(key, view, heard)
    message = _news(data, heard.have if heard else ()) | {
        "parts": list(parts),
        "mode": mode,
        "height": height,
        "below": below,
        "view": _written(view, sent.rev),
        "seq": heard.seq if heard else 0,
        "bar": None if bar is None else _bar(bar),
        "effects": dict(effects or {}),
    }

    def changed() -> None:
        if (now := _heard(key)) and now.rev == memory.local(f"canvas.{key}", _Sent()).rev:
            on_view(now.view)

    result = component()(
        key=key, data=message, on_view_change=changed, on_action_change=lambda: None
    )
    action = result.get("action")
    name = action.get("name") if isinstance(action, Mapping) else None
    return CanvasResult(view=view, rev=sent.rev, action=name)


class _Sent(NamedTuple):
    """The last view the app imposed."""

    rev: int = -1
    view: CanvasView = CanvasView()


class _Heard(NamedTuple):
    """The last message of the browser."""

    rev: int
    seq: int
    have: tuple[str, ...]
    view: CanvasView


def _imposed(key: str, view: CanvasView, heard: _Heard | None) -> _Sent:
    """What the app imposed last; anew, with a higher revision, where it wants another view."""
    sent = memory.local(f"canvas.{key}", _Sent())
    current = heard.view if heard and heard.rev == sent.rev else sent.view
    if current != view or sent.rev < 0:
        sent = _Sent(rev=sent.rev + 1, view=view)
    memory.remember(f"canvas.{key}", sent)
    return sent


def _news(data: Picture, have: Sequence[str]) -> dict[str, Any]:
    """The network, without the parts that the browser has already."""
    return {
        "key": data.key,
        "scene_key": data.scene_key,
        "graph": None if data.key in have else data.graph,
        "scene": None if data.scene_key in have else data.scene,
    }


def _written(view: CanvasView, rev: int) -> dict[str, Any]:
    return {
        "rev": rev,
        "changes": [change._asdict() for change in view.changes],
        "selection": list(view.selection),
        "opened": list(view.opened),
    }


def _heard(key: str) -> _Heard | None:
    stored = memory.value(key)
    raw = stored.get("view") if isinstance(stored, Mapping) else None
    return parse_message(raw)


def parse_message(raw: Any) -> _Heard | None:
    """The browser's message, or None where it is not one (it is data from outside)."""
    if not isinstance(raw, Mapping):
        return None
    try:
        changes = tuple(Change(str(c["node"]), float(c["scale"])) for c in raw["changes"])
        return _Heard(
            rev=int(raw["rev"]),
            seq=int(raw["seq"]),
            have=tuple(map(str, raw.get("have") or ())),
            view=CanvasView(
                changes=changes,
                selection=tuple(map(str, raw["selection"])),
                opened=tuple(map(str, raw["opened"])),
            ),
        )
    except (KeyError, TypeError, ValueError):
        return None


def _bar(bar: Bar) -> dict[str, Any]:
    return {name: getattr(bar, name) for name in Bar.__slots__}
