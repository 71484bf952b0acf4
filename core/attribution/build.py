"""The attribution graph of one prompt, exact under the frozen model (Ameisen et al. 2025).

1. Run the prompt once; encode every MLP input; take errors and embeddings.
2. If there are more active features than wanted, measure the direct effects on the logits, rank
   all features by influence, keep the best; in rounds, each with the rows known so far.
3. Compute every direct effect between kept nodes (`sweep`), or between them and the heads on the
   way, where heads are nodes (`head_nodes`).

Every target's incoming edges sum to its value: the pre-activation of a feature (which is its
activation unless the dictionary is made of neurons), the centred logit or the logit difference of
an output. So biases and position embeddings are nodes, and the features left out in step 2 are one
node too (BIAS, layer -1, index 0). Position 0 keeps its nodes.

Nodes, in order: features (layer, position, index); errors, layer by layer; tokens; position
embeddings where the family learns them; the constants of each block and those of the final norm
and unembedding; the left-out features, where there are any; logits; heads (layer, position, index),
where they are nodes and carry anything.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.attribution.ends import Features, Readers, Writers, active_features, errors, writers
from core.attribution.frozen import Frozen, freeze_batch
from core.attribution.head_nodes import HeadMatrix, effects_through_heads
from core.attribution.select import select_features
from core.attribution.settings import DEFAULT_SETTINGS, AttributionSettings
from core.attribution.sweep import direct_effects
from core.attribution.targets import SALIENT, TargetChoice, Targets, choose_targets
from core.errors import GraphError, TranscoderError
from core.graph import AttributionGraph, NodeKind
from core.models import LanguageModel
from core.models.threads import mapped
from core.transcoders import TranscoderSet


def build_graph(
    model: LanguageModel,
    transcoders: TranscoderSet,
    ids: Int[Tensor, " pos"],
    targets: TargetChoice = SALIENT,
    settings: AttributionSettings = DEFAULT_SETTINGS,
    *,
    features: Int[Tensor, "feature 3"] | None = None,
) -> AttributionGraph:
    """The graph of one prompt.

    Args:
        model: Any supported family.
        transcoders: One for each layer, reading linearly.
        ids: The prompt's tokens.
        targets: What to explain, at the last position.
        settings: Size and memory.
        features: Rows (layer, position, index) to keep instead of choosing; those that are not
            active on the prompt are ignored.

    Raises:
        GraphError: If the prompt is empty or a target is not in the vocabulary.
        TranscoderError: If the transcoders do not fit the model or do not read linearly.
    """
    chosen = None if features is None else [features]
    return next(build_graphs(model, transcoders, ids[None], [targets], settings, features=chosen))


def build_graphs(
    model: LanguageModel,
    transcoders: TranscoderSet,
    ids: Int[Tensor, "prompt pos"],
    targets: Sequence[TargetChoice],
    settings: AttributionSettings = DEFAULT_SETTINGS,
    *,
    features: Sequence[Int[Tensor, "feature 3"]] | None = None,
) -> Iterator[AttributionGraph]:
    """One graph a prompt, in order; the forward pass is shared.

    Args and errors as `build_graph`, with one entry of `targets` (and `features`) for each prompt.
    """
    _check_inputs(model, transcoders, ids, targets)
    wanted = [None] * len(ids) if features is None else features

    def run(job: tuple[Frozen, TargetChoice, Tensor | None]) -> AttributionGraph:
        with torch.no_grad():  # which each thread says for itself
            return _one_graph(job[0], job[1], settings, job[2])

    jobs = zip(freeze_batch(model, transcoders, ids), targets, wanted, strict=True)
    yield from mapped(model, run, jobs)


def _one_graph(
    frozen: Frozen,
    choice: TargetChoice,
    settings: AttributionSettings,
    wanted: Int[Tensor, "feature 3"] | None,
) -> AttributionGraph:
    targets = choose_targets(
        frozen.model,
        frozen.trace.logits[frozen.prompt, -1],
        choice,
        max_logits=settings.max_logits,
        logit_mass=settings.logit_mass,
    )
    active = active_features(frozen)
    error = errors(frozen, active)
    if wanted is not None:
        chosen = _places(frozen, active, wanted)
    else:
        chosen = select_features(frozen, active, error, targets, settings)
    sources = writers(frozen, active, error, chosen)
    readers = Readers(frozen=frozen, features=sources.features, targets=targets)
    if settings.heads == "nodes":
        return _with_heads(sources, targets, effects_through_heads(readers, sources))
    matrix = direct_effects(readers, sources, memory_mb=settings.memory_mb)
    return _as_graph(sources, targets, matrix)


def _places(
    frozen: Frozen, active: Features, wanted: Int[Tensor, "feature 3"]
) -> Int[Tensor, " kept"]:
    """Places of the wanted features among the active ones."""
    n_features = frozen.transcoders.n_features

    def key(layer: Tensor, position: Tensor, index: Tensor) -> Tensor:
        return (layer * frozen.n_pos + position) * n_features + index

    present = key(active.layer, active.position, active.index)
    return torch.isin(present, key(*wanted.T)).nonzero()[:, 0]


def _as_graph(
    sources: Writers, targets: Targets, matrix: Float[Tensor, "row column"]
) -> AttributionGraph:
    """Nodes in the order of the columns, then logits; an edge for every effect that is not 0."""
    features = sources.features
    # Places in the flat matrix: a table of rows and columns would be read in strides.
    flat = matrix.flatten()
    place = _not_zero(flat)
    row = place.div(matrix.shape[1], rounding_mode="floor")
    target = torch.where(row < len(features), row, row - len(features) + sources.n_columns)
    others = torch.ones(sources.n_columns - len(features), dtype=matrix.dtype)
    value = _target_values(sources.frozen, targets)
    return AttributionGraph(
        **_columns(sources, targets),
        activation=torch.cat([features.activation, others, value]),
        logit_weight=torch.cat([matrix.new_zeros(sources.n_columns), targets.weight]),
        edge_index=torch.stack([place - row * matrix.shape[1], target]),
        direct_effect=flat[place],
    )


def _not_zero(values: Float[Tensor, " number"]) -> Int[Tensor, " place"]:
    """Places of all numbers but 0; on a CPU in a third of torch's time."""
    if values.device.type == "cpu":
        return torch.from_numpy(np.flatnonzero(values.numpy() != 0))
    return values.nonzero().squeeze(1)


def _with_heads(sources: Writers, targets: Targets, found: HeadMatrix) -> AttributionGraph:
    """The graph without heads, and behind its nodes every head that carries anything."""
    n_rows, n_nodes = len(found.effects) - len(found.place), sources.n_columns + len(targets.index)
    plain = _as_graph(sources, targets, found.effects[:n_rows, : sources.n_columns])
    out = found.effects[:n_rows, sources.n_columns :]
    kept = (out.any(0) | found.effects[n_rows:].any(1)).nonzero()[:, 0]
    # Node of every row and of every column, once heads stand behind the logits.
    head = n_nodes + torch.arange(len(kept))
    n_features = len(sources.features)
    logits = sources.n_columns + torch.arange(len(targets.index))
    row_node = torch.cat([torch.arange(n_features), logits, head])
    column_node = torch.cat([torch.arange(sources.n_columns), head])
    rows = torch.cat([torch.arange(n_rows), n_rows + kept])
    columns = torch.cat([torch.arange(sources.n_columns), sources.n_columns + kept])
    matrix = found.effects[rows[:, None], columns]
    target, source = matrix.nonzero(as_tuple=True)
    layer, position, index = found.place[kept].T
    return AttributionGraph(
        kind=torch.cat([plain.kind, torch.full_like(layer, int(NodeKind.HEAD))]),
        layer=torch.cat([plain.layer, layer]),
        position=torch.cat([plain.position, position]),
        index=torch.cat([plain.index, index]),
        activation=torch.cat([plain.activation, found.activation[kept]]),
        logit_weight=torch.cat([plain.logit_weight, matrix.new_zeros(len(kept))]),
        edge_index=torch.stack([column_node[source], row_node[target]]),
        direct_effect=matrix[target, source],
    )


def _target_values(frozen: Frozen, targets: Targets) -> Float[Tensor, " target"]:
    """The explained values, from the forward pass."""
    last = frozen.at(frozen.trace.resid_post, -1)[-1]
    return targets.vector @ frozen.model.final_norm(last) + targets.bias


def _columns(sources: Writers, targets: Targets) -> dict[str, Int[Tensor, " node"]]:
    """Kind, layer, position and index of every node."""
    frozen, features = sources.frozen, sources.features
    n_layers, n_pos, last = len(sources.error), frozen.n_pos, frozen.n_pos - 1
    n_kinds, n_rest = len(sources.embeddings), int(sources.left_out is not None)
    n_targets, n_streams = len(targets.index), n_layers + 1 + n_rest
    kinds = (
        (NodeKind.FEATURE, len(features)), (NodeKind.ERROR, n_layers * n_pos),
        (NodeKind.TOKEN, n_pos), (NodeKind.POSITION, (n_kinds - 1) * n_pos),
        (NodeKind.BIAS, n_streams), (NodeKind.LOGIT, n_targets),
    )  # fmt: skip
    tokens = frozen.ids
    none = torch.full((n_layers * n_pos,), -1)
    return {
        "kind": torch.cat([torch.full((count,), int(kind)) for kind, count in kinds]),
        "layer": torch.cat([
            sources.layers(), torch.arange(n_layers + 1), torch.full((n_rest,), -1),
            torch.full((n_targets,), n_layers),
        ]),
        "position": torch.cat([
            sources.positions(), torch.full((n_streams,), -1), torch.full((n_targets,), last)
        ]),
        "index": torch.cat([
            features.index, none, tokens, torch.full(((n_kinds - 1) * n_pos,), -1),
            torch.full((n_layers + 1,), -1), torch.zeros(n_rest, dtype=torch.int64), targets.index,
        ]),
    }  # fmt: skip


def _check_inputs(
    model: LanguageModel, transcoders: TranscoderSet, ids: Tensor, targets: Sequence[TargetChoice]
) -> None:
    if not ids.numel() or len(targets) != len(ids):
        raise GraphError(
            f"There are {len(ids)} prompts of {ids.shape[1]} tokens and {len(targets)} targets; "
            "every prompt needs at least one token and one choice of targets. Add what is missing."
        )
    got = (transcoders.n_layers, transcoders.d_model)
    if got != (model.n_layers, model.d_model):
        raise TranscoderError(
            f"The transcoders have {got[0]} layers of width {got[1]}; {model.name} has "
            f"{model.n_layers} of width {model.d_model}, and both must be equal. "
            "Use transcoders that were trained on this model."
        )
    if not transcoders.reads_linearly:
        raise TranscoderError(
            "Gated neurons have no linear encoder, so effects on them are not linear: got kind "
            f"{transcoders.kind!r}, and a graph needs a dictionary that reads linearly. "
            "Train transcoders with `hagd train`."
        )
