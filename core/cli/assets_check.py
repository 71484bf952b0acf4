"""Whether the files that come with the program are whole."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from core.assets import CIRCUITS, MODELS, TRANSCODERS
from core.errors import CoreError


def check_assets() -> list[dict[str, Any]]:
    """One row for each bundled model, task, transcoder folder and circuit, with what is wrong."""
    return [{"kind": kind, "name": name, "error": _wrong(check)} for kind, name, check in _parts()]


def _parts() -> Iterator[tuple[str, str, Callable[[], object]]]:
    from core.bundle import open_bundle
    from core.tasks import bundled_tasks, load_task
    from core.transcoders import load_transcoders

    for folder in _folders(MODELS):
        yield "model", folder.name, lambda folder=folder: _check_model(folder)
    for name in bundled_tasks():
        yield "task", name, lambda name=name: load_task(name)
    for config in sorted(TRANSCODERS.glob("*/*/config.yaml")):
        name = "/".join(config.parent.parts[-2:])
        yield "transcoders", name, lambda config=config: load_transcoders(config.parent)
    for folder in _folders(CIRCUITS):
        yield "circuit", folder.name, lambda folder=folder: open_bundle(folder)


def _folders(root: Path) -> list[Path]:
    return sorted(path for path in root.glob("*") if path.is_dir())


def _check_model(folder: Path) -> None:
    for name in ("config.json", "tokenizer.json"):
        json.loads((folder / name).read_bytes())
    _check_tensors(folder)


def _check_tensors(folder: Path) -> None:
    from safetensors import safe_open

    files = sorted(folder.glob("**/*.safetensors"))
    if not files:
        raise FileNotFoundError(f"{folder.name} has no safetensors file")
    for file in files:  # the header is compared with the file's length
        with safe_open(file, framework="np") as opened:
            list(opened.keys())


def _wrong(check: Callable[[], object]) -> str | None:
    try:
        check()
    except CoreError as error:
        return str(error)
    except Exception as error:  # a damaged file can raise anything; all of it is shown alike
        return f"It is damaged ({error}). Restore it: git checkout -- assets"
    return None
