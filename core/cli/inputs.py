"""Turns what was typed into what the engine takes: transcoders, output tokens, whole folders."""

from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

from core.assets import CIRCUITS
from core.bundle import list_bundles
from core.cli.output import tell
from core.errors import FormatError, TranscoderError
from core.models import LanguageModel
from core.pipeline.kept import FOLDER, kept_for, newest
from core.store import open_store
from core.transcoders import Dictionary, open_transcoders


def transcoders_for(model: LanguageModel, ref: str | None, store: Path | None) -> Dictionary:
    """The transcoders that were named, or the bundled ones of a bundled model, or kept ones.

    Args:
        model: What they must fit.
        ref: A folder, `nested`, `topk` or `clt` (bundled), `neurons`; None: the bundled default,
            else the newest that a run in the store trained for this model.
        store: Folder of the store, as it was named; opened only where it is looked into.

    Raises:
        TranscoderError: If there are none, or they do not fit the model.
    """
    found = open_transcoders(model, ref) or (None if ref else _kept(model, store))
    if found is None:
        raise TranscoderError(
            f"No transcoders are bundled for {model.name}"
            + (f" under the name {ref!r}" if ref else ", and the store holds none of it")
            + ". A transcoder folder is required: name one with --transcoders, train some with "
            "`hagd train`, or give `--transcoders neurons` for the model's own MLP neurons."
        )
    return found


def _kept(model: LanguageModel, store: Path | None) -> Dictionary | None:
    """The newest dictionary of a model that the store's runs and circuits know."""
    with open_store(store, tell) as opened:
        trained, circuits = opened.layout.root / FOLDER, list_bundles(opened.results_dir)
        return newest(model, kept_for(model.key, trained, circuits))


def new_folder(out: Path, ours: Sequence[str]) -> Path:
    """A folder to write to: not there yet, empty, or holding an earlier one of the same sort.

    Args:
        out: What was named.
        ours: Patterns of the file names that an earlier one has; all of its files must fit.

    Raises:
        FormatError: If it holds something else; refused before any long work.
    """
    if not out.exists():
        _check_writable(out)
        return out
    names = sorted(path.name for path in out.iterdir()) if out.is_dir() else None
    strange = [name for name in names or () if not any(fnmatch(name, form) for form in ours)]
    if names is None or strange:
        found = f"holds other files ({strange[0]})" if strange else "is a file"
        raise FormatError(
            f"{out} can not be written to: it {found}. A new or empty folder, or an earlier result "
            "of the same sort to replace, is required. Name another with --out."
        )
    return out


def _check_writable(out: Path) -> None:
    """Refuses now what would otherwise be found out after all the work."""
    try:
        out.mkdir(parents=True)
        out.rmdir()
    except OSError as error:
        raise FormatError(
            f"{out} can not be written to: {error.strerror}. A folder that can be made is "
            "required. Name another with --out."
        ) from None


def new_file(out: Path) -> Path:
    """A file to write to, its folder made.

    Raises:
        FormatError: If it can not be written.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FormatError(
            f"{out} can not be written: {error.strerror}. Name another file with --out."
        ) from error
    if out.is_dir():
        raise FormatError(f"{out} is a folder; a file name is required. Name one with --out.")
    return out


def bundle_folder(ref: str, results: Path) -> Path:
    """The folder of a circuit, by its path or by the name `hagd results` shows.

    Args:
        ref: What was typed.
        results: The store's own circuits, looked at before the bundled ones.

    Raises:
        FormatError: If there is none.
    """
    if Path(ref).is_dir():
        return Path(ref)
    for info in list_bundles(results, CIRCUITS):
        if info.name == ref:
            return info.path
    raise FormatError(
        f"There is no circuit {ref!r}: it is no folder here, and no name in the store or among the "
        "bundled ones. A result folder is required; `hagd results` lists those that are known."
    )
