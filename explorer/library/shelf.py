"""Rows of the library: what each bundle's head says, every score beside its control.

`shelf` turns heads into rows: interval, random band, φ(∅), p. Nulls stand among them; a damaged
bundle is a row with its message. Rows that would look alike are told apart by their `tag`.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.choices import BUNDLED_KINDS, DEFAULT_KIND, DictionaryKind
from core.circuit import Attention
from core.figures import real
from core.names import slug, task_name
from core.verdicts import in_short, reservation
from explorer.look import verdicts
from explorer.session.resources.about import about_model
from explorer.session.resources.circuits import is_bundled

if TYPE_CHECKING:
    from core.bundle import BundleInfo

NULLS, DAMAGED = "Nulls", "Cannot be opened"
"""Sections of what is no finding."""
KINDS: tuple[DictionaryKind, ...] = (*BUNDLED_KINDS, "neurons")
"""Dictionaries that a circuit may be made of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One stored circuit as the library shows it."""

    name: str
    title: str
    task: str
    model: str
    nodes: int
    faithfulness: float | None
    """None where it could not be computed."""
    half_width: float | None
    """Half the 95 % interval of F; None where it was not measured."""
    phi: float | None
    """None as well where F is: there is nothing of the model's to be a share of."""
    phi_empty: float | None
    p_value: float | None
    curve: Mapping[str, Any]
    """Points from 0 to 1: `line`, `low`, `high` and the `ring` at the chosen size."""
    family: str = ""
    dictionary: str = ""
    """Kind of its transcoders: one of `KINDS`, or `own`."""
    tag: str = ""
    """What it has that is not the usual: its transcoders, heads that count, seed."""
    verdict: str
    null: bool = False
    """Whether it was made from something that must not validate."""
    shown: tuple[str, str]
    """The verdict's word and tone."""
    why: str = ""
    """What the verdict is short of, in a line; empty where nothing is."""
    short: str = ""
    """The first of it in a few signs."""
    created: str
    error: str | None = None
    called: str = ""
    """Name of an own circuit, as it was given; empty for a bundled one, which its model names."""

    @property
    def section(self) -> str:
        """Where it stands: under its task, among the nulls, or with what is damaged."""
        return DAMAGED if self.error else NULLS if self.null else self.task


def shelf(infos: "Sequence[BundleInfo]", titles: Mapping[str, str]) -> tuple[Row, ...]:
    """Rows of the library. `titles` names tasks; one that is not in it keeps its reference."""
    rows = [_row(info, titles) for info in infos]
    many = Counter(map(_looks, rows))
    twins = {r.name for r in rows if many[_looks(r)] > 1}
    bundled = [info.name for info in infos if is_bundled(info)]
    return tuple(
        replace(r, tag=r.tag or _told_apart(r.name, bundled)) if r.name in twins else r
        for r in rows
    )


def _told_apart(name: str, bundled: Sequence[str]) -> str:
    """What one of several rows that look alike is: bundled, or the n-th taken in; an own one is
    called by its name."""
    if name in bundled:
        return "bundled"
    number = re.fullmatch(r"(.+)[-~](\d+)", name)
    return f"imported {number[2]}" if number and number[1] in bundled else ""


def _looks(row: "Row") -> tuple[str, str, str]:
    return row.task, row.model, row.tag


def _row(info: "BundleInfo", titles: Mapping[str, str]) -> Row:
    found = info.validation
    score = real(found.get("faithfulness"))
    ratio = found if score is not None else {}
    return Row(
        name=info.name,
        title=info.title or info.name,
        task=_task_name(info, titles),
        model=plain(info.model),
        nodes=info.n_nodes,
        faithfulness=score,
        half_width=_half(ratio.get("faithfulness_ci")),
        phi=real(ratio.get("phi")),
        phi_empty=real(ratio.get("phi_empty")),
        p_value=(found.get("random") or {}).get("p_value"),
        curve=curve(found.get("curve") or (), info.n_nodes),
        verdict=info.verdict,
        null=info.is_null,
        shown=verdicts.shown(info.verdict, info.provenance),
        why=reservation(found),
        short="" if info.is_null else in_short(found),
        created=info.created,
        error=info.error,
        family=about_model(info.place_of("model")).family,
        dictionary=_dictionary(info),
        tag=_tag(info),
        called="" if info.error or is_bundled(info) else _called(info),
    )


def _called(info: "BundleInfo") -> str:
    """An own circuit's name as its owner wrote it, else as links and commands have it."""
    written = info.title.split(" · ")[0]
    return written if slug(written) == info.name else info.name


def _dictionary(info: "BundleInfo") -> str:
    part = info.provenance.get("transcoders") or {}
    kind = str(part.get("ref", "")).rstrip("/").split("/")[-1]
    return kind if kind in KINDS else "own"


def _tag(info: "BundleInfo") -> str:
    """What is not the usual: two circuits may differ in no more."""
    settings = info.provenance.get("settings") or {}
    kind = _dictionary(info)
    parts = [kind] if kind in KINDS and kind != DEFAULT_KIND else []
    parts += ["heads"] if settings.get("attention") == Attention.CIRCUIT else []
    parts += [f"seed {settings['seed']}"] if settings.get("seed") else []
    return " · ".join(parts)


def _task_name(info: "BundleInfo", titles: Mapping[str, str]) -> str:
    if info.error:
        return info.name
    name = titles.get(info.task) or _own_task(info, titles)
    if not info.is_null:
        return name
    title = (info.title or name).split(" · ")[0]  # the rest is the task's and the model's name
    return title if title.startswith("Null") else f"Null: {title}"


def _own_task(info: "BundleInfo", titles: Mapping[str, str]) -> str:
    """What an own task calls itself; with its file where a section is called so already."""
    taken = {*titles.values(), NULLS, DAMAGED}
    name = info.task_title
    return f"{name} ({task_name(info.task)})" if name in taken else name


def plain(ref: str) -> str:
    """The last part of a reference: a bundled name, or a folder's name."""
    return Path(ref).name or ref


def curve(points: Sequence[Mapping[str, Any]], chosen: int) -> dict[str, Any]:
    """F over sizes with its random band; x is log(1 + size), so that small sizes have room."""
    largest = math.log1p(max((point["size"] for point in points), default=0)) or 1.0

    def place(point: Mapping[str, Any], name: str) -> list[float]:
        return [round(math.log1p(point["size"]) / largest, 4), round(point[name], 4)]

    banded = [point for point in points if real(point.get("random_low")) is not None]
    points = [point for point in points if real(point["faithfulness"]) is not None]
    ring = next((point for point in points if point["size"] == chosen), None)
    return {
        "line": [place(point, "faithfulness") for point in points],
        "low": [place(point, "random_low") for point in banded],
        "high": [place(point, "random_high") for point in banded],
        "ring": place(ring, "faithfulness") if ring else None,
    }


def _half(interval: Any) -> float | None:
    if not isinstance(interval, list | tuple) or len(interval) != 2:
        return None
    low, high = map(real, interval)
    return None if low is None or high is None else (high - low) / 2
