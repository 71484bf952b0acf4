"""The dark matter of a dictionary, layer by layer: figures and tables from `dark_matter`.

For each layer a small figure: the F that is lost when its errors are exchanged for something else,
with 95 % intervals over the band within which a change counts as none. Below them the probes: what
can be read from the errors, beside what can be read from the reconstruction and from shuffled
labels.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

import plotly.graph_objects as go

from core.figures import real, two
from explorer.look.figures import SMALL, TICK, Palette, axis, fill
from explorer.look.plot import figure_of
from explorer.look.theme import mark_html

TONES = {"structured": "warn", "noise": "ok", "undecided": "idle"}
BASES = {"dictionary": "in the whole model", "circuit": "in the circuit"}
ABOUT = {
    "dictionary": "Every feature and all other errors as in the model",
    "circuit": "The circuit's features alone, all other errors ablated",
}


class Stand(NamedTuple):
    """One bar: what stands where the error was."""

    field: str
    label: str
    series: str
    about: str


STANDS = (
    Stand("mean", "their mean", "full", "the errors' mean at the position: nothing of the prompt"),
    Stand("noise", "noise, equal norm", "random", "a random direction of the same norm"),
    Stand("shaped", "noise, own shape", "random", "noise with the errors' own covariance"),
    Stand("shuffled", "another prompt's", "full", "another prompt's error, same position"),
    Stand("resampled", "the corrupt prompt's", "full", "the error on the corrupt prompt"),
    Stand("nonlinear", "linear part out", "circuit", "what the MLP's input gives linearly, out"),
    Stand("linear", "the rest out", "ablated", "what it does not give linearly, out"),
)
Row = Mapping[str, Any]


def base_named(found: Row, name: str) -> Row | None:
    """The base with this name."""
    return next((b for b in found.get("bases") or () if b.get("base") == name), None)


def rows_of(base: Row) -> list[Row]:
    """A row for each layer, then the one for all."""
    together = base.get("together")
    return [*base.get("layers", ()), *([together] if together else [])]


def title_of(row: Row) -> str:
    """ "Layer 0", or "All layers"."""
    layers = row.get("layers") or ()
    return f"Layer {layers[0]}" if len(layers) == 1 else "All layers"


def extent(rows: Sequence[Row], margin: float) -> tuple[float, float]:
    """The one axis of all figures: room for every interval and for the band."""
    ends = [-1.25 * margin, 1.25 * margin]
    for row in rows:
        for stand in STANDS:
            ends += [v for v in _figure(row, stand.field) if v is not None]
    low, high = min(ends), max(ends)
    return low - 0.04 * (high - low), high + 0.04 * (high - low)


def lost_figure(
    row: Row, colours: Palette, span: tuple[float, float], margin: float, *, height: int = 188
) -> go.Figure:
    """F lost with each stand-in, from top to bottom."""
    data = [_bar(row, stand, place, colours) for place, stand in enumerate(STANDS)]
    band = {
        "type": "rect", "x0": -margin, "x1": margin, "y0": 0, "y1": 1, "yref": "paper",
        "fillcolor": colours["series-random"], "opacity": 0.16, "line": {"width": 0},
        "layer": "below",
    }  # fmt: skip
    zero = {
        "type": "line", "x0": 0, "x1": 0, "y0": 0, "y1": 1, "yref": "paper",
        "line": {"color": colours["line-2"], "width": 1}, "layer": "below",
    }  # fmt: skip
    names = [
        {
            "x": 0, "xref": "paper", "xanchor": "right", "xshift": -6, "y": place,
            "text": stand.label, "showarrow": False,
            "font": {"size": SMALL, "color": colours["ink-2"]},
        }
        for place, stand in enumerate(STANDS)
    ]  # fmt: skip
    return figure_of(
        colours,
        height,
        [one for one in data if one],
        [*names, *_values(row, colours)],
        shapes=[band, zero],
        margin={"l": 118, "r": 46, "t": 4, "b": 22},
        bargap=0,
        xaxis=axis(colours, *span, nticks=5, tickfont={"size": TICK, "color": colours["ink-3"]}),
        yaxis=axis(colours, len(STANDS) - 0.4, -0.6, showticklabels=False, showgrid=False),
    )


def _values(row: Row, colours: Palette) -> list[dict[str, Any]]:
    """The figures at the right: bars within the band are too short to be read."""
    return [
        {
            "x": 1, "xref": "paper", "xanchor": "right", "xshift": 44, "y": place,
            "text": in_thousandths(_figure(row, stand.field)[0]), "showarrow": False,
            "font": {"size": SMALL, "color": colours["ink-2"]},
        }
        for place, stand in enumerate(STANDS)
    ]  # fmt: skip


def in_thousandths(value: float | None) -> str:
    """Three decimals with a true minus; a dash for nothing."""
    return "–" if value is None else f"{value:z.3f}".replace("-", "−")


def _bar(row: Row, stand: Stand, place: int, colours: Palette) -> dict[str, Any]:
    value, low, high = _figure(row, stand.field)
    if value is None:
        return {}
    spread = {}
    if low is not None and high is not None:
        spread = {
            "type": "data", "symmetric": False, "array": [high - value],
            "arrayminus": [value - low], "color": colours["ink-1"], "thickness": 1.1, "width": 3,
        }  # fmt: skip
    said = f"{stand.about}<br>F lost %{{x:.4f}}"
    interval = "" if low is None or high is None else f"<br>95 % {low:.4f} to {high:.4f}"
    return {
        "type": "bar",
        "orientation": "h",
        "x": [value],
        "y": [place],
        "width": 0.62,
        "marker": fill(stand.series, colours),
        "error_x": spread or None,
        "name": stand.label,
        "hovertemplate": f"{said}{interval}<extra></extra>",
    }


def _figure(row: Row, name: str) -> tuple[float | None, float | None, float | None]:
    one = (row.get("lost") or {}).get(name) or {}
    ends = one.get("ci")
    low, high = ends if isinstance(ends, list) and len(ends) == 2 else (None, None)
    return real(one.get("value")), real(low), real(high)


def head_html(row: Row, layers: Sequence[Row]) -> str:
    """Name, share of variance and word of one row."""
    word = str(row.get("verdict", "undecided"))
    tone = TONES.get(word, "idle")
    own = row.get("layers") or ()
    known = next((one for one in layers if [one.get("layer")] == list(own)), None)
    share = "" if known is None else _made_of(known)
    return (
        f'<div class="hv-layer"><b>{escape(title_of(row))}</b><span>{share}</span>'
        f'<span class="hx-verdict hx-{tone}">{mark_html(tone)}{escape(word)}</span></div>'
    )


def _made_of(layer: Row) -> str:
    """How much is unexplained, and how much of that is linear in the MLP's input."""
    left, linear = real(layer.get("unexplained")), real(layer.get("linear_r2"))
    parts = ["" if left is None else f"{100 * left:.2g} % of the variance"]
    parts += ["" if linear is None else f"R² {linear:.2f} linear"]
    return ", ".join(part for part in parts if part)


def is_noise(row: Row) -> bool:
    """Whether the errors of these layers carry no more than noise of their size would."""
    return row.get("verdict") == "noise"


def noise_html(rows: Sequence[Row], found: Row) -> str:
    """One line for layers whose errors are noise: the largest change that any exchange makes."""
    sizes = [abs(v) for row in rows for s in STANDS if (v := _figure(row, s.field)[0]) is not None]
    most = f" by at most {in_thousandths(max(sizes))}" if sizes else " by next to nothing"
    alone = [title_of(row).lower() for row in rows if len(row.get("layers") or ()) == 1]
    names = " and ".join(alone) + (", and all together" if len(alone) < len(rows) else "")
    return (
        f'<div class="hv-noise"><span class="hx-verdict hx-ok">{mark_html("ok")}noise</span>'
        f"<span>{escape(names.capitalize())}: exchanging the errors for anything else changes F"
        f"{most}, and ±{float(found.get('margin', 0.02)):g} counts as none.</span></div>"
    )


def probe_table(found: Row, base: Row) -> str:
    """What can be read from the errors: a row a variable, a column a layer."""
    layers = [one for one in found.get("layers", ()) if one.get("probes")]
    if not layers:
        return ""
    carried = [_carried(row) for row in base.get("layers", ())]
    head = "".join(f'<th colspan="4">Layer {escape(str(one["layer"]))}</th>' for one in layers)
    sub = '<th class="n">errors</th><th class="n">written</th><th class="n">control</th>'
    sub += '<th class="n">F</th>'
    rows = []
    for place, probe in enumerate(layers[0]["probes"]):
        name = str(probe.get("variable"))
        cells = "".join(
            _probe_cells(one["probes"][place], carried[i].get(name) if i < len(carried) else None)
            for i, one in enumerate(layers)
        )
        rows.append(f"<tr><td>{escape(name.replace('_', ' '))}</td>{cells}</tr>")
    return (
        f'<div class="hv-wide"><table class="hx-table hv-probes"><tr><th></th>{head}</tr>'
        f"<tr><th>variable</th>{sub * len(layers)}</tr>{''.join(rows)}</table></div>"
    )


def _carried(row: Row) -> dict[str, float | None]:
    probed = row.get("probed") or ()
    return {str(p["variable"]): real((p.get("lost") or {}).get("value")) for p in probed}


def _probe_cells(probe: Row, carried: float | None) -> str:
    p, role = real(probe.get("p_value")), str(probe.get("role", probe.get("position")))
    strong = p is not None and p < 0.01
    read = two(probe.get("accuracy"))
    title = f"of {probe.get('n_values')} values, read at “{role}”; p {two(p)} by permuting labels"
    return (
        f'<td class="n" title="{escape(title)}">{f"<b>{read}</b>" if strong else read}</td>'
        f'<td class="n">{two(probe.get("written"))}</td>'
        f'<td class="n hx-faint">{two(probe.get("control"))}</td>'
        f'<td class="n">{in_thousandths(carried)}</td>'
    )
