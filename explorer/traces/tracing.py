"""One prompt's attribution graph for the Prompt page: built, scored, pruned to what can be read.

1. The prompt is read as written. What is explained: the top answers, a token, or one less another.
2. The graph is exact (`core.attribution`); the scores are those of the unpruned graph.
3. Pruning keeps the strongest 80 % of influence, less where that is more than can be shown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from jaxtyping import Int
from torch import Tensor

from core.attribution import AttributionSettings, Paths, TargetChoice, explain_prompt, paths_at
from core.bundle import BundleInfo, locate
from core.circuit import node_ids
from core.errors import CoreError, ModelError, TranscoderError
from core.graph import AttributionGraph, NodeKind, Pruned, influence, prune
from core.interop import ExportSettings, to_neuronpedia
from core.models import LanguageModel
from core.tasks import Split, load_task
from core.transcoders import (
    TranscoderSet,
    load_transcoders,
    neuron_transcoders,
    open_transcoders,
)
from core.transcoders.files import CONFIG

MOST_FEATURES = 1024
MOST_SHOWN = 200
"""Nodes kept for the screen."""
THRESHOLDS = (0.8, 0.7, 0.6, 0.5, 0.4, 0.3)
TOP = 8
DEFAULT = "bundled, else trained"
"""What no choice of transcoders is called."""


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


def coders_of(model: LanguageModel, ref: str, kept: Sequence[Path] = ()) -> TranscoderSet:
    """The transcoders that the page asks for.

    Args:
        model: What they must fit.
        ref: A folder or a kind; empty takes the bundled ones of a bundled model, else the newest
            kept here for this model, else the neurons where they read linearly.
        kept: Folders that may hold a dictionary of it, as `kept_for` lists them.

    Raises:
        TranscoderError: If there are none of that name, or they do not fit the model.
    """
    if ref:
        found = open_transcoders(model, ref)
        if found is not None:
            return found.transcoders
        raise TranscoderError(
            f"No {ref} transcoders are bundled for {model.name}.\nChoose “{DEFAULT}”, or "
            "give the path of a transcoder folder."
        )
    found = open_transcoders(model, None)
    return found.transcoders if found else newest(model, kept) or _neurons(model)


def newest(model: LanguageModel, kept: Sequence[Path]) -> TranscoderSet | None:
    """The dictionary of this model that was written last, of those that load and fit it.

    One that records the key of its model must record this one's; an older one, its name.
    """
    for folder in sorted(kept, key=_written, reverse=True):
        try:
            found = load_transcoders(folder, model)
        except (TranscoderError, OSError):
            continue
        mine = found.model_key == model.key if found.model_key else _names(found, folder, model)
        if mine and found.reads_linearly:
            return found
    return None


def _names(found: TranscoderSet, folder: Path, model: LanguageModel) -> bool:
    named = found.model_name == model.name
    return named or (not found.model_name and folder.name.startswith(f"{model.name}-"))


def kept_for(
    model_key: str, trained: Path, circuits: Sequence[BundleInfo] = ()
) -> tuple[Path, ...]:
    """Folders that may hold a dictionary of a model.

    Args:
        model_key: Content key of the model.
        trained: Where runs keep what they train.
        circuits: Stored circuits: each names the dictionary it was found with.
    """
    found = [path.parent for path in trained.glob(f"*/{CONFIG}")] if trained.is_dir() else []
    sound = [folder for folder in found if ".damaged-" not in folder.name]
    for info in circuits:
        if info.provenance.get("model", {}).get("key") == model_key:
            folder = Path(part_of(info, "transcoders"))
            sound += [folder] if (folder / CONFIG).is_file() else []
    return tuple(dict.fromkeys(sound))


def part_of(info: BundleInfo, part: Literal["model", "transcoders", "task"]) -> str:
    """Name or path of what a circuit was found on; "" where its record does not say."""
    try:
        return locate(str(info.provenance[part]["ref"]), info.path)
    except (KeyError, TypeError, CoreError):
        return ""


def _written(folder: Path) -> int:
    try:
        return (folder / CONFIG).stat().st_mtime_ns
    except OSError:
        return 0


def _neurons(model: LanguageModel) -> TranscoderSet:
    found = neuron_transcoders(model)
    if found.reads_linearly:
        return found
    raise TranscoderError(
        f"No transcoders for {model.name} yet.\nIts MLP is gated, so its neurons do not read "
        "linearly and no graph can be built of them.\nTrain some first with `hagd train` or "
        "`hagd run`, or by a new run in the Library, or give the path of a transcoder folder."
    )


def to_json(
    model: LanguageModel, coders: TranscoderSet, found: Trace, direction: str = "direction"
) -> dict:
    """The shown graph as Neuronpedia and circuit-tracer read it; `direction` names what it explains
    where that is one token less another."""
    options = ExportSettings(
        slug="prompt",
        scan=coders.scan or model.name,
        direction=direction,
        pruning={"node_threshold": found.threshold, "edge_threshold": 0.98},
    )
    return to_neuronpedia(found.pruned, model, found.ids, options)
