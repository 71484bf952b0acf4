"""What is found before anything is validated, kept in the store as one piece.

Graphs, hierarchy, search and refinement look at the attribution, labels and selection splits only.
Their result is small: the ranking, the size, and the circuit's part of the task graph. It is kept
under a key of everything it was made from, the engine's own code included, so that a run that is
killed while validating, or repeated, does not search again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from core.circuit import gated_nodes, node_table
from core.graph import AttributionGraph, NodeKind
from core.guide import guide_named
from core.hierarchy import tree_report
from core.models.threads import beside
from core.pipeline.finding.candidates import Candidates, candidate_graph
from core.pipeline.finding.graphs import EDGE_COLUMNS, edge_columns, restricted
from core.pipeline.finding.pooled import pooled_statistics
from core.pipeline.finding.probes import Probe
from core.pipeline.finding.search import Found, search
from core.pipeline.finding.tree import cut, node_graph, tree_settings
from core.pipeline.prepare import Prepared
from core.pipeline.progress import Clock, OnProgress
from core.pipeline.settings import RunSettings
from core.store import Record, Store, code_version, stage_key
from core.tasks import Split
from core.transcoders import TranscoderSet

SCHEMA = 2
"""Of the stored record."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Discovery(Found):
    """What a search found, with its part of the task graph; not yet validated.

    Its `record` tells of the tree as well.
    """

    graph: AttributionGraph
    """The task graph restricted to the circuit, leaves and logits."""
    columns: Mapping[str, Tensor]
    """Further statistics of its edges, by name."""


def discover(
    prepared: Prepared,
    transcoders: TranscoderSet,
    settings: RunSettings,
    store: Store,
    clock: Clock,
) -> Discovery:
    """The circuit of a task, from the store if this very search was done before."""
    inputs = {
        "model": prepared.model.key,
        "transcoders": transcoders.key,
        "task": prepared.task.key,
        "code": code_version(),
    }
    key = stage_key("discovery", SCHEMA, inputs, settings.of_search)
    record = store.get_or_compute(
        key,
        lambda: _packed(_discover(prepared, transcoders, settings, clock)),
        kind="discovery",
        provenance=inputs,
    )
    found = _unpacked(record)
    clock.finish("refine", f"{found.size} nodes")
    return found


def _discover(
    prepared: Prepared, transcoders: TranscoderSet, settings: RunSettings, clock: Clock
) -> Discovery:
    candidates = candidates_of(prepared, transcoders, settings, clock.progress)
    pooled, whole = candidates.pooled, candidates.graph
    clock.finish("graphs", f"{len(pooled.kind)} nodes, {pooled.edge_index.shape[1]} edges")
    found, tree = _search(prepared, transcoders, candidates, settings, clock)
    graph, places = restricted(whole, found.circuit)
    return Discovery(
        order=found.order,
        size=found.size,
        forwards=found.forwards,
        record={"search": found.record, "tree": tree},
        graph=graph,
        columns=edge_columns(pooled, places),
    )


def candidates_of(
    prepared: Prepared, transcoders: TranscoderSet, settings: RunSettings, progress: OnProgress
) -> Candidates:
    """What a run of these settings may choose from."""
    return candidate_graph(
        prepared,
        transcoders,
        graph_prompts=settings.graph_prompts,
        probe_prompts=settings.probe_prompts,
        attention=settings.attention,
        progress=progress,
    )


def _search(
    prepared: Prepared,
    transcoders: TranscoderSet,
    candidates: Candidates,
    settings: RunSettings,
    clock: Clock,
) -> tuple[Found, dict[str, Any]]:
    pooled, whole, labels = candidates
    known = pooled_statistics(prepared, transcoders, pooled, whole, settings.graph_prompts)
    graph = node_graph(whole)
    tree = cut(graph, settings)
    clock.finish("hierarchy", f"{tree.n_supernodes} supernodes, {tree.depth} levels")
    prior = guide_named(settings.guide)(whole, tree, graph.place, known)
    choose = prepared.evaluator(transcoders, Split.SELECTION)
    # What the tree is beside chance is told, and nothing of the search waits for it.
    with beside(lambda: tree_report(tree, tree_settings(settings))) as report:
        found = search(
            Probe.on(labels, graph.nodes, settings.attention),
            Probe.on(choose, graph.nodes, settings.attention),
            tree,
            prior,
            dense_nodes(graph.nodes, transcoders.prefixes),
            settings,
            clock,
        )
        beyond = report.result().to_json()
    return found, {"depth": tree.depth, "supernodes": tree.n_supernodes, **beyond}


def dense_nodes(nodes: Tensor, prefixes: tuple[int, ...]) -> Tensor:
    """Which nodes are dense features of a nested dictionary, or heads beside such ones.

    Heads are no part of a dictionary; what reconstructs without its sparse part still needs them.
    """
    kind, layer, _, index = nodes.T
    dense = (kind == int(NodeKind.FEATURE)) & (index < torch.tensor(prefixes)[layer])
    return dense | (dense.any() & (kind == int(NodeKind.HEAD)))


def _packed(found: Discovery) -> Record:
    graph = {f"graph.{f.name}": getattr(found.graph, f.name) for f in fields(found.graph)}
    columns = {f"edge.{name}": values for name, values in found.columns.items()}
    return Record(
        data={"size": found.size, "forwards": found.forwards, "record": found.record},
        tensors={"order": node_table(found.order), **graph, **columns},
    )


def _unpacked(record: Record) -> Discovery:
    tensors = record.tensors
    names = [f.name for f in fields(AttributionGraph)]
    return Discovery(
        order=gated_nodes(tensors["order"]),
        size=record.data["size"],
        forwards=record.data["forwards"],
        record=record.data["record"],
        graph=AttributionGraph(**{name: tensors[f"graph.{name}"] for name in names}),
        columns={name: tensors[f"edge.{name}"] for name in EDGE_COLUMNS},
    )
