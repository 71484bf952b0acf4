"""The form of each kind of node in graph JSON: names, layer, feature number, type and text."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from core.errors import GraphError
from core.graph import NodeKind
from core.interop.ids import Name, cantor, error_name, feature_name
from core.models import LanguageModel


class Site(NamedTuple):
    """One node, as its graph has it; `number` is its index."""

    kind: NodeKind
    layer: int
    position: int
    number: int


class Words(NamedTuple):
    """Where texts come from."""

    model: LanguageModel
    """Knows its vocabulary."""
    at: Sequence[str]
    """Text of each position."""
    prompt: str
    """The whole."""


def form_of(site: Site, n_layers: int, taken: set[str]) -> dict[str, Any]:
    """Names, layer, feature number and type of one node."""
    kind, layer, position, index = site
    match kind:
        case NodeKind.FEATURE:
            name, layer_text = feature_name(layer, index, position), str(layer)
            feature, what = cantor(layer, index), "cross layer transcoder"
        case NodeKind.ERROR:
            name, layer_text = error_name(layer, position, taken), str(layer)
            feature, what = -1, "mlp reconstruction error"
        case NodeKind.TOKEN:
            name = Name(f"E_{index}_{position}", f"E_{index}-{position}")
            feature, layer_text, what = position, "E", "embedding"
        case NodeKind.LOGIT:
            name = Name(f"{n_layers + 1}_{index}_{position}", f"L_{index}-{position}")
            feature, layer_text, what = index, str(n_layers + 1), "logit"
        case NodeKind.POSITION:
            name = Name(f"pos_{position}", f"pos_{position}-0")
            feature, layer_text, what = -1, "E", "bias"
        case NodeKind.BIAS:
            where = "rest" if layer < 0 else str(layer)
            name, layer_text = Name(f"bias_{where}", f"bias_{where}-0"), str(max(layer, 0))
            feature, what = -1, "bias"
        case _:
            raise GraphError(
                f"A node of kind {kind.name} has no form in graph JSON; features, errors, tokens, "
                "positions, constants and logits have. Export a graph without head nodes."
            )
    return {
        "node_id": name.node_id,
        "jsNodeId": name.js_id,
        "feature": feature,
        "layer": layer_text,
        "feature_type": what,
    }


def text_of(site: Site, words: Words, direction: str, weight: float) -> str:
    """What a node is called where nobody has labelled it."""
    kind, _, position, index = site
    match kind:
        case NodeKind.TOKEN:
            return f'Emb: "{words.at[position]}"'
        case NodeKind.LOGIT:
            name = words.model.token_text(index) if index < words.model.d_vocab else direction
            return f'Output "{name}" (p={weight:.3f})'
        case NodeKind.ERROR:
            return f'Err: mlp "{words.at[position]}"'
        case NodeKind.POSITION:
            return f"Position {position}"
        case NodeKind.BIAS:
            return "Features left out" if index == 0 else "Constants"
    return ""
