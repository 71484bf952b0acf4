"""Feature cards for the report, made where the circuit's model is at hand.

Costs about a tenth of a second a feature, so only the strongest `MANY` are made.
"""

from core.bundle import Bundle
from core.errors import CoreError
from core.features import FeatureReport, feature_report
from core.lab import Lab
from core.report import Card, Context

MANY = 24
PER_QUANTILE = 2
"""Contexts shown of each quantile."""


def cards_of(lab: Lab, bundle: Bundle, many: int = MANY) -> tuple[Card, ...]:
    """Cards of the strongest features; one that cannot be measured is left out."""
    found = []
    for node in bundle.circuit.nodes[:many]:
        try:
            found.append(card_of(feature_report(lab, str(node))))
        except CoreError:
            continue
    return tuple(found)


def card_of(report: FeatureReport) -> Card:
    """What the inspector knows of a feature, cut to a card."""
    contexts = tuple(
        Context(
            name=quantile.name,
            tokens=context.tokens,
            tint=context.tint,
            value=context.value,
            answer=context.answer,
        )
        for quantile in report.quantiles
        for context in quantile.contexts[:PER_QUANTILE]
    )
    return Card(
        node=report.node,
        label=report.label,
        role=report.role,
        rate=report.firing_rate,
        contexts=contexts,
        promoted=tuple((one.text, one.effect) for one in report.promoted[:5]),
        suppressed=tuple((one.text, one.effect) for one in report.suppressed[:5]),
    )
