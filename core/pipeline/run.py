"""The whole method, one stage after the other, from a model and a task to a written bundle.

1. prepare: load, encode, refuse what cannot work, check the gate.
2. transcoders: asked for, bundled, or trained on the features split.
3. graphs: exact attribution graphs of the attribution split, pooled into a task graph.
4. hierarchy: supernodes by recursive spectral cuts.
5. search: guide, group ablations and elimination on the labels split; size on the selection split.
6. refine: hard-concrete gates at that size.
7. validate: once, on the test split (and the out-of-distribution split), beside all controls.
8. write: the bundle.

The task graph is kept in the store under a key of everything it was made from, so that a killed or
repeated run does not build it twice; transcoders in training resume from their checkpoint.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from core.attribution import TaskGraph
from core.bundle import Bundle, Source, provenance, write_bundle
from core.circuit import Circuit, FeatureNode
from core.errors import GateError
from core.features import label_circuit
from core.graph import AttributionGraph
from core.guide import InfluenceGuide, graph_view
from core.hierarchy import Hierarchy, HierarchySettings, build_hierarchy, modularity_report
from core.lab import Lab
from core.models import load_model
from core.pipeline.dictionaries import Dictionary, Training, find_transcoders
from core.pipeline.graphs import order_of, restricted, task_graph
from core.pipeline.nulls import permuted, untrained
from core.pipeline.prepare import Prepared, check_gate, prepare
from core.pipeline.probes import Probe
from core.pipeline.progress import OnProgress, RunProgress, Stage, ignore
from core.pipeline.search import Found, cut, feature_graph, guide_scores, search
from core.pipeline.settings import RunSettings
from core.store import Store, open_store
from core.tasks import Split, Task, load_task
from core.transcoders import TrainSettings, measure_transcoders
from core.validation import Candidate, ValidationSettings, validate


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What to run."""

    model: str
    """Bundled name, folder or Hub id."""
    task: str
    """Bundled name or task file."""
    out: Path
    """Folder of the bundle."""
    transcoders: str | None = None
    """Folder, `nested`, `topk` or `neurons`; None takes the bundled ones or trains new ones."""
    name: str | None = None
    """Name of the bundle; None takes the folder's."""
    keep: Path | None = None
    """Where newly trained transcoders and a null's model or task go; None: beside the store's
    results."""
    command: str = ""
    """How the run was started, for the provenance."""


class Refs(NamedTuple):
    """Where the parts of a result can be found again."""

    model: str
    task: str


class _Clock:
    """Seconds spent in each stage."""

    def __init__(self, progress: OnProgress) -> None:
        self.progress, self.seconds, self._last = progress, {}, time.perf_counter()

    def finish(self, stage: Stage, note: str = "") -> None:
        """Ends a stage and tells how it went."""
        now = time.perf_counter()
        self.seconds[stage] = round(now - self._last, 2)
        self._last = now
        self.progress(RunProgress(stage=stage, done=1, total=1, note=note))


def run_task(
    request: RunRequest,
    settings: RunSettings | None = None,
    *,
    store: Store | None = None,
    training: TrainSettings | None = None,
    progress: OnProgress = ignore,
) -> Bundle:
    """Runs everything and writes the bundle.

    Args:
        request: Model, task, folder.
        settings: Of the run; the defaults if None.
        store: Where intermediate results are kept; the default store if None.
        training: For transcoders that have to be trained; the defaults if None.
        progress: Told of every step; raise in it to cancel.

    Raises:
        CoreError: Whatever stands in the way, before any long work where it can be known.
    """
    settings, store = settings or RunSettings(), store or open_store()
    clock = _Clock(progress)
    keep = request.keep or store.results_dir.parent
    prepared, refs = _load(request, settings, keep)
    clock.finish("prepare", f"accuracy {_gate(prepared, settings):.3f}")
    dictionary = find_transcoders(
        prepared.model,
        request.transcoders,
        prepared.batches[Split.FEATURES],
        Training(
            settings=training or TrainSettings(kind="nested", seed=settings.seed),
            store=store,
            keep=keep / "transcoders",
            progress=progress,
        ),
    )
    quality = measure_transcoders(
        prepared.model, dictionary.transcoders, prepared.batches[Split.SELECTION]
    )
    clock.finish("transcoders", f"FVU {max(row.fvu for row in quality.layers):.3f}")
    pooled = task_graph(prepared, dictionary.transcoders, settings.graph_prompts, progress)
    whole = pooled.graph()
    clock.finish("graphs", f"{whole.n_nodes} nodes, {whole.n_edges} edges")
    found, tree = _search(prepared, dictionary, pooled, settings, clock)
    validation = _validate(prepared, dictionary, pooled, found, settings, quality, progress)
    clock.finish("validate", f"F {validation['faithfulness']:.3f}")
    bundle = _bundle(request, settings, prepared, dictionary, refs, pooled, found, validation)
    extra = {"search": found.record, "tree": tree, "seconds": clock.seconds}
    extra["transcoder_quality"] = asdict(quality)
    bundle = replace(bundle, provenance={**bundle.provenance, **extra})
    written = write_bundle(_labelled(bundle, prepared, dictionary), request.out)
    clock.finish("write", str(request.out))
    return written


def _load(request: RunRequest, settings: RunSettings, keep: Path) -> tuple[Prepared, Refs]:
    """Model and task, or their null; and where they can be found again."""
    model, task = load_model(request.model), load_task(request.task)
    if settings.null == "untrained":
        folder = keep / "models" / f"{model.name}-untrained-{settings.seed}"
        return prepare(untrained(model, folder, settings.seed), task), Refs(
            str(folder), request.task
        )
    if settings.null == "permuted-answers":
        file = keep / "tasks" / f"{task.name}-permuted-{settings.seed}.jsonl"
        dealt = permuted(task, file, settings.seed)
        return prepare(model, dealt), Refs(request.model, str(file))
    return prepare(model, task), Refs(request.model, request.task)


def _gate(prepared: Prepared, settings: RunSettings) -> float:
    """Accuracy on unseen prompts; only a null run may go on below the gate."""
    try:
        return check_gate(prepared)
    except GateError:
        if settings.null == "none":
            raise
        return 0.0


def _search(
    prepared: Prepared,
    dictionary: Dictionary,
    pooled: TaskGraph,
    settings: RunSettings,
    clock: _Clock,
) -> tuple[Found, dict[str, Any]]:
    whole = pooled.graph()
    features = feature_graph(whole)
    tree = cut(features, settings)
    report = modularity_report(tree, level=1, seed=settings.seed)
    clock.finish("hierarchy", f"{tree.n_supernodes} supernodes, {tree.depth} levels")
    prior = guide_scores(InfluenceGuide(), graph_view(whole), features, tree)
    coders = dictionary.transcoders
    labels = prepared.evaluator(coders, Split.LABELS, settings.probe_prompts)
    choose = prepared.evaluator(coders, Split.SELECTION)
    found = search(
        Probe.on(labels, features.nodes),
        Probe.on(choose, features.nodes),
        tree,
        prior,
        _dense(features.nodes, coders.prefixes),
        settings,
        clock.progress,
    )
    clock.finish("search", f"{found.size} nodes, {found.forwards} forwards")
    return found, {"depth": tree.depth, "supernodes": tree.n_supernodes, **asdict(report)}


def _dense(nodes: Tensor, prefixes: tuple[int, ...]) -> Tensor:
    """Which nodes are dense features of a nested dictionary."""
    return nodes[:, 2] < torch.tensor(prefixes)[nodes[:, 0]]


def _validate(
    prepared: Prepared,
    dictionary: Dictionary,
    pooled: TaskGraph,
    found: Found,
    settings: RunSettings,
    quality: Any,
    progress: Callable[[RunProgress], None],
) -> dict[str, Any]:
    coders = dictionary.transcoders
    test = prepared.evaluator(coders, Split.TEST)
    ood = prepared.evaluator(coders, Split.OOD) if Split.OOD in prepared.batches else None
    graph, _ = restricted(pooled.graph(), found.order[: found.size])
    result = validate(
        test,
        Candidate(order=found.order, size=found.size, n_edges=graph.n_edges),
        gate=prepared.task.gate,
        split=Split.TEST.value,
        settings=ValidationSettings(draws=settings.draws, seed=settings.seed),
        ood=ood,
        worst_fvu=max(row.fvu for row in quality.layers),
        progress=lambda done, total: progress(
            RunProgress(stage="validate", done=done, total=total)
        ),
    )
    return result | {"forwards_used": found.forwards}


def _bundle(
    request: RunRequest,
    settings: RunSettings,
    prepared: Prepared,
    dictionary: Dictionary,
    refs: Refs,
    pooled: TaskGraph,
    found: Found,
    validation: dict[str, Any],
) -> Bundle:
    task: Task = prepared.task
    nodes = found.order[: found.size]
    graph, places = restricted(pooled.graph(), nodes)
    circuit = Circuit(
        nodes=nodes,
        model_key=prepared.model.key,
        transcoder_key=dictionary.transcoders.key,
        task_key=task.key,
        seed=settings.seed,
        settings=asdict(settings),
    )
    sources = {
        "model": Source(ref=refs.model, key=prepared.model.key),
        "transcoders": Source(ref=dictionary.ref, key=dictionary.transcoders.key),
        "task": Source(ref=refs.task, key=task.key),
    }
    record = provenance(
        **sources, settings=asdict(settings), seed=settings.seed, command=request.command
    )
    null = "" if settings.null == "none" else f"Null: {settings.null.replace('-', ' ')} · "
    return Bundle(
        name=request.name or request.out.name,
        title=f"{null}{task.title} · {request.model.rstrip('/').split('/')[-1]}",
        circuit=circuit,
        hierarchy=circuit_tree(nodes, graph, settings),
        graph=graph,
        validation=validation,
        provenance=record,
        tensors={"order": torch.tensor(found.order), **_edge_columns(pooled, places)},
    )


def circuit_tree(
    nodes: tuple[FeatureNode, ...], graph: AttributionGraph, settings: RunSettings
) -> Hierarchy:
    """The tree of supernodes over a circuit's own nodes, for browsing: leaf i is node i."""
    place = order_of(graph, nodes)
    number = torch.full((graph.n_nodes + 1,), -1)
    number[place[place >= 0]] = torch.arange(len(nodes))[place >= 0]
    ends = number[graph.edge_index]
    inside = (ends >= 0).all(0)
    options = HierarchySettings(branching=settings.branching, leaf_size=6, seed=settings.seed)
    return build_hierarchy(
        len(nodes),
        ends[:, inside].numpy(),
        graph.direct_effect[inside].double().numpy(),
        settings=options,
    )


def _edge_columns(pooled: TaskGraph, places: torch.Tensor) -> dict[str, torch.Tensor]:
    """The pooled edges' other statistics; NaN-free, 0 for the joined left-out edges."""
    columns = {}
    for name in ("mean_abs", "sign_consistency", "frequency"):
        values = getattr(pooled, name)
        columns[f"edge.{name}"] = torch.where(places >= 0, values[places.clamp(min=0)], 0.0)
    return columns


def _labelled(bundle: Bundle, prepared: Prepared, dictionary: Dictionary) -> Bundle:
    """Names for features and supernodes."""
    parts = {"transcoders": dictionary.transcoders, "task": prepared.task}
    return replace(bundle, labels=label_circuit(Lab(bundle, model=prepared.model, **parts)))
