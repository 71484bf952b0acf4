"""The whole method, one stage after the other, from a model and a task to a written bundle.

1. prepare: load, encode, refuse what cannot work, check the gate.
2. transcoders: asked for, bundled, or trained on the features split.
3. graphs: exact attribution graphs of the attribution split, pooled into a task graph.
4. hierarchy: supernodes by recursive spectral cuts.
5. search: supernodes dropped down the tree and single nodes ranked, on the labels split; the size
   on the selection split. The guide says which supernodes are tried first and orders the nodes
   dropped, and its score alone is one of the rankings tried (`finding/rankings.py`).
6. refine: exchanges and hard-concrete gates at that size.
7. validate: once, on the test split (and the out-of-distribution split), beside all controls; and
   the further sections of `judging/further.py`.
8. write: the bundle.

Attention heads are live and no nodes, or (`RunSettings.attention`) nodes that stages 3 to 6 choose
among and that are ablated where they are not kept.

Stages 3 to 6 are kept in the store as one piece (`finding/discovery.py`); transcoders in training
resume from their checkpoint.
"""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from core.bundle import Bundle, write_bundle
from core.choices import DEFAULT_KIND
from core.errors import TranscoderError
from core.figures import figure
from core.models import suited_threads
from core.names import slug
from core.pipeline import kept
from core.pipeline.dictionaries import Training, find_transcoders
from core.pipeline.finding.discovery import Discovery, discover
from core.pipeline.finding.shuffled import shuffle_features
from core.pipeline.judging.finished import found_circuit
from core.pipeline.judging.validation import Grounds, validated, worst_fvu
from core.pipeline.loading import Refs, gate, loaded
from core.pipeline.naming import Request, check_own, free_folder, replaced, request_of, result_name
from core.pipeline.prepare import Prepared
from core.pipeline.progress import Clock, OnProgress, ignore
from core.pipeline.result import Parts, make_bundle, title_of
from core.pipeline.settings import RunSettings
from core.store import Notice, NoticeKind, Store, open_store
from core.store.locks import only_one
from core.tasks import Split, overlap
from core.transcoders import (
    Dictionary,
    TrainSettings,
    TranscoderSet,
    check_belongs,
    measure_transcoders,
)


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
    """Folder, `nested`, `topk`, `clt` or `neurons`; None: the bundled ones, or new ones trained."""
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
    prepared, refs = loaded(Refs(request.model, request.task), settings, keep)
    wanted = training or TrainSettings(kind=DEFAULT_KIND, seed=settings.seed)
    run = _Context(
        request=request,
        settings=settings,
        store=store,
        training=Training(settings=wanted, store=store, keep=keep / kept.FOLDER, progress=progress),
        clock=clock,
        prepared=prepared,
        refs=refs,
    )
    with suited_threads(prepared.model):
        return _stages(run)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Context:
    """What all stages after loading share."""

    request: RunRequest
    settings: RunSettings
    store: Store
    training: Training
    """For transcoders that have to be trained."""
    clock: Clock
    prepared: Prepared
    refs: Refs

    def asked(self, coders: TranscoderSet | None = None) -> Request:
        """What is asked for, as far as it is known."""
        keys = self.prepared.model.key, self.prepared.task.key
        return request_of(*keys, self.settings, coders and coders.key)


def _stages(run: _Context) -> Bundle:
    """All stages after loading."""
    clock = run.clock
    _check_place(run)
    clock.finish("prepare", f"accuracy {gate(run.prepared, run.settings):.3f}")
    dictionary, grounds = _transcoders(run)
    clock.finish("transcoders", f"FVU {worst_fvu(grounds.quality):.3f}")
    found = _found(run, grounds.coders)
    finished = found_circuit(found, run.settings)
    validation = validated(grounds, finished, run.settings.validation, clock.progress)
    validation |= {"forwards_used": found.forwards}
    clock.finish("validate", f"F {figure(validation['faithfulness'])}")
    parts = Parts(
        prepared=run.prepared,
        dictionary=dictionary,
        refs=run.refs,
        settings=run.settings,
        found=found,
        finished=finished,
        validation=validation,
        record=_record(run, grounds, found),
    )
    written = _written(run, parts)
    clock.finish("write", str(written.path))
    return written


def _transcoders(run: _Context) -> tuple[Dictionary, Grounds]:
    """The dictionary, refused if it is none of this model's; and what a circuit is tested on."""
    prepared = run.prepared
    dictionary = find_transcoders(prepared, run.request.transcoders, run.training)
    coders = dictionary.transcoders
    _check_place(run, coders)
    quality = measure_transcoders(prepared.model, coders, prepared.batches[Split.SELECTION])
    if not worst_fvu(quality) < 1:
        raise TranscoderError(
            f"These transcoders do not reconstruct the MLPs of {prepared.model.name}: a layer's "
            f"unexplained variance is {worst_fvu(quality):.2f} of the whole, and less than 1 is "
            f"required. They name {coders.model_name!r} as their model; give the ones trained on "
            "this one, or leave --transcoders out."
        )
    return dictionary, Grounds(prepared=prepared, searched=prepared, coders=coders, quality=quality)


def _found(run: _Context, coders: TranscoderSet) -> Discovery:
    """The circuit, or what a null makes of it."""
    found = discover(run.prepared, coders, run.settings, run.store, run.clock)
    if run.settings.null != "shuffled-features":
        return found
    return shuffle_features(found, run.prepared, coders, run.settings, run.clock.progress)


def _record(run: _Context, grounds: Grounds, found: Discovery) -> dict[str, Any]:
    """What the provenance says beside where the parts come from."""
    size = run.settings.size
    return {
        "seconds": run.clock.seconds,
        "transcoder_quality": asdict(grounds.quality),
        "size": {"asked": size, "got": found.size, "candidates": len(found.order)},
        "shared_prompts": overlap(run.prepared.task).as_json(),
        "notes": [*_size_note(found, run.settings), *_told(run.prepared, grounds.coders)],
    }


def _written(run: _Context, parts: Parts) -> Bundle:
    """The bundle in its folder; two runs that end at once do not get one name."""
    request, coders = run.request, parts.dictionary.transcoders
    title = request.name or run.prepared.task.title
    kind = request.transcoders or coders.kind
    name = slug(request.name or result_name(request.task, request.model, kind, run.settings))
    bundle = make_bundle(
        parts,
        name=name,
        title=title_of(title, request.model, coders.kind, run.settings),
        command=request.command,
    )
    if request.out is not None:
        called = name if request.name else request.out.name
        return write_bundle(replace(bundle, name=called), request.out)
    with only_one(run.store.layout.locks, "results", run.store.notify):
        out = free_folder(run.store.results_dir, name, run.asked(coders))
        if message := replaced(out):
            run.store.notify(Notice(kind=NoticeKind.REPLACED, key=out.name, message=message))
        return write_bundle(replace(bundle, name=out.name), out)


def _check_place(run: _Context, coders: TranscoderSet | None = None) -> None:
    """Refuse a folder that holds another's result, as soon as that can be known."""
    if run.request.out is not None and run.request.replaces == "own":
        check_own(run.request.out, run.asked(coders))


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
