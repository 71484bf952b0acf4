"""The bundled circuits as their own files tell them: nothing is measured, nothing is loaded.

A run writes what it measured to `validation.json` and what it was made of to `provenance.json`.
Studies of bundled circuits read these, so that they cover every circuit there is and cannot say
anything else than the circuit itself does.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.assets import CIRCUITS, MODELS
from core.bundle import null_of
from core.zoo.catalogue import TASKS


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """One bundled circuit."""

    name: str
    validation: Mapping[str, Any]
    provenance: Mapping[str, Any]
    stamp: str
    """Changes with the circuit and what it was made of: twelve digits of a hash of its file."""

    @property
    def null(self) -> str:
        """Which null run it is; `none` for a real circuit."""
        return null_of(self.provenance)

    @property
    def task(self) -> str:
        """Bundled task, or the file of a null's."""
        return self.provenance["task"]["ref"]

    @property
    def model(self) -> str:
        """Bundled model, or the folder of a null's."""
        return self.provenance["model"]["ref"]

    @property
    def variant(self) -> str:
        """`nested` or `topk`, after its dictionary, or `heads` where heads are nodes too."""
        # circuits of the first versions have no setting `attention`: their heads were live
        heads = self.provenance["settings"].get("attention", "live") == "circuit"
        return "heads" if heads else Path(self.provenance["transcoders"]["ref"]).name

    def block(self, ablation: str) -> Mapping[str, Any]:
        """Scores and controls under an ablation; the published regime and split come first."""
        blocks = (self.validation, *self.validation["other_regimes"])
        return next(block for block in blocks if block["ablation"] == ablation)


def plainest(block: Mapping[str, Any]) -> float:
    """F of the better circuit that needed no search, at the sites of the one that a block is of."""
    return max(row["faithfulness"] for row in block["plain"].values())


def stored(folder: Path) -> Stored:
    """One circuit's files."""
    validation, provenance = (
        json.loads((folder / f"{part}.json").read_text("utf-8"))
        for part in ("validation", "provenance")
    )
    circuit = (folder / "circuit.json").read_bytes()
    return Stored(
        name=folder.name,
        validation=validation,
        provenance=provenance,
        stamp=hashlib.sha256(circuit).hexdigest()[:12],
    )


def bundled_circuits(folder: Path = CIRCUITS) -> list[Stored]:
    """Every circuit there is: real ones in the order of their tasks, then null runs; by name."""
    found = [stored(path.parent) for path in folder.glob("*/validation.json")]
    tasks = list(TASKS)

    def place(one: Stored) -> tuple[bool, int, str]:
        known = one.null == "none" and one.task in tasks
        return one.null != "none", tasks.index(one.task) if known else len(tasks), one.name

    return sorted(found, key=place)


def real(circuits: Iterable[Stored]) -> list[Stored]:
    """Those that are no null runs."""
    return [one for one in circuits if one.null == "none"]


def nulls(circuits: Iterable[Stored]) -> list[Stored]:
    """The null runs."""
    return [one for one in circuits if one.null != "none"]


def model_card(name: str) -> dict[str, Any]:
    """What was measured of a bundled model when it was made."""
    return json.loads((MODELS / name / "card.json").read_text("utf-8"))
