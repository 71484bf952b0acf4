"""Feature cards for the report, made where the circuit's model is at hand.

Only what a card shows is measured: the inspector's whole report, with its fits of every variable
beside shuffled ones, costs ten times as much. Only the strongest `MANY` features get one.
"""

from core.bundle import Bundle
from core.circuit import FeatureNode
from core.errors import CoreError
from core.features.activations import role_of, values_of
from core.features.contexts import quantiles
from core.features.outputs import outputs
from core.lab import Lab
from core.report import Card, Context

MANY = 24
PER_QUANTILE = 2
"""Contexts shown of each quantile."""
TOKENS = 5
"""Promoted tokens shown, and suppressed ones."""


def cards_of(lab: Lab, bundle: Bundle, many: int = MANY) -> tuple[Card, ...]:
    """Cards of the strongest features; one that cannot be measured is left out."""
    found = []
    features = [node for node in bundle.circuit.nodes if isinstance(node, FeatureNode)]
    for node in features[:many]:
        try:
            found.append(card_of(lab, node, bundle.labels.get(str(node), "")))
        except CoreError:
            continue
    return tuple(found)


def card_of(lab: Lab, node: FeatureNode, label: str) -> Card:
    """Where one feature fires and what it promotes, on the Lab's first prompt where that matters.

    Raises:
        CoreError: If it cannot be measured on this model.
    """
    values = values_of(lab, node)
    graph = lab.prompt_graph(0, also=(node,)) if lab.transcoders.reads_linearly else None
    promoted, suppressed, _ = outputs(lab, node, 0, values, graph)
    contexts = tuple(
        Context(
            name=quantile.name,
            tokens=context.tokens,
            tint=context.tint,
            value=context.value,
            answer=context.answer,
        )
        for quantile in quantiles(lab, node, values, 0)
        for context in quantile.contexts[:PER_QUANTILE]
    )
    return Card(
        node=str(node),
        label=label,
        role=role_of(lab, node.position),
        rate=float((values.value != 0).float().mean()),
        contexts=contexts,
        promoted=tuple((one.text, one.effect) for one in promoted[:TOKENS]),
        suppressed=tuple((one.text, one.effect) for one in suppressed[:TOKENS]),
    )
