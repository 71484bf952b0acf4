"""Dictionaries that were kept: those that runs trained in a store, and those of its circuits.

Whoever names no transcoders for a model without bundled ones gets the newest of them.
"""

from collections.abc import Sequence
from pathlib import Path

from core.bundle import BundleInfo
from core.errors import TranscoderError
from core.models import LanguageModel
from core.transcoders import Dictionary, load_transcoders
from core.transcoders.files import CONFIG
from core.transcoders.transcoder_set import TranscoderSet

FOLDER = "transcoders"
"""Folder of a store where runs keep what they train."""


def newest(model: LanguageModel, kept: Sequence[Path]) -> Dictionary | None:
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
            return Dictionary(found, str(folder))
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
            folder = Path(info.place_of("transcoders"))
            sound += [folder] if (folder / CONFIG).is_file() else []
    return tuple(dict.fromkeys(sound))


def _written(folder: Path) -> int:
    try:
        return (folder / CONFIG).stat().st_mtime_ns
    except OSError:
        return 0
