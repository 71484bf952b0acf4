"""`hagd doctor`: is this installation sound?

Versions, device, the bundled files, the store, and whether the browser tests could run. Ends with
1 when something needs attention, so that scripts can ask.
"""

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType

from core.cli.browser import find_browser
from core.cli.options import Json, StoreDir
from core.cli.output import emit, shown, table, tell
from core.errors import CoreError

PACKAGES = (
    "hagd-explorer",
    "torch",
    "transformers",
    "safetensors",
    "streamlit",
    "plotly",
    "pyvis",
    "scipy",
    "torch_geometric",
    "diskcache",
)

Repair = Annotated[
    bool,
    typer.Option("--repair", help="Remove damaged entries and abandoned files."),
]


def command(store: StoreDir = None, repair: Repair = False, as_json: Json = False) -> int:
    """Check versions, device, bundled files and the store."""
    report: dict[str, Any] = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "versions": {name: _version(name) for name in PACKAGES},
        "device": _device(),
        "assets": _assets(),
        "store": _store(store, repair),
        "browser": find_browser(),
    }
    report["problems"] = _problems(report)
    report["ok"] = not report["problems"]
    emit(report, as_json, lambda: _text(report))
    return 0 if report["ok"] else 1


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _device() -> dict[str, Any]:
    import torch

    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {
        "kind": "cuda" if names else "cpu",
        "names": names,
        "threads": torch.get_num_threads(),
    }


def _assets() -> list[dict[str, Any]]:
    from core.cli.assets_check import check_assets

    return check_assets()


def _store(store: Any, repair: bool) -> dict[str, Any]:
    from core.store import health, open_store, plain
    from core.store import repair as repair_store

    try:
        with open_store(store, tell) as opened:
            removed = repair_store(opened) if repair else ()
            found = plain(health(opened))
            found["damaged"] += _dictionaries(Path(found["path"])) + _results(opened.results_dir)
            return {**found, "removed": list(removed), "error": None}
    except CoreError as error:
        if store is not None:  # the one that was asked for: bad input
            raise
        return {"error": str(error), "damaged": [], "removed": []}


def _dictionaries(store: Path) -> list[dict[str, str]]:
    """Trained transcoders whose files are not what was written."""
    from core.transcoders import load_transcoders

    found = []
    for folder in sorted((store / "transcoders").glob("*/")):
        if ".damaged-" in folder.name:  # set aside and reported already
            continue
        try:
            load_transcoders(folder)
        except CoreError as error:
            found.append({"key": folder.name, "error": str(error)})
    return found


def _results(folder: Path) -> list[dict[str, str]]:
    """Finished circuits that are not what was written."""
    from core.bundle import list_bundles, open_bundle

    found = []
    for info in list_bundles(folder):
        try:
            open_bundle(info.path)
        except CoreError as error:
            found.append({"key": info.path.name, "error": str(error)})
    return found


def _problems(report: dict[str, Any]) -> list[str]:
    absent = [name for name, found in report["versions"].items() if found is None]
    problems = [f"{name} is not installed. Run `make explore` again." for name in absent]
    problems += [f"{part['name']}: {part['error']}" for part in report["assets"] if part["error"]]
    if report["store"]["error"]:
        problems.append(report["store"]["error"])
    problems += [entry["error"] for entry in report["store"]["damaged"]]
    return problems


def _text(report: dict[str, Any]) -> RenderableType:
    device, store = report["device"], report["store"]
    sound = sum(part["error"] is None for part in report["assets"])
    rows = [
        ("python", f"{report['python']} on {report['platform']}"),
        *report["versions"].items(),
        ("device", ", ".join(device["names"]) or f"cpu, {device['threads']} threads"),
        ("bundled files", f"{sound} of {len(report['assets'])} sound"),
        ("store", _store_line(store)),
        ("browser for tests", report["browser"] or "none found; make test installs one"),
    ]
    last = "Everything is sound." if report["ok"] else "Needs attention:"
    problems = [shown(f"- {problem}") for problem in report["problems"]]
    return Group(table(("", ""), rows), "", last, *problems)


def _store_line(store: dict[str, Any]) -> str:
    if store["error"]:
        return "can not be used"
    removed = f", {len(store['removed'])} removed" if store["removed"] else ""
    return (
        f"{store['path']}: {store['entries']} entries, {store['bytes'] / 1e6:.1f} MB, "
        f"{len(store['damaged'])} damaged{removed}; {store['free_bytes'] / 1e9:.0f} GB free"
    )
