"""Which transcoders a run uses.

In order: the ones asked for (a folder, or `neurons` for the raw MLP neurons); the bundled ones of a
bundled model (`nested` unless `topk` is asked for); else new ones, trained on the task's features
split by reconstruction alone and kept under the store, so that the next run finds them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from core.assets import ASSETS
from core.models import LanguageModel, bundled_models
from core.pipeline.progress import OnProgress, RunProgress
from core.store import Store, plain, stage_key
from core.tasks import PromptBatch
from core.transcoders import (
    Progress,
    TrainSettings,
    TranscoderSet,
    load_transcoders,
    neuron_transcoders,
    save_transcoders,
    train_transcoders,
)

BUNDLED_KINDS = ("nested", "topk")
"""Kinds that come with every bundled model, the default first."""


class Dictionary(NamedTuple):
    """Transcoders and where they can be found again."""

    transcoders: TranscoderSet
    ref: str
    """A folder, or `neurons`."""


def bundled_transcoders(model: LanguageModel, kind: str) -> Path | None:
    """The folder of a bundled dictionary of this very model, if there is one."""
    folder = ASSETS / "transcoders" / model.name / kind
    known = model.name in bundled_models() and model.path == ASSETS / "models" / model.name
    return folder if known and (folder / "config.yaml").is_file() else None


def find_transcoders(
    model: LanguageModel,
    ref: str | None,
    features: Sequence[PromptBatch],
    store: Store,
    *,
    keep: Path,
    settings: TrainSettings,
    progress: OnProgress,
) -> Dictionary:
    """The transcoders of a run; new ones are kept under `keep`. See the module docstring.

    Raises:
        TranscoderError: If the folder asked for does not hold transcoders of this model.
    """
    if ref == "neurons":
        return Dictionary(neuron_transcoders(model), "neurons")
    folder = bundled_transcoders(model, ref or BUNDLED_KINDS[0])
    if folder is not None:
        return Dictionary(load_transcoders(folder, model), str(folder))
    if ref is not None and ref not in BUNDLED_KINDS:
        return Dictionary(load_transcoders(ref, model), ref)
    return _trained(model, features, store, keep, settings, progress)


def _trained(
    model: LanguageModel,
    features: Sequence[PromptBatch],
    store: Store,
    keep: Path,
    settings: TrainSettings,
    progress: OnProgress,
) -> Dictionary:
    """Trains once; a killed training resumes, a finished one is read back."""
    prompts = stage_key("prompts", 1, {}, [batch.clean.tolist() for batch in features])
    key = stage_key("transcoders", 1, {"model": model.key, "prompts": prompts}, plain(settings))
    folder = keep / f"{model.name}-{key[:16]}"
    if not (folder / "config.yaml").is_file():

        def tell(step: Progress) -> None:
            note = f"loss {step.loss:.4f}"
            done = RunProgress(stage="transcoders", done=step.step, total=step.steps, note=note)
            progress(done)

        made, _report = train_transcoders(
            model, features, settings, tell, resume_dir=store.checkpoint(key)
        )
        save_transcoders(made, folder)
        store.forget_checkpoint(key)
    return Dictionary(load_transcoders(folder, model), str(folder))
