"""report.html: a circuit on one static page that needs no program, script or network.

1. Verdict, sentence and the figures of the test split, each beside its control.
2. The curve over sizes as inline SVG, with the band of random circuits.
3. The other regimes, the nodes with their labels, and where it all comes from.
Every text is escaped; the page refers to nothing outside itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from core.circuit import Circuit
from core.graph import AttributionGraph, NodeKind
from core.verdicts import VERDICTS, Verdict

MARKS = {
    Verdict.HOLDS: "✓",
    Verdict.HOLDS_IN_PART: "◐",
    Verdict.SUFFICIENT_NOT_NECESSARY: "◑",
    Verdict.NECESSARY_NOT_SUFFICIENT: "◒",
    Verdict.DOES_NOT_HOLD: "✕",
    Verdict.REJECTED: "⊘",
    Verdict.UNDECIDED: "?",
}
"""Mark of each verdict, beside its word and colour: never a colour alone."""

_COLOURS = """
:root { color-scheme: light dark; --bg: #F5F6F8; --panel: #FFFFFF; --line: #E2E6EB;
  --ink: #171C22; --ink2: #45505C; --ink3: #5F6A77; --series: #0F7563; --random: #7D8996;
  --ok: #0B6B5A; --warn: #866508; --bad: #BE2F35; --idle: #5F6A77; }
@media (prefers-color-scheme: dark) { :root { --bg: #0E1217; --panel: #151A21; --line: #232B35;
  --ink: #E9EDF2; --ink2: #AEB8C4; --ink3: #8592A0; --series: #52C9B2; --random: #6E7B8A;
  --ok: #52C9B2; --warn: #EBCB6B; --bad: #F2777A; --idle: #8592A0; } }
"""
_STYLE = """
body { margin: 0; background: var(--bg); color: var(--ink); font: 14px/1.5 "Source Sans",
  "Source Sans 3", system-ui, sans-serif; font-feature-settings: "tnum" 1, "lnum" 1; }
main { max-width: 900px; margin: 0 auto; padding: 24px; }
h1 { font-size: 24px; line-height: 1.2; margin: 0 0 4px; } h2 { font-size: 15px; margin: 0 0 8px; }
section { background: var(--panel); border: 1px solid var(--line); border-radius: 8px;
  padding: 14px; margin-top: 12px; overflow-x: auto; }
.verdict { font-size: 19px; font-weight: 600; } .muted { color: var(--ink3); font-size: 12px; }
.figures { display: flex; flex-wrap: wrap; gap: 24px; }
.figures b { font-size: 19px; display: block; }
table { border-collapse: collapse; width: 100%; font-size: 13px; }
th { text-align: left; color: var(--ink3); font-size: 12px; font-weight: 500; }
td, th { padding: 4px 12px 4px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
.num { text-align: right; } code { font: 12px "Source Code", ui-monospace, monospace; }
text { fill: var(--ink3); font-size: 11px; } p { margin: 4px 0; color: var(--ink2); }
@media print { section { break-inside: avoid; } }
"""


def report_html(
    *,
    title: str,
    circuit: Circuit,
    graph: AttributionGraph,
    validation: Mapping[str, Any],
    provenance: Mapping[str, Any],
    labels: Mapping[str, str],
) -> str:
    """The whole page.

    Args:
        title: What a person calls the result.
        circuit: Its nodes, strongest first.
        graph: For each node's mean activation and effect.
        validation: validation.json.
        provenance: provenance.json.
        labels: Names of nodes by id.
    """
    body = "".join(
        (
            _head(title, circuit, validation),
            _figures(validation, len(circuit.nodes)),
            _curve(validation),
            _regimes(validation),
            _nodes(circuit, graph, labels),
            _origin(provenance),
        )
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_COLOURS}{_STYLE}</style></head>"
        f"<body><main>{body}</main></body></html>\n"
    )


def _head(title: str, circuit: Circuit, validation: Mapping[str, Any]) -> str:
    word, colour = VERDICTS[validation["verdict"]]
    mark = MARKS[Verdict(validation["verdict"])]
    reasons = "".join(f"<p>{escape(str(reason))}</p>" for reason in validation.get("reasons", ()))
    return (
        f"<h1>{escape(title)}</h1>"
        f'<div class="muted">{len(circuit.nodes)} features · seed {circuit.seed}</div>'
        f'<section><div class="verdict" style="color:var(--{colour})">{mark} {word}</div>'
        f"{reasons}</section>"
    )


def _figures(validation: Mapping[str, Any], size: int) -> str:
    """Every score with its control under it."""
    random = validation.get("random") or {}
    control = (
        f"{random.get('n', '–')} random circuits: mean {_two(random.get('faithfulness_mean'))}, "
        f"best {_two(random.get('faithfulness_max'))}"
    )
    shown = (
        ("F, faithfulness", validation.get("faithfulness"), control),
        ("p", random.get("p_value"), "against those random circuits"),
        ("φ, accuracy kept", validation.get("phi"), f"nothing kept: {_phi_empty(validation)}"),
        ("necessity", validation.get("necessity"), "F lost when the circuit is ablated"),
        ("CPR", validation.get("cpr"), f"CMD {_two(validation.get('cmd'))}, over sizes"),
    )
    cells = "".join(
        f'<div><span class="muted">{name}</span><b>{_two(value)}</b>'
        f'<span class="muted">{escape(note)}</span></div>'
        for name, value, note in shown
    )
    regime = (
        f"{size} features, {validation.get('n_edges', '–')} edges · "
        f"{validation.get('n_prompts', '–')} unseen prompts · ablation "
        f"{validation.get('ablation', '–')} · errors {validation.get('error_regime', '–')}"
    )
    return (
        f'<section><h2>Test split</h2><div class="figures">{cells}</div>'
        f'<p class="muted">{escape(regime)}</p></section>'
    )


def _phi_empty(validation: Mapping[str, Any]) -> str:
    full = validation.get("phi_full")
    return f"{_two(validation.get('phi_empty'))}" + ("" if full is None else f", all: {_two(full)}")


def _curve(validation: Mapping[str, Any]) -> str:
    """F against size as inline SVG; the random band is drawn where the file has one."""
    rows = validation.get("curve") or ()
    pairs = [(_real(row.get("size")), _real(row.get("faithfulness"))) for row in rows]
    points = [(x, y) for x, y in pairs if x is not None and y is not None]
    if len(points) < 2:
        return ""
    scale = _Scale(max(x for x, _ in points), [y for _, y in points])
    line = " ".join(f"{scale.x(x):.1f},{scale.y(y):.1f}" for x, y in points)
    dots = "".join(
        f'<circle cx="{scale.x(x):.1f}" cy="{scale.y(y):.1f}" r="3" fill="var(--series)"/>'
        for x, y in points
    )
    return (
        '<section><h2>F by size</h2><svg viewBox="0 0 860 240" width="100%" role="img" '
        f'aria-label="Faithfulness against circuit size">{scale.axes(points)}'
        f"{_random_band(validation, scale)}"
        f'<polyline points="{line}" fill="none" stroke="var(--series)" stroke-width="1.5"/>'
        f'{dots}</svg><p class="muted">Line: circuit. Grey: random circuits of the chosen size, '
        "mean to best.</p></section>"
    )


class _Scale:
    """Sizes and scores to SVG coordinates."""

    def __init__(self, largest: float, scores: Sequence[float]) -> None:
        self.largest = largest or 1.0
        self.low, self.high = min(0.0, *scores), max(1.0, *scores)

    def x(self, size: float) -> float:
        return 44 + 796 * size / self.largest

    def y(self, score: float) -> float:
        return 14 + 196 * (self.high - score) / (self.high - self.low)

    def axes(self, points: Sequence[tuple[float, float]]) -> str:
        rows = "".join(
            f'<line x1="44" x2="840" y1="{self.y(v):.1f}" y2="{self.y(v):.1f}" '
            f'stroke="var(--line)"/><text x="8" y="{self.y(v) + 4:.1f}">{v:g}</text>'
            for v in (0.0, 0.5, 1.0)
        )
        chosen = points if len(points) <= 8 else points[:: max(1, len(points) // 7)]
        return rows + "".join(
            f'<text x="{self.x(x):.1f}" y="230" text-anchor="middle">{x:g}</text>'
            for x, _ in chosen
        )


def _random_band(validation: Mapping[str, Any], scale: _Scale) -> str:
    random = validation.get("random") or {}
    mean, best = _real(random.get("faithfulness_mean")), _real(random.get("faithfulness_max"))
    if mean is None or best is None:
        return ""
    top = scale.y(min(best, scale.high))
    height = max(scale.y(max(mean, scale.low)) - top, 1.0)
    return (
        f'<rect x="44" width="796" y="{top:.1f}" height="{height:.1f}" fill="var(--random)" '
        'opacity=".3"/>'
    )


def _regimes(validation: Mapping[str, Any]) -> str:
    """The same figures under the other ablations and error regimes."""
    others = validation.get("other_regimes") or ()
    blocks = others.values() if isinstance(others, Mapping) else others
    rows = [
        (
            escape(str(block.get("ablation", "–"))),
            escape(str(block.get("error_regime", "–"))),
            *(_two(block.get(name)) for name in ("faithfulness", "phi", "phi_empty", "necessity")),
            _two((block.get("random") or {}).get("faithfulness_mean")),
        )
        for block in blocks
        if isinstance(block, Mapping)
    ]
    if not rows:
        return ""
    heads = ("ablation", "errors", "F", "φ", "φ(∅)", "necessity", "F random")
    return f"<section><h2>Other regimes</h2>{_table(heads, rows, numbers_from=2)}</section>"


def _nodes(circuit: Circuit, graph: AttributionGraph, labels: Mapping[str, str]) -> str:
    activation, effect = _node_figures(graph)
    rows = [
        (
            str(rank),
            f"<code>{node}</code>",
            escape(labels.get(str(node), "")),
            _two(activation.get(tuple(node))),
            _two(effect.get(tuple(node))),
        )
        for rank, node in enumerate(circuit.nodes, start=1)
    ]
    heads = ("rank", "feature", "label", "mean activation", "Σ |effect| out")
    return f"<section><h2>Nodes</h2>{_table(heads, rows, numbers_from=3)}</section>"


def _node_figures(
    graph: AttributionGraph,
) -> tuple[dict[tuple[int, ...], float], dict[tuple[int, ...], float]]:
    """Activation and summed outgoing |direct effect| of each feature."""
    out = graph.activation.new_zeros(len(graph.kind))
    out.index_add_(0, graph.edge_index[0], graph.direct_effect.abs())
    features = (graph.kind == int(NodeKind.FEATURE)).nonzero().flatten().tolist()
    places = {
        (int(graph.layer[i]), int(graph.position[i]), int(graph.index[i])): i for i in features
    }
    activation = {key: float(graph.activation[i]) for key, i in places.items()}
    return activation, {key: float(out[i]) for key, i in places.items()}


def _origin(provenance: Mapping[str, Any]) -> str:
    rows = []
    for name, value in provenance.items():
        if isinstance(value, Mapping):
            text = " · ".join(f"{key} {item}" for key, item in value.items())
        else:
            text = str(value)
        rows.append((escape(name), f"<code>{escape(text)}</code>"))
    return f"<section><h2>Made from</h2>{_table(('what', 'value'), rows, numbers_from=9)}</section>"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], numbers_from: int) -> str:
    """A table of cells that are already safe HTML."""

    def cell(tag: str, place: int, text: str) -> str:
        return f"<{tag}{' class=num' if place >= numbers_from else ''}>{text}</{tag}>"

    head = "".join(cell("th", place, text) for place, text in enumerate(heads))
    body = "".join(
        f"<tr>{''.join(cell('td', place, text) for place, text in enumerate(row))}</tr>"
        for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _real(value: object) -> float | None:
    """A number as such, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)


def _two(value: object) -> str:
    """Two decimals; small p-values keep their first digit; a dash where there is no number."""
    number = _real(value)
    if number is None:
        return "–"
    return f"{number:.1e}" if 0 < abs(number) < 0.005 else f"{number:.2f}"
