"""One prompt's attribution graph for the Prompt page: built, scored, pruned to what can be read.

1. The prompt is read as written. What is explained: the top answers, a token, or one less another.
2. The graph is exact (`core.attribution`); the scores are those of the unpruned graph.
3. Pruning keeps the strongest 80 % of influence, less where that is more than can be shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from jaxtyping import Int
from torch import Tensor

from core.attribution import AttributionSettings, Paths, TargetChoice, explain_prompt, paths_at
from core.circuit import node_ids
from core.errors import ModelError
from core.graph import (
    EDGE_THRESHOLD,
    AttributionGraph,
    NodeKind,
    Pruned,
    influence,
    prune,
)
from core.interop import ExportSettings, to_neuronpedia
from core.models import LanguageModel
from core.tasks import Split, load_task
from core.transcoders import TranscoderSet

MOST_FEATURES = 1024
MOST_SHOWN = 200
"""Nodes kept for the screen."""
THRESHOLDS = (0.8, 0.7, 0.6, 0.5, 0.4, 0.3)
TOP = 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trace:
    """A traced prompt."""

    ids: Int[Tensor, " pos"]
    tokens: tuple[str, ...]
    targets: TargetChoice
    """What is explained."""
    graph: AttributionGraph
    """Unpruned."""
    pruned: Pruned
    threshold: float
    """Share of influence that the shown nodes hold."""
    replacement: float
    completeness: float
    predicted: tuple[tuple[str, float], ...]
    """The most probable next tokens."""
    strongest: tuple[tuple[str, float, float], ...]
    """Features by influence: id, activation, share of all features' influence."""
    outputs: dict[int, str]
    """Text of the explained tokens by vocabulary id."""
    seconds: float


def trace(
    model: LanguageModel, coders: TranscoderSet, text: str, target: str = "", against: str = ""
) -> Trace:
    """Trace a prompt.

    Args:
        model: The model that reads it.
        coders: Its dictionary.
        text: The prompt, as written.
        target: Token that is explained; blank explains the top answers.
        against: Token that it is explained against; blank for none.

    Raises:
        CoreError: If the prompt or a target is not in the vocabulary, or the transcoders do not
            fit.
    """
    found = explain_prompt(
        model,
        coders,
        text,
        target=target.strip() or None,
        against=against.strip() or None,
        settings=AttributionSettings(max_feature_nodes=MOST_FEATURES),
    )
    graph, ids = found.graph, found.ids
    pruned, threshold = readable(graph)
    chance = model.logits(ids[None])[0].softmax(-1)
    top = chance.topk(min(TOP, len(chance)))
    outputs = graph.index[graph.kind == int(NodeKind.LOGIT)].tolist()
    return Trace(
        ids=ids,
        tokens=tuple(model.token_text(int(token)) for token in ids),
        targets=found.targets,
        graph=graph,
        pruned=pruned,
        threshold=threshold,
        replacement=found.replacement_score,
        completeness=found.completeness_score,
        predicted=tuple(
            (model.token_text(int(token)), float(p))
            for p, token in zip(top.values, top.indices, strict=True)
        ),
        strongest=strongest(graph),
        outputs={token: model.token_text(token) for token in outputs if token >= 0},
        seconds=found.seconds[0],
    )


def paths_of(
    model: LanguageModel, coders: TranscoderSet, found: Trace, node: str
) -> Mapping[str, Paths]:
    """The largest shown edges at a node by the head they run through, by their other end."""
    graph = found.pruned.graph
    names = node_ids(graph)
    if node not in names:
        return {}
    row = names.index(node)
    paths = paths_at(model, coders, found.ids, graph, row, found.targets)
    return {names[int(graph.edge_index[:, edge].sum()) - row]: one for edge, one in paths.items()}


def readable(graph: AttributionGraph, most: int = MOST_SHOWN) -> tuple[Pruned, float]:
    """The graph pruned until at most `most` nodes remain, and the share of influence kept."""
    pruned = prune(graph, THRESHOLDS[0])
    for threshold in THRESHOLDS:
        pruned = prune(graph, threshold)
        if pruned.graph.n_nodes <= most:
            return pruned, threshold
    return pruned, THRESHOLDS[-1]


def strongest(graph: AttributionGraph, most: int = 8) -> tuple[tuple[str, float, float], ...]:
    """The features that carry most influence on what is explained."""
    scores = influence(graph)
    feature = (graph.kind == int(NodeKind.FEATURE)).nonzero()[:, 0]
    if not len(feature):
        return ()
    total = float(scores[feature].sum()) or 1.0
    best = feature[scores[feature].argsort(descending=True)[:most]].tolist()
    return tuple(
        (
            f"{int(graph.layer[i])}:{int(graph.position[i])}:{int(graph.index[i])}",
            float(graph.activation[i]),
            float(scores[i]) / total,
        )
        for i in best
    )


def examples(model: LanguageModel, tasks: tuple[str, ...], most: int = 4) -> tuple[str, ...]:
    """Prompts of the bundled tasks that this model has the words for."""
    found: list[str] = []
    for name in tasks:
        texts = [pair.clean for pair in load_task(name).of(Split.TEST)[:most]]
        found += [text for text in texts if _readable(model, text)]
    return tuple(found[:most])


def _readable(model: LanguageModel, text: str) -> bool:
    try:
        return bool(len(model.encode(text)))
    except ModelError:
        return False


def to_json(
    model: LanguageModel, coders: TranscoderSet, found: Trace, direction: str = "direction"
) -> dict:
    """The shown graph as Neuronpedia and circuit-tracer read it; `direction` names what it explains
    where that is one token less another."""
    options = ExportSettings(
        slug="prompt",
        scan=coders.scan or model.name,
        direction=direction,
        pruning={"node_threshold": found.threshold, "edge_threshold": EDGE_THRESHOLD},
    )
    return to_neuronpedia(found.pruned, model, found.ids, options)
