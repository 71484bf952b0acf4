"""Trains the dictionaries that come with the program: `python -m core.zoo transcoders`.

1. For each bundled model a nested dictionary and an ordinary TopK one (for one a cross-layer one
   with a nested prefix, too), on the task's `features`
   split alone; settings were compared on `selection`, figures are given for it and for `test`.
2. The nested prefix is trained where the model's card says that the MLP output matters at all.
   That chooses the places; what is learnt there is still reconstruction alone.
3. How long the prefix is follows from the rank of what the MLPs write there, on `selection`
   (`core.transcoders.sizing`), unless the catalogue says it for a model.
4. `report.json` beside the weights names the command, the settings and the measured quality.

Run again after a stop: a half-trained dictionary resumes, a finished one is left alone.
"""

import json
import logging
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from core.assets import MODELS
from core.errors import SettingsError
from core.figures import each_float
from core.models import LanguageModel, load_model
from core.tasks import PromptBatch, Split, Task, encode_pairs, load_task, longest_prompt
from core.transcoders import (
    Progress,
    TrainReport,
    TrainSettings,
    TranscoderSet,
    collect,
    measure_transcoders,
    save_transcoders,
    train_transcoders,
)
from core.transcoders.settings import only_at
from core.transcoders.sizing import sized
from core.zoo.catalogue import MEMBERS, dictionary_settings

SCHEMA = 1
REPORT = "report.json"
MEASURED = (Split.SELECTION, Split.TEST)
"""Splits that figures are given for; neither was trained on."""
NOTES = {
    "topk": "Ordinary sparse features: a few dozen are active at a token.",
    "nested": (
        "The first features of each layer are dense: each fires on about half of the prompts. "
        "They reconstruct the MLP output alone, which makes circuits small, but they are not what "
        "most readers call sparse features."
    ),
    "clt": (
        "Features write at their own layer and at all later ones; the first of each layer are "
        "dense, as in the nested dictionary."
    ),
}

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class DictionaryRecipe:
    """One bundled dictionary."""

    model: str
    """Bundled model."""
    task: str
    """Bundled task whose `features` split it is trained on."""
    settings: TrainSettings
    """The sites of a nested prefix and, where none is given, its length are filled in from the
    model."""


RECIPES = tuple(
    DictionaryRecipe(
        model=member.name, task=member.task, settings=dictionary_settings(member, kind)
    )
    for member in MEMBERS.values()
    for kind in member.kinds
)


def chosen(model: str | None, kind: str | None) -> list[DictionaryRecipe]:
    """The recipes of a model and a kind; all of them for None.

    Raises:
        SettingsError: If there are none.
    """
    found = [
        recipe
        for recipe in RECIPES
        if model in (None, recipe.model) and kind in (None, recipe.settings.kind)
    ]
    if not found:
        known = ", ".join(f"{recipe.model} {recipe.settings.kind}" for recipe in RECIPES)
        raise SettingsError(
            f"No bundled dictionary for model {model!r} and kind {kind!r}; one of {known} is "
            "required. Choose one of them."
        )
    return found


def make(recipe: DictionaryRecipe, out: Path) -> Path:
    """Train, measure and write one dictionary, unless it is there already.

    Returns:
        Its folder, `out/MODEL/KIND`.
    """
    folder = out / recipe.model / recipe.settings.kind
    if (folder / REPORT).is_file():
        log.info("%s is there already", folder)
        return folder
    model, task = load_model(recipe.model), load_task(recipe.task)
    settings = with_sites(recipe.settings, MODELS / recipe.model / "card.json")
    if settings.lacks_prefix:
        settings = sized(settings, collect(model, _batches(task, Split.SELECTION, model)))
    checkpoint = folder.with_name(f"{folder.name}.checkpoint")
    made, report = train_transcoders(
        model, _batches(task, Split.FEATURES, model), settings, _tell(folder), checkpoint
    )
    save_transcoders(replace(made, scan=f"hagd/{recipe.model}-{recipe.settings.kind}"), folder)
    _write_report(folder, recipe, model, task, made, report)
    shutil.rmtree(checkpoint)
    return folder


def with_sites(settings: TrainSettings, card: Path) -> TrainSettings:
    """Settings whose nested prefix is trained only where the card says that a site matters."""
    if not (settings.lacks_prefix or settings.nested.prefix):
        return settings
    sites = json.loads(card.read_text(encoding="utf-8"))["sites"]
    return only_at(settings, ((s["layer"], s["position"], s["matters"]) for s in sites))


def _batches(task: Task, split: Split, model: LanguageModel) -> Sequence[PromptBatch]:
    tokenizer = model.tokenizer
    return encode_pairs(task.of(split), tokenizer, longest_prompt(task, tokenizer))


def _tell(folder: Path) -> Any:
    def tell(progress: Progress) -> None:
        if progress.step % 500 == 0 or progress.step == progress.steps:
            log.info("%s: step %d of %d, loss %.4f", folder, *progress[:3])

    return tell


def _write_report(
    folder: Path,
    recipe: DictionaryRecipe,
    model: LanguageModel,
    task: Task,
    made: TranscoderSet,
    report: TrainReport,
) -> None:
    kind, seed = recipe.settings.kind, recipe.settings.seed
    body = {
        "schema": SCHEMA,
        "command": (
            f"python -m core.zoo transcoders --model {recipe.model} --kind {kind} --seed {seed}"
        ),
        "note": NOTES[kind],
        "key": made.key,
        "model": {"name": model.name, "key": model.key},
        "task": {"name": task.name, "key": task.key, "trained_on": Split.FEATURES.value},
        "settings": asdict(report.settings),
        "seconds": round(report.seconds, 1),
        "n_samples": report.n_samples,
        "prefixes": report.prefixes,
        "losses": report.losses,
        "quality": {
            split.value: asdict(measure_transcoders(model, made, _batches(task, split, model)))
            for split in MEASURED
        },
    }
    # five significant digits: the last ones differ between machines
    kept = each_float(body, lambda value: float(f"{value:.5g}"))
    text = json.dumps(kept, indent=1, ensure_ascii=False)
    (folder / REPORT).write_text(text + "\n", encoding="utf-8")
    log.info("%s written", folder)
