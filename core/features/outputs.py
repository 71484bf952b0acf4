"""Which output tokens a feature, or any vector in the residual stream, raises and lowers, directly.

1. A vector at the last position: the final norm is frozen at its scale on the prompt, and every
   token is taken relative to the mean token, since the softmax sees only differences.
2. A feature at the last position writes its decoder row; at any other the frozen graph says what
   reaches the logits of answer and wrong.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from core.circuit import FeatureNode
from core.features.activations import Values
from core.features.contents import TokenEffect
from core.features.edges import place_in
from core.graph import AttributionGraph, NodeKind
from core.lab import Lab
from core.models import LanguageModel, Trace

SHOWN = 5
"""Tokens promoted, and as many suppressed."""


def logit_effect(
    model: LanguageModel, trace: Trace, written: Float[Tensor, " d_model"]
) -> Float[Tensor, " d_vocab"]:
    """What a vector written at the last position adds to each logit, less the mean token's.

    Args:
        model: The model.
        trace: Of the one prompt.
        written: In the residual stream.
    """
    norm = model.final_norm
    scale = norm.scale(trace.resid_post[-1, 0, -1])
    effect = model.W_U @ norm.linear(written, scale)
    return effect - effect.mean()


def token_effects(
    model: LanguageModel, effect: Float[Tensor, " d_vocab"]
) -> tuple[tuple[TokenEffect, ...], tuple[TokenEffect, ...]]:
    """The tokens raised most and lowered most; only those of that sign."""
    order = effect.argsort(descending=True).tolist()
    up = [token_effect(model, t, float(effect[t])) for t in order[:SHOWN]]
    down = [token_effect(model, t, float(effect[t])) for t in reversed(order[-SHOWN:])]
    return tuple(t for t in up if t.effect > 0), tuple(t for t in down if t.effect < 0)


def token_effect(model: LanguageModel, token: int, effect: float) -> TokenEffect:
    """One token's row."""
    return TokenEffect(token=token, text=model.token_text(token), effect=effect)


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
