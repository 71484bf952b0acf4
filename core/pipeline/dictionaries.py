"""Which transcoders a run uses.

In order: the ones asked for (a folder, or `neurons` for the raw MLP neurons); the bundled ones of a
bundled model (`nested` unless another kind is asked for); else new ones, trained on the task's
features split by reconstruction alone and kept under the store, so that the next run finds them.

Before a nested dictionary is trained, each MLP output (layer, position) is ablated once: the dense
prefix has to reconstruct only where that matters. Its length follows from the rank of what the MLPs
write there, on the selection split (`core.transcoders.sizing`), as that of the bundled ones does.
This picks places and sizes, never answers.
"""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from core.errors import TranscoderError
from core.interventions.sites import scan_sites
from core.models import LanguageModel
from core.pipeline.prepare import Prepared
from core.pipeline.progress import OnProgress, RunProgress
from core.store import Notice, NoticeKind, Store, plain, stage_key, write_whole
from core.store.locks import only_one
from core.tasks import PromptBatch, Split
from core.transcoders import (
    Dictionary,
    Progress,
    TrainSettings,
    TranscoderSet,
    collect,
    load_transcoders,
    open_transcoders,
    save_transcoders,
    sized,
    train_transcoders,
)
from core.transcoders.settings import only_at

RECORD = "record.json"
"""Beside kept transcoders: the key of what was written."""
SCAN_PROMPTS = 128
"""Prompts on which each MLP output is ablated before a nested dictionary is trained."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """How transcoders that have to be trained are trained and kept."""

    settings: TrainSettings
    store: Store
    """Holds checkpoints and the lock under which they are trained once."""
    keep: Path
    """Folder for the finished ones."""
    progress: OnProgress


def find_transcoders(prepared: Prepared, ref: str | None, training: Training) -> Dictionary:
    """The transcoders of a run; see the module docstring.

    Args:
        prepared: Model and task; new ones are trained on its features split.
        ref: A folder, `neurons`, `nested`, `topk` or `clt`; None for the bundled or default ones.
        training: How new ones are trained and kept.

    Raises:
        TranscoderError: If the folder asked for does not hold transcoders of this model.
    """
    found = open_transcoders(prepared.model, ref)
    if found is not None:
        return found
    settings = training.settings
    if ref is not None:
        settings = replace(settings, kind=ref)
    return _trained(prepared, replace(training, settings=settings))


def _trained(prepared: Prepared, training: Training) -> Dictionary:
    """Trains once; a killed training resumes, a finished one is read back."""
    model, features = prepared.model, prepared.batches[Split.FEATURES]
    settings = fitted(training.settings, model, features, prepared.batches[Split.SELECTION])
    store = training.store
    prompts = stage_key("prompts", 1, {}, [batch.clean.tolist() for batch in features])
    key = stage_key("transcoders", 1, {"model": model.key, "prompts": prompts}, plain(settings))
    folder = training.keep / f"{model.name}-{key[:16]}"

    def tell(step: Progress) -> None:
        note = f"loss {step.loss:.4f}"
        training.progress(
            RunProgress(stage="transcoders", done=step.step, total=step.steps, note=note)
        )

    with only_one(store.layout.locks, key, store.notify):
        kept = _kept(folder, model, store)
        if kept is None:
            resume = store.checkpoint(key)
            kept, _report = train_transcoders(model, features, settings, tell, resume_dir=resume)
            save_transcoders(kept, folder)
            write_whole(folder / RECORD, json.dumps({"key": kept.key}).encode())
            store.forget_checkpoint(key)
    return Dictionary(kept, str(folder))


def _kept(folder: Path, model: LanguageModel, store: Store) -> TranscoderSet | None:
    """The transcoders trained before, byte for byte; damaged ones are set aside and reported."""
    if not folder.exists():
        return None
    try:
        found = load_transcoders(folder, model)
        if found.key == json.loads((folder / RECORD).read_text())["key"]:
            return found
        why = "their weights are not the ones that were written"
    except (TranscoderError, OSError, ValueError, KeyError, TypeError) as error:
        why = str(error)
    aside = folder.with_name(f"{folder.name}.damaged-{secrets.token_hex(4)}")
    folder.rename(aside)
    message = (
        f"The transcoders in {folder} are damaged ({why}); kept as {aside.name}, trained anew."
    )
    store.notify(Notice(kind=NoticeKind.DAMAGED, key=folder.name, message=message))
    return None


def fitted(
    settings: TrainSettings,
    model: LanguageModel,
    features: Sequence[PromptBatch],
    selection: Sequence[PromptBatch],
) -> TrainSettings:
    """The settings with the places and the length of a nested prefix, where they are not told.

    Args:
        settings: Of any kind; only nested ones change.
        model: What is reconstructed.
        features: The prompts to train on.
        selection: Others, on which the prefix is sized.
    """
    settings = with_scanned_sites(settings, model, features)
    return sized(settings, collect(model, selection)) if settings.lacks_prefix else settings


def with_scanned_sites(
    settings: TrainSettings, model: LanguageModel, features: Sequence[PromptBatch]
) -> TrainSettings:
    """The settings with the places a nested prefix is for, where they can be told.

    Prompts of several lengths have no common positions to ablate one by one; the prefix is then
    trained at all of them.
    """
    if settings.kind != "nested" or settings.nested.sites or len(features) > 1:
        return settings
    judge = features[0].take(slice(SCAN_PROMPTS))
    scan = scan_sites(model, features[0], judge)
    if not any(site.matters for site in scan.sites):
        return settings
    return only_at(settings, ((s.layer, s.position, s.matters) for s in scan.sites))
