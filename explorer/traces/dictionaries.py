"""Which dictionary a prompt is traced with.

1. The one that is named: a folder, a kind that is bundled, or neurons.
2. Else the bundled one of a bundled model; else the newest that a run kept here for this model, or
   that a stored circuit of it was found with; else its neurons, where they read linearly.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from core.bundle import BundleInfo, locate
from core.errors import CoreError, TranscoderError
from core.models import LanguageModel
from core.transcoders import (
    TranscoderSet,
    load_transcoders,
    neuron_transcoders,
    open_transcoders,
)
from core.transcoders.files import CONFIG

DEFAULT = "bundled, else trained"
"""What no choice of transcoders is called."""


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
