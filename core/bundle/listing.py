"""Lists bundles by their heads: the JSON files that a library shows, without torch or the engine.

1. A folder that holds any file of a bundle is listed.
2. Its circuit.json, validation.json and provenance.json are read and checked as when it is opened,
   checksums too; whatever is wrong becomes its `error`. The large files are left to `open_bundle`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from core.bundle import files
from core.bundle.checks import (
    check_seal,
    parse,
    read_as,
    record_of,
    text_of,
    validation_of,
    verified,
)
from core.bundle.files import FILES
from core.bundle.origin import locate, null_of
from core.circuit import circuit_from_json
from core.errors import CoreError
from core.names import name_in_words, task_title
from core.verdicts import Verdict


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BundleInfo:
    """The head of a bundle, cheap to read; `error` says why it cannot be opened."""

    path: Path
    """Its folder."""
    name: str
    """Its name; the folder's name where the head could not be read."""
    title: str = ""
    """Its title."""
    model: str = ""
    """Reference of the model."""
    task: str = ""
    """Reference of the task."""
    n_nodes: int = 0
    """Nodes of the circuit: features, and heads where they count."""
    verdict: str = ""
    """One of `core.verdicts.VERDICTS`; empty where damaged."""
    created: str = ""
    """ISO 8601 time, UTC."""
    validation: Mapping[str, Any] = field(default_factory=dict)
    """The whole of validation.json: intervals, random band, curve."""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """The whole of provenance.json."""
    error: str | None = None
    """Why it cannot be opened, in words; None when its head is sound."""

    @property
    def is_null(self) -> bool:
        """Whether it was made from something that must not validate, or refused as that."""
        return self.verdict == Verdict.REJECTED or null_of(self.provenance) != "none"

    @property
    def task_title(self) -> str:
        """What its task is called: by itself, by its bundled name, its file or its folder."""
        place = self._located(self.task)
        return task_title(place) if place else name_in_words(self.task)

    def place_of(self, part: Literal["model", "transcoders", "task"]) -> str:
        """Name or path of what it was found on; "" where its record does not say."""
        try:
            return self._located(str(self.provenance[part]["ref"]))
        except (KeyError, TypeError):
            return ""

    def _located(self, ref: str) -> str:
        """Where a reference leads; "" where it may not: opening the circuit says so."""
        try:
            return locate(ref, self.path)
        except CoreError:
            return ""


def list_bundles(*roots: str | Path) -> tuple[BundleInfo, ...]:
    """The bundles directly inside these folders, newest first; reads JSON heads only.

    Never raises: a damaged bundle is listed with its error, a missing root holds nothing.
    """
    folders = [child for root in roots for child in _children(Path(root))]
    infos = [_info(folder) for folder in folders if _looks_like_one(folder)]
    return tuple(sorted(infos, key=lambda info: (info.created, info.name), reverse=True))


def _children(root: Path) -> list[Path]:
    try:
        return sorted(child for child in root.iterdir() if not child.name.startswith("."))
    except OSError:
        return []


def _looks_like_one(folder: Path) -> bool:
    try:
        return any((folder / name).is_file() for name in FILES)
    except OSError:
        return False


def _info(folder: Path) -> BundleInfo:
    """The head of one bundle, or its error."""
    try:
        record = record_of(folder)
        head = parse(folder / files.CIRCUIT, verified(folder, files.CIRCUIT, record))
        check_seal(folder, head, record)
        circuit = read_as(folder / files.CIRCUIT, circuit_from_json, head)
        validation = validation_of(folder, verified(folder, files.VALIDATION, record))
        return BundleInfo(
            path=folder,
            name=text_of(folder / files.CIRCUIT, head, "name"),
            title=text_of(folder / files.CIRCUIT, head, "title"),
            model=str(record["model"]["ref"]),
            task=str(record["task"]["ref"]),
            n_nodes=len(circuit.nodes),
            verdict=validation["verdict"],
            created=str(record.get("created", "")),
            validation=validation,
            provenance=record,
        )
    except CoreError as error:
        return BundleInfo(path=folder, name=folder.name, error=str(error))
    except Exception as error:  # a listing must survive whatever a folder may hold
        return BundleInfo(path=folder, name=folder.name, error=f"{folder} cannot be read: {error}.")
