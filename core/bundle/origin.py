"""Where a result comes from: references, keys, settings, versions, time and command.

A reference is a bundled name, a Hub id or a path. In a bundle no path is absolute where that can be
helped: one inside the repository's assets is kept as `assets/...`, any other relative to the
bundle's folder (`./...`, `../...`), so that a folder of results can be moved or shared whole.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.assets import ASSETS, MODELS, NEURONS, TASKS
from core.circuit import PARTS as PARTS
from core.errors import FormatError
from core.store import code_version, installed

LIBRARIES = ("torch", "transformers", "numpy", "scipy", "torch_geometric", "safetensors")
"""Libraries whose version can change a figure."""
KINDS = {
    "model": "folder with a config.json",
    "transcoders": "folder with a config.yaml",
    "task": ".jsonl or .csv file",
}
"""What a path to each part must lead to."""
SEAL = "provenance_sha256"
"""Field of circuit.json that vouches for provenance.json."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One thing that a result was made from."""

    ref: str
    """Bundled name, Hub id or path, as a person would type it."""
    key: str
    """sha256 of its content."""


def provenance(
    *,
    model: Source,
    transcoders: Source,
    task: Source,
    settings: Mapping[str, Any],
    seed: int,
    command: str,
) -> dict[str, Any]:
    """provenance.json of a run that ends now; `write_bundle` makes its paths relative."""
    parts = {"model": model, "transcoders": transcoders, "task": task}
    return {
        **{name: {"ref": part.ref, "key": part.key} for name, part in parts.items()},
        "settings": dict(settings),
        "seed": seed,
        "code_version": code_version(),
        "libraries": {name: installed(name) for name in LIBRARIES},
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
    }


def seal(record: Mapping[str, Any]) -> str:
    """sha256 of what provenance.json says, its checksums of the other files left out.

    Of the values, not of the bytes: circuit.json carries it, and is itself among those checksums.
    """
    said = {name: value for name, value in record.items() if name != "files"}
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def null_of(record: Mapping[str, Any]) -> str:
    """Which null run a provenance.json tells of; `none` for a real circuit."""
    return str((record.get("settings") or {}).get("null") or "none")


def portable(ref: str, folder: Path) -> str:
    """`ref` as it is kept in a bundle at `folder`.

    A bundled name stays one even where the working directory has a folder of that name.
    """
    if _bundled(ref) or ref == NEURONS or ref.startswith("assets/") or not os.path.lexists(ref):
        return ref
    path = Path(ref).resolve()
    if path.is_relative_to(ASSETS):
        return (Path("assets") / path.relative_to(ASSETS)).as_posix()
    try:
        relative = Path(os.path.relpath(path, folder.resolve())).as_posix()
    except ValueError:  # another drive: there is no relative path
        return str(path)
    return relative if relative.startswith(".") else f"./{relative}"


def locate(ref: str, folder: Path | None) -> str:
    """The inverse of `portable`: a name, or the path as seen from the bundle's folder.

    Raises:
        FormatError: If a path that says it is inside the assets leads out of them.
    """
    if ref.startswith("assets/"):
        path = (ASSETS / ref.removeprefix("assets/")).resolve()
        if not path.is_relative_to(ASSETS):
            raise FormatError(
                f"The reference {ref!r} leads out of the assets folder; a path inside it is "
                "required. This bundle was not written by this program: get it again."
            )
        return str(path)
    if ref.startswith(".") and folder is not None:
        return str((folder / ref).resolve())
    return ref


def missing_parts(record: Mapping[str, Any], folder: Path | None) -> tuple[str, ...]:
    """One sentence for each part of provenance.json that is not on this computer.

    Raises:
        FormatError: If a reference leads to something that is no such part: a bundle from elsewhere
            must not make this program open what it finds at a path of the bundle's choice.
    """
    found = []
    for part in PARTS:
        ref = record[part]["ref"]
        place = locate(ref, folder)
        _check_kind(part, ref, Path(place))
        if not (_bundled(ref) or ref == NEURONS or Path(place).exists() or _cached(ref)):
            found.append(
                f"The {part} {ref!r} of this circuit is not on this computer. The circuit can be "
                f"browsed, but the Lab needs the {part}: put it at {place}."
            )
    return tuple(found)


def _check_kind(part: str, ref: str, place: Path) -> None:
    """Refuse a path to what is there but is no model folder, transcoder folder or task file."""
    if _bundled(ref) or ref == NEURONS or not place.exists():
        return
    fits = {
        "model": (place / "config.json").is_file(),
        "transcoders": any(
            next(place.glob(form), None) is not None
            for form in ("config.yaml", "*/sae*.safetensors", "*/*/sae*.safetensors")
        ),
        "task": place.is_file() and place.suffix.lower() in (".jsonl", ".csv"),
    }
    if not fits[part]:
        raise FormatError(
            f"The {part} reference {ref!r} in provenance.json leads to {place}, which is no {part}:"
            f" a {KINDS[part]} is required. This bundle was altered, or something was put in that "
            "place; get the bundle again or put the original back."
        )


def _bundled(ref: str) -> bool:
    """Whether a bundled model or task has this name."""
    plain = bool(ref) and "/" not in ref and "\\" not in ref and not ref.startswith(".")
    return plain and ((MODELS / ref).is_dir() or (TASKS / f"{ref}.jsonl").is_file())


def _cached(ref: str) -> bool:
    """Whether the Hub's own cache on this computer has the model; asks no network."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        return isinstance(try_to_load_from_cache(ref, "config.json"), str)
    except HFValidationError:
        return False
