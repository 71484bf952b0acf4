"""`hagd results`: the circuits that are bundled or in the store."""

from collections import Counter
from typing import Any

from core.assets import CIRCUITS
from core.cli.options import Json, StoreDir
from core.cli.output import emit, table, tell
from core.verdicts import figure, verdict_shown


def command(store: StoreDir = None, as_json: Json = False) -> None:
    """List the finished circuits: bundled ones and yours."""
    from core.bundle import list_bundles
    from core.store import open_store

    with open_store(store, tell) as opened:
        infos = list_bundles(opened.results_dir, CIRCUITS)
    found: list[dict[str, Any]] = [
        {
            "name": info.name,
            "title": info.title,
            "model": info.model,
            "task": info.task,
            "n_nodes": info.n_nodes,
            "faithfulness": info.validation.get("faithfulness"),
            "phi": info.validation.get("phi"),
            "phi_empty": info.validation.get("phi_empty"),
            "random_max": (info.validation.get("random") or {}).get("faithfulness_max"),
            "verdict": info.verdict,
            "created": info.created,
            "path": str(info.path),
            "error": info.error,
        }
        for info in infos
    ]
    emit(found, as_json, lambda: table(COLUMNS, map(_row, _addressed(found))) if found else NONE)


def _addressed(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each by what `hagd validate` knows it by: its folder, where a name is repeated."""
    names = Counter(entry["name"] for entry in found)
    return [e | {"name": e["path"]} if names[e["name"]] > 1 else e for e in found]


COLUMNS = ("circuit", "nodes", "F", "random", "φ", "φ(∅)", "verdict")
"""`random` is the F of the best matched random circuit; folders are in `--json`."""

NONE = "No circuits yet. Make one: hagd run --model gpt2-modadd --task modular-addition"


def _row(entry: dict[str, Any]) -> tuple[object, ...]:
    if entry["error"]:
        return (entry["name"], "", "", "", "", "", f"damaged: {entry['error']}")
    scores = (figure(entry[name]) for name in ("faithfulness", "random_max", "phi", "phi_empty"))
    return entry["name"], entry["n_nodes"], *scores, verdict_shown(entry["verdict"]).word
