"""Heads of bundles without the engine: what the library shows before torch has been imported.

`core.bundle.list_bundles` reads and checks the same files; importing it takes seconds, reading JSON
takes milliseconds. A head that is not as expected is left to it: here it only says so. Opening a
circuit always goes through `core.bundle`, which checks every byte.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WAIT = "It is looked at more closely as soon as the engine has started."


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Head:
    """The fields of `core.bundle.BundleInfo`."""

    path: Path
    name: str
    title: str = ""
    model: str = ""
    task: str = ""
    n_nodes: int = 0
    verdict: str = ""
    created: str = ""
    validation: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None


def read_heads(roots: Sequence[Path]) -> tuple[Head, ...]:
    """The bundles directly inside these folders, newest first. Never raises."""
    folders = [child for root in roots if root.is_dir() for child in sorted(root.iterdir())]
    found = [_head(path) for path in folders if (path / "circuit.json").is_file()]
    return tuple(sorted(found, key=lambda head: (head.created, head.name), reverse=True))


def _head(path: Path) -> Head:
    try:
        circuit, validation, record = (
            json.loads((path / f"{name}.json").read_text("utf-8"))
            for name in ("circuit", "validation", "provenance")
        )
        return Head(
            path=path,
            name=str(circuit["name"]),
            title=str(circuit["title"]),
            model=str(record["model"]["ref"]),
            task=str(record["task"]["ref"]),
            n_nodes=len(circuit["nodes"]),
            verdict=str(validation["verdict"]),
            created=str(record.get("created", "")),
            validation=validation,
            provenance=record,
        )
    except (OSError, ValueError, KeyError, TypeError):
        return Head(path=path, name=path.name, error=f"{path} is not as expected. {WAIT}")
