"""The inspector's sections for a feature, from the engine's report."""

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
import streamlit as st

from core.features import EdgeRow, Quantile, TokenEffect, VariableFit
from core.inspector import FeatureReport
from explorer.inspector import parts as inspector
from explorer.inspector.charts import Curve, curve_figure, histogram_html
from explorer.inspector.contexts import Context, contexts_html
from explorer.inspector.graph import EDGES
from explorer.inspector.parts import Bar, Fact
from explorer.inspector.paths import with_paths
from explorer.look import figures, theme

CONTEXTS: Mapping[str, int] = {"top": 3}
"""Prompts shown of a quantile; one of each where not named."""
TOKENS = 3
"""Promoted tokens shown, and two suppressed ones."""
CURVE_POINTS = 4
"""Points of a fitted curve per value."""


def feature_title_html(report: FeatureReport, role: str) -> str:
    """Name, id, and what named it."""
    holder = report.supernodes[-1] if report.supernodes else ""
    words = f"feature in {holder}" if holder else "feature"
    named = f" · {explained(report.variables[0])}" if report.variables else ""
    sub = f'<span class="hx-mono">{escape(report.node)}</span> &nbsp;{escape(words + named)}'
    return inspector.title_html(report.label or report.node, sub, role=role)


def explained(fit: VariableFit) -> str:
    """How much of the feature its first variable explains: η² by value, or else its best wave's R².

    The two differ: means per value may take any shape, a wave is one cosine.
    """
    if fit.wave is not None and fit.wave.r2 > fit.eta2:
        return f"{fit.variable}, k = {fit.wave.frequency}: R² {fit.wave.r2:.2f}"
    return f"the value of {fit.variable} explains {inspector.percent(fit.eta2)}"


def feature_facts(report: FeatureReport, direct: Fact, alone: float | None) -> list[Fact]:
    """Activation, firing rate, direct effect, and what ablating it alone does, if that is known."""
    return [
        Fact(inspector.number(report.activation), "activation"),
        Fact(inspector.percent(report.firing_rate_anywhere), "of tokens"),
        direct,
        inspector.ablated_fact(alone),
    ]


def draw_feature(report: FeatureReport, variables: Mapping[str, object], role: str) -> None:
    """Everything under the title, numbers and actions."""
    if report.variables:
        _draw_curve(report.variables[0], report, variables, role)
    contexts = contexts_of(report.quantiles)
    st.html(inspector.section_html("Where it fires", contexts_html(contexts), "test prompts"))
    density = report.density
    counts = [float(density.zeros), *density.count.tolist()]
    low, high = float(density.edges[0]), float(density.edges[-1])
    hist = histogram_html(counts, low, high, density.value, role)
    st.html(
        inspector.pair_html(
            inspector.heading_html("Density") + hist,
            inspector.heading_html("Promotes, suppresses")
            + inspector.bars_html(token_bars(report.promoted, report.suppressed)),
        )
    )
    _draw_edges(report)


def _draw_edges(report: FeatureReport) -> None:
    """Both sides, and how closely what comes in adds up to the pre-activation."""
    edges = report.edges
    gap = "" if edges.gap is None else f" ({closing(edges.gap)})"
    total = f"In, Σ = {inspector.number(edges.total)}{gap}"
    out = "Out" if edges.of == "prompt" else "Out, mean of the task"
    st.html(
        inspector.two_lists_html(
            (total, edge_bars(edges.incoming)), (out, edge_bars(edges.outgoing))
        )
    )


def closing(gap: float) -> str:
    """How closely what comes in adds up to what it must."""
    return f"closes to {gap:.0e}" if gap else "closes exactly"


def _draw_curve(
    fit: VariableFit, report: FeatureReport, variables: Mapping[str, object], role: str
) -> None:
    curve = curve_of(fit, variables.get(fit.variable), report.activation)
    st.html(inspector.section_html(f"Activation by {fit.variable}", "", curve.note))
    st.plotly_chart(
        curve_figure(curve, theme.palette(), role),
        key="inspector-curve",
        theme=None,
        config={**figures.CONFIG, "displayModeBar": False},
    )


def curve_of(fit: VariableFit, current: object, activation: float) -> Curve:
    """The variable's means with the fitted wave and the wave's own R², where it is a fair one."""
    wave = fit.wave
    points: list[tuple[float, float]] = []
    note = f"mean at each of {len(fit.values)} values"
    if wave is not None and wave.r2 >= 0.3:
        low, high = float(fit.values[0]), float(fit.values[-1])
        x = np.linspace(low, high, CURVE_POINTS * len(fit.values))
        angle = 2 * np.pi * wave.frequency * x / wave.period + np.pi * wave.phase
        y = wave.offset + wave.amplitude * np.cos(angle)
        points = [(float(a), float(b)) for a, b in zip(x, y, strict=True)]
        note = f"mean per value; line: k = {wave.frequency} alone, R² {wave.r2:.2f}"
    known = isinstance(current, (int, float, str))
    return Curve(
        variable=fit.variable,
        values=fit.values,
        means=[float(v) for v in fit.mean],
        fit=points,
        note=note,
        current=current if known else None,  # pyright: ignore[reportArgumentType]
        current_activation=activation,
    )


def contexts_of(quantiles: Sequence[Quantile]) -> list[Context]:
    """A few prompts of each quantile, each once; the group is named on its first line."""
    rows: list[Context] = []
    shown: set[int] = set()
    for quantile in quantiles:
        fresh = [found for found in quantile.contexts if found.prompt not in shown]
        for i, found in enumerate(fresh[: CONTEXTS.get(quantile.name, 1)]):
            shown.add(found.prompt)
            rows.append(
                Context(
                    group="" if i else quantile.name,
                    tokens=[*zip(found.tokens, found.tint, strict=True), (found.answer, 0.0)],
                    value=inspector.number(found.value) if found.value else "0",
                    here=found.here,
                )
            )
    return rows


def token_bars(promoted: Sequence[TokenEffect], suppressed: Sequence[TokenEffect]) -> list[Bar]:
    """Tokens raised most, then those lowered most."""
    chosen = [*promoted[:TOKENS], *suppressed[: 5 - TOKENS]]
    return [Bar(found.text.strip() or found.text, found.effect, mono=True) for found in chosen]


def edge_bars(rows: Sequence[EdgeRow]) -> list[Bar]:
    """The largest edges, and the others as one bar."""
    named = inspector.told_apart([(row.node, row.text, row.effect) for row in rows[:EDGES]])
    bars = [
        bar._replace(id=row.node) if row.node[:1].isdigit() and row.text else bar
        for row, bar in zip(rows, named, strict=False)
    ]
    bars = with_paths(bars, {row.node: row.paths for row in rows[:EDGES] if row.paths})
    if rest := rows[EDGES:]:
        bars.append(Bar(f"{len(rest)} others", sum(row.effect for row in rest)))
    return bars
