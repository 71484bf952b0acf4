"""`hagd results`: the circuits that are bundled or in the store.

They stand under their tasks, the best of each first; then nulls, then what is damaged.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from core.assets import CIRCUITS
from core.cli.options import Json, StoreDir
from core.cli.output import emit, shown, table, tell
from core.figures import figure
from core.verdicts import rank_of, verdict_shown

if TYPE_CHECKING:
    from core.bundle import BundleInfo


def command(store: StoreDir = None, as_json: Json = False) -> None:
    """List the finished circuits: bundled ones and yours."""
    from core.bundle import list_bundles
    from core.store import open_store

    with open_store(store, tell) as opened:
        infos = sorted(list_bundles(opened.results_dir, CIRCUITS), key=_place)
    found: list[dict[str, Any]] = [
        {
            "name": info.name,
            "title": info.title,
            "model": info.model,
            "task": info.task,
            "group": group_of(info),
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
    emit(found, as_json, lambda: table(COLUMNS, _rows(_addressed(found))) if found else NONE)


NULLS, DAMAGED = "nulls", "cannot be opened"
"""Groups of what is no finding."""


def group_of(info: "BundleInfo") -> str:
    """The task that a circuit stands under."""
    if info.error:
        return DAMAGED
    return NULLS if info.is_null else info.task_title


def _place(info: "BundleInfo") -> tuple[Any, ...]:
    """By group, then by verdict and F, then by name."""
    group, rank = group_of(info), rank_of(info.verdict)
    score = info.validation.get("faithfulness") or 0.0
    return group == DAMAGED, group == NULLS, group, rank, -score, info.name


def _addressed(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each by what `hagd validate` knows it by: its folder, where a name is repeated."""
    names = Counter(entry["name"] for entry in found)
    return [e | {"name": e["path"]} if names[e["name"]] > 1 else e for e in found]


COLUMNS = ("circuit", "nodes", "F", "random", "φ", "φ(∅)", "verdict")
"""`random` is the F of the best matched random circuit; folders are in `--json`."""

NONE = "No circuits yet. Make one: hagd run --model gpt2-modadd --task modular-addition"


def _rows(found: Sequence[dict[str, Any]]) -> Iterator[tuple[object, ...]]:
    """Each group under its name."""
    for number, (group, entries) in enumerate(groupby(found, lambda entry: entry["group"])):
        if number:
            yield ("",) * len(COLUMNS)
        yield (group, *("",) * (len(COLUMNS) - 1))
        yield from map(_row, entries)


def _row(entry: dict[str, Any]) -> tuple[object, ...]:
    if entry["error"]:
        return (f"  {entry['name']}", "", "", "", "", "", f"damaged: {entry['error']}")
    scores = (figure(entry[name]) for name in ("faithfulness", "random_max", "phi", "phi_empty"))
    nodes = f"{shown(entry['n_nodes']):>5}"
    return f"  {entry['name']}", nodes, *scores, verdict_shown(entry["verdict"]).word
