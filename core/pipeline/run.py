"""The whole method, one stage after the other, from a model and a task to a written bundle.

1. prepare: load, encode, refuse what cannot work, check the gate.
2. transcoders: asked for, bundled, or trained on the features split.
3. graphs: exact attribution graphs of the attribution split, pooled into a task graph.
4. hierarchy: supernodes by recursive spectral cuts.
5. search: supernodes dropped down the tree and single nodes ranked, on the labels split; the size
   on the selection split. The guide says which supernodes are tried first and orders the nodes
   dropped, and its score alone is one of the rankings tried (`rankings.py`).
6. refine: exchanges and hard-concrete gates at that size.
7. validate: once, on the test split (and the out-of-distribution split), beside all controls; and
   the further sections of `further.py`.
8. write: the bundle.

Attention heads are live and no nodes, or (`RunSettings.attention`) nodes that stages 3 to 6 choose
among and that are ablated where they are not kept.

Stages 3 to 6 are kept in the store as one piece (`discovery.py`); transcoders in training resume
from their checkpoint.
"""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from core.bundle import Bundle, write_bundle
from core.errors import TranscoderError
from core.models import LanguageModel, load_model, suited_threads
from core.names import slug
from core.pipeline.dictionaries import Training, find_transcoders
from core.pipeline.discovery import Discovery, discover
from core.pipeline.further import further
from core.pipeline.naming import Request, check_own, free_folder, request_of, result_name
from core.pipeline.nulls import permuted, same_answer, shuffle_features, untrained
from core.pipeline.prepare import Prepared, accuracy, check_gate, prepare
from core.pipeline.progress import Clock, OnProgress, RunProgress, ignore
from core.pipeline.result import Parts, Refs, make_bundle, title_of
from core.pipeline.settings import BELOW_GATE, RunSettings
from core.store import Store, open_store
from core.store.locks import only_one
from core.tasks import Split, Task, load_task, overlap
from core.transcoders import (
    QualityReport,
    TrainSettings,
    TranscoderSet,
    check_belongs,
    measure_transcoders,
)
from core.validation import Candidate, validate
from core.verdicts import figure


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What to run."""

    model: str
    """Bundled name, folder or Hub id."""
    task: str
    """Bundled name or task file."""
    out: Path | None = None
    """Folder of the bundle; None: one of its own among the store's results, never another's."""
    transcoders: str | None = None
    """Folder, `nested`, `topk` or `neurons`; None takes the bundled ones or trains new ones."""
    name: str | None = None
    """What a person calls it, in names and titles; None: by what was run (`naming`), or by the
    folder."""
    replaces: Literal["own", "any"] = "any"
    """Which earlier result `out` may hold: one of the same request, or any."""
    keep: Path | None = None
    """Where newly trained transcoders and a null's model or task go; None: beside the store's
    results."""
    command: str = ""
    """How the run was started, for the provenance."""


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
    settings, store, clock = settings or RunSettings(), store or open_store(), Clock(progress)
    keep = request.keep or store.results_dir.parent
    prepared, refs = _load(request, settings, keep)
    with suited_threads(prepared.model):
        return _run(request, settings, store, keep, training, clock, prepared, refs)


def _run(
    request: RunRequest,
    settings: RunSettings,
    store: Store,
    keep: Path,
    training: TrainSettings | None,
    clock: Clock,
    prepared: Prepared,
    refs: Refs,
) -> Bundle:
    """All stages after loading."""
    progress = clock.progress
    asked = request_of(prepared.model.key, prepared.task.key, settings)
    _check_place(request, asked)
    clock.finish("prepare", f"accuracy {_gate(prepared, settings):.3f}")
    wanted = training or TrainSettings(kind="nested", seed=settings.seed)
    how = Training(settings=wanted, store=store, keep=keep / "transcoders", progress=progress)
    features = prepared.batches[Split.FEATURES]
    dictionary = find_transcoders(prepared.model, request.transcoders, features, how)
    coders = dictionary.transcoders
    asked = asked._replace(transcoders=coders.key)
    _check_place(request, asked)
    quality = measure_transcoders(prepared.model, coders, prepared.batches[Split.SELECTION])
    if not worst_fvu(quality) < 1:
        raise TranscoderError(
            f"These transcoders do not reconstruct the MLPs of {prepared.model.name}: a layer's "
            f"unexplained variance is {worst_fvu(quality):.2f} of the whole, and less than 1 is "
            f"required. They name {coders.model_name!r} as their model; give the ones trained on "
            "this one, or leave --transcoders out."
        )
    clock.finish("transcoders", f"FVU {worst_fvu(quality):.3f}")
    found = discover(prepared, coders, settings, store, clock)
    if settings.null == "shuffled-features":
        found = shuffle_features(found, prepared, coders, settings, clock.progress)
    validation = _validate(prepared, coders, found, settings, worst_fvu(quality), progress)
    validation |= further(prepared, coders, found, settings, clock)
    clock.finish("validate", f"F {figure(validation['faithfulness'])}")
    parts = Parts(
        prepared=prepared,
        dictionary=dictionary,
        refs=refs,
        settings=settings,
        found=found,
        validation=validation,
        record={
            "seconds": clock.seconds,
            "transcoder_quality": asdict(quality),
            "size": {"asked": settings.size, "got": found.size, "candidates": len(found.order)},
            "shared_prompts": overlap(prepared.task).as_json(),
            "notes": [*_size_note(found, settings), *_told(prepared, coders)],
        },
    )
    written = _write(parts, request, asked, store)
    clock.finish("write", str(written.path))
    return written


def _write(parts: Parts, request: RunRequest, asked: Request, store: Store) -> Bundle:
    """The bundle in its folder; two runs that end at once do not get one name."""
    settings, kind = parts.settings, parts.dictionary.transcoders.kind
    title = title_of(request.name or parts.prepared.task.title, request.model, kind, settings)
    coders = request.transcoders or kind
    name = slug(request.name or result_name(request.task, request.model, coders, settings))
    bundle = make_bundle(parts, name=name, title=title, command=request.command)
    if request.out is not None:
        called = name if request.name else request.out.name
        return write_bundle(replace(bundle, name=called), request.out)
    with only_one(store.layout.locks, "results", store.notify):
        out = free_folder(store.results_dir, name, asked)
        return write_bundle(replace(bundle, name=out.name), out)


def _check_place(request: RunRequest, asked: Request) -> None:
    """Refuse a folder that holds another's result, as soon as that can be known."""
    if request.out is not None and request.replaces == "own":
        check_own(request.out, asked)


def worst_fvu(quality: QualityReport) -> float:
    """The largest share of variance that any layer's transcoder leaves unexplained."""
    return max(row.fvu for row in quality.layers)


def _load(request: RunRequest, settings: RunSettings, keep: Path) -> tuple[Prepared, Refs]:
    """Model and task, or their null; and where they can be found again."""
    model = load_model(request.model)
    task = load_task(request.task, tokenizer=model.tokenizer)
    if settings.null == "untrained":
        folder = keep / "models" / f"{model.name}-untrained-{settings.seed}"
        return prepare(untrained(model, folder, settings.seed), task), Refs(
            str(folder), request.task
        )
    if settings.null in ("permuted-answers", "same-answer"):
        file = keep / "tasks" / f"{task.name}-{settings.null.split('-')[0]}-{settings.seed}.jsonl"
        dealt = _dealt_anew(model, task, file, settings)
        return prepare(model, dealt), Refs(request.model, str(file))
    return prepare(model, task), Refs(request.model, request.task)


def _dealt_anew(model: LanguageModel, task: Task, file: Path, settings: RunSettings) -> Task:
    """The task of a null."""
    if settings.null == "permuted-answers":
        return permuted(task, file, settings.seed)
    return same_answer(task, file, settings.seed, lambda text: len(model.encode(text)))


def _size_note(found: Discovery, settings: RunSettings) -> list[str]:
    """What to say where a circuit is smaller than it was asked for."""
    if settings.size is None or found.size >= settings.size:
        return []
    return [
        f"{settings.size} nodes were asked for; the search kept {len(found.order)} candidates, so "
        f"the circuit has {found.size}."
    ]


def _told(prepared: Prepared, coders: TranscoderSet) -> list[str]:
    """What a reader of the result should know of its transcoders."""
    prompts = [batch.clean for batch in prepared.batches[Split.SELECTION]]
    return [*coders.notes, *check_belongs(coders, prepared.model, prompts)]


def _gate(prepared: Prepared, settings: RunSettings) -> float:
    """Accuracy on unseen prompts; only a null without a behaviour may go on below the gate."""
    if settings.null in BELOW_GATE:
        return accuracy(prepared.model, prepared.batches[Split.SELECTION])
    return check_gate(prepared)


def _validate(
    prepared: Prepared,
    transcoders: TranscoderSet,
    found: Discovery,
    settings: RunSettings,
    fvu: float,
    progress: OnProgress,
) -> dict[str, Any]:
    ood = Split.OOD in prepared.batches
    result = validate(
        prepared.evaluator(transcoders, Split.TEST),
        Candidate(
            order=found.order,
            size=found.size,
            n_edges=found.graph.n_edges,
            attention=settings.attention,
        ),
        gate=prepared.task.gate,
        split=Split.TEST.value,
        settings=settings.validation,
        ood=prepared.evaluator(transcoders, Split.OOD) if ood else None,
        worst_fvu=fvu,
        progress=lambda done, total: progress(
            RunProgress(stage="validate", done=done, total=total)
        ),
    )
    return with_overlap(result, prepared) | {"forwards_used": found.forwards}


def with_overlap(result: dict[str, Any], prepared: Prepared) -> dict[str, Any]:
    """A validation that says which of its prompts other splits have too."""
    shared = overlap(prepared.task)
    said = [shared.sentence()] if shared.sentence() else []
    return result | {
        "shared_prompts": shared.as_json(),
        "reasons": [*result["reasons"], *said],
    }
