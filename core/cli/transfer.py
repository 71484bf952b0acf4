"""`hagd transfer`: how far one model's circuit is another's.

Four scores, each beside its null; with a second seed of one or both circuits (--twin, or as they
were compared before) beside its ceiling too; and a sentence on whether it transfers. The matched
features are written with --out and kept in the store: the app shows them beside a circuit's own.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType

from core.cli.options import Json, Seed, StoreDir
from core.cli.output import emit, shown, table, tell
from core.figures import figure

First = Annotated[
    str, typer.Argument(metavar="DIR_A", help="A result folder, or a name from `hagd results`.")
]
Second = Annotated[
    str, typer.Argument(metavar="DIR_B", help="The circuit that the first one is carried into.")
]
Twins = Annotated[
    list[str] | None,
    typer.Option(
        "--twin",
        metavar="DIR",
        help="The same circuit from another seed: the ceiling. Once for each of the two.",
        show_default=False,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help="Write everything here.", show_default=False),
]


def command(
    first: First,
    second: Second,
    twin: Twins = None,
    out: Out = None,
    seed: Seed = 0,
    store: StoreDir = None,
    as_json: Json = False,
) -> None:
    """Compare two circuits: edges, transport, function and roles, with nulls and ceiling."""
    from core.cli.inputs import bundle_folder, new_file
    from core.store import open_store, write_whole
    from core.transfer import (
        TransferSettings,
        kept,
        open_subject,
        paired_with_twins,
        stored_twins,
        verdict,
        with_ceiling,
    )

    place = new_file(out) if out else None
    options = TransferSettings(seed=seed)
    with open_store(store, tell) as opened:
        names = (first, second, *(twin or []))
        one, two, *others = (open_subject(bundle_folder(n, opened.results_dir)) for n in names)
        pairs = paired_with_twins(one, two, others)
        same = [kept(own, other, opened, options) for own, other in pairs]
        report = with_ceiling(
            kept(one, two, opened, options), same or stored_twins((one, two), opened, options)
        )
    report["verdict"] = verdict(report)
    if place:
        write_whole(place, (json.dumps(report, indent=1, ensure_ascii=False) + "\n").encode())
    emit(report, as_json, lambda: text(report, place))


COLUMNS = ("score", "value", "null", "best null", "p", "ceiling", "normalised")


def text(report: Mapping[str, Any], place: Path | None) -> RenderableType:
    """The comparison as a person reads it."""
    scores = report["scores"].items()
    rows = [(name, *(_figure(score[field]) for field in FIELDS)) for name, score in scores]
    n_one, n_two = report["n_nodes"]
    lines = [_carried(carried, report["two"]) for carried in report["carried"]]
    if all(score["ceiling"] is None for _, score in scores):
        lines.append("No ceiling: give the same model's circuit from another seed with --twin.")
    return Group(
        f"{report['one']} -> {report['two']}",
        f"{len(report['matched'])} of {n_one} features have a partner among the other circuit's "
        f"{n_two}; {report['found']} have one anywhere in the other model.",
        table(COLUMNS, rows),
        shown(report["verdict"]),
        *lines,
        *([f"Written: {place}"] if place else []),
    )


def _carried(found: Mapping[str, Any], two: str) -> str:
    if found["own"] is None:
        return (
            f"Carried over, {found['ablation']}: {two}'s own F cannot be measured, because its "
            "model answers hardly better than with everything ablated."
        )
    return (
        f"Carried over, {found['ablation']}: F {_figure(found['faithfulness'])}; the other's own "
        f"circuit {_figure(found['own'])}; best random circuit of the same sites "
        f"{_figure(max(found['random'], default=None))}"
    )


FIELDS = ("value", "null_mean", "null_max", "p", "ceiling", "normalised")


def _figure(value: float | None) -> str:
    return figure(value, 3)
