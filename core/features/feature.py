"""The inspector's page of one feature at one position.

1. Its values on the Lab's prompts (held out from everything): contexts by quantile, histogram,
   firing rate, and every declared variable it could follow.
2. On one prompt: activation, direct effect on the answer, change of P(answer) when ablated.
3. Tokens raised and lowered. At the last position they are read off the decoder row; at any other
   the frozen graph says what reaches the logits of answer and wrong.
4. In- and out-edges with the sum that closes.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from core.circuit import FeatureNode, check_node, parse_node
from core.errors import NodeError
from core.features.activations import (
    Values,
    along,
    firing_anywhere,
    peak,
    role_of,
    values_of,
)
from core.features.contents import (
    Context,
    Density,
    FeatureReport,
    Quantile,
    TokenEffect,
)
from core.features.edges import edges_of, place_in
from core.features.groups import measure
from core.features.labels import feature_label
from core.features.outputs import logit_effect, token_effect, token_effects
from core.graph import AttributionGraph, NodeKind
from core.lab import Lab

BINS = 30
"""Bars of the histogram."""
_RANGES = (("top", 0.99, 1.0, 5), ("90–99 %", 0.9, 0.99, 2), ("50–90 %", 0.5, 0.9, 2))
"""Name, from and to which quantile of the active prompts, contexts shown."""


def feature_report(lab: Lab, node: str, prompt: int = 0) -> FeatureReport:
    """Everything the inspector shows of a feature.

    Args:
        lab: Where it lives.
        node: `L:P:F`; inside the circuit or not.
        prompt: Number of the prompt it is shown on.

    Raises:
        NodeError: If it is no feature of this model, or there is no such prompt.
    """
    feature = _feature(lab, node)
    view = lab.prompts[_known(lab, prompt)]
    values = values_of(lab, feature)
    activation = lab.activation(prompt, feature)
    graph = lab.prompt_graph(prompt, also=(feature,)) if lab.transcoders.reads_linearly else None
    promoted, suppressed, direct = outputs(lab, feature, prompt, values, graph)
    measured = measure(lab, [feature])
    order = [str(n) for n in lab.bundle.circuit.nodes]
    rank = order.index(node) + 1 if node in order else None
    return FeatureReport(
        node=node,
        label=lab.bundle.labels.get(node) or feature_label(measured, 0),
        rank=rank,
        supernodes=_supernodes(lab, rank),
        prompt=prompt,
        role=role_of(lab, feature.position),
        activation=activation,
        firing_rate=float((values.value != 0).float().mean()),
        firing_rate_anywhere=firing_anywhere(lab, feature),
        direct_effect=direct,
        delta_p=lab.single_effects(prompt, [node])[node],
        variables=measured.fits[0],
        quantiles=quantiles(lab, feature, values, prompt),
        density=_density(values.value, activation),
        promoted=promoted,
        suppressed=suppressed,
        edges=edges_of(lab, graph, feature, view),
    )


def _feature(lab: Lab, node: str) -> FeatureNode:
    parsed = parse_node(node)
    if not isinstance(parsed, FeatureNode):
        raise NodeError(
            f"Node {node} is not a feature: got a {type(parsed).__name__}, required L:P:F. Choose "
            "a feature, or ask for a head's or a supernode's report."
        )
    check_node(parsed, lab.bounds)
    return parsed


def _known(lab: Lab, prompt: int) -> int:
    lab.place(prompt)
    return prompt


def _supernodes(lab: Lab, rank: int | None) -> tuple[str, ...]:
    """Names of the supernodes that hold a leaf, outermost first, without the root."""
    if rank is None:
        return ()
    tree = lab.bundle.hierarchy
    path = tree.path(int(tree.terminal_of()[rank - 1]))
    return tuple(tree.name[supernode] for supernode in path[1:])


def quantiles(lab: Lab, feature: FeatureNode, values: Values, prompt: int) -> tuple[Quantile, ...]:
    """Contexts from the top of the active prompts, the middle, and some on which it is silent."""
    order = values.value.argsort(descending=True, stable=True)
    active = order[values.value[order] != 0]
    silent = order[values.value[order] == 0]
    largest = peak(lab, feature)
    used: set[tuple[str, ...]] = set()
    found = []
    for name, low, high, count in _RANGES:
        start, stop = round(len(active) * (1 - high)), round(len(active) * (1 - low))
        # The top is filled up from below; the next range takes what is left of its own.
        rows = active[start:] if name == "top" else active[start:stop]
        found.append((name, _fresh(lab, values, rows.tolist(), count, used)))
    found.append(("zero", _fresh(lab, values, silent.tolist(), 2, used)))
    return tuple(
        Quantile(
            name=name,
            contexts=tuple(_context(lab, feature, values, row, prompt, largest) for row in rows),
        )
        for name, rows in found
    )


def _fresh(
    lab: Lab, values: Values, rows: Sequence[int], count: int, used: set[tuple[str, ...]]
) -> list[int]:
    """The first rows whose tokens were not shown yet; `used` learns them."""
    chosen: list[int] = []
    for row in rows:
        tokens = lab.prompts[values.prompt[row]].tokens
        if len(chosen) < count and tokens not in used:
            used.add(tokens)
            chosen.append(row)
    return chosen


def _context(
    lab: Lab, feature: FeatureNode, values: Values, row: int, prompt: int, largest: float
) -> Context:
    view = lab.prompts[values.prompt[row]]
    tint = (along(lab, feature, view.index).abs() / max(largest, 1e-9)).clamp(0, 1)
    return Context(
        prompt=view.index,
        tokens=view.tokens,
        tint=tuple(tint.tolist()),
        value=float(values.value[row]),
        answer=view.answer,
        here=view.index == prompt,
    )


def _density(value: Float[Tensor, " prompt"], here: float) -> Density:
    """A histogram of the non-zero values, zeros counted apart."""
    active = value[value != 0]
    low = min(0.0, float(value.min()))
    high = max(float(value.max()), low + 1e-6)
    return Density(
        edges=torch.linspace(low, high, BINS + 1),
        count=torch.histc(active, bins=BINS, min=low, max=high).long(),
        zeros=len(value) - len(active),
        value=here,
    )


def outputs(
    lab: Lab,
    feature: FeatureNode,
    prompt: int,
    values: Values,
    graph: AttributionGraph | None,
) -> tuple[tuple[TokenEffect, ...], tuple[TokenEffect, ...], float]:
    """Tokens raised, tokens lowered, and the direct effect on answer − wrong."""
    view = lab.prompts[prompt]
    through = _through_graph(feature, graph)
    direct = through.get(view.answer_id, 0.0) - through.get(view.wrong_id, 0.0)
    if feature.position != lab.length - 1:
        rows = [token_effect(lab.model, token, effect) for token, effect in through.items()]
        rows.sort(key=lambda row: -abs(row.effect))
        raised = tuple(row for row in rows if row.effect > 0)
        return raised, tuple(row for row in rows if row.effect < 0), direct
    active = values.value[values.value != 0]
    strength = lab.activation(prompt, feature) or (float(active.mean()) if len(active) else 0.0)
    trace = lab.model.trace(torch.tensor(view.ids)[None])
    row = lab.transcoders.all_writes(feature.layer, torch.tensor([feature.feature]))[0]
    written = strength * row
    return *token_effects(lab.model, logit_effect(lab.model, trace, written)), direct


def _through_graph(feature: FeatureNode, graph: AttributionGraph | None) -> dict[int, float]:
    """Direct effect on each logit of the prompt's graph; empty where the feature is silent."""
    row = None if graph is None else place_in(graph, feature)
    if graph is None or row is None:
        return {}
    source, target = graph.edge_index
    chosen = (source == row) & (graph.kind[target] == int(NodeKind.LOGIT))
    tokens = graph.index[target[chosen]].tolist()
    return dict(zip(tokens, graph.direct_effect[chosen].tolist(), strict=True))
