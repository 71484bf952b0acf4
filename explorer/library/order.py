"""What the library shows, and in which order: search, filters, sorting, sections by task.

1. `pick` leaves the rows that a search and its filters ask for and sorts them; nulls and damaged
   ones come last whatever is asked.
2. `sections` puts them under their task: tasks of own circuits first, then the task with the best
   circuit; own ones stand first in theirs. A long section starts folded to its first rows, unless
   something is searched for.
3. `featured_of` chooses the cards of a first visit.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from core.figures import figure
from core.verdicts import Verdict
from explorer.library.shelf import Row
from explorer.session.first import rank
from explorer.session.view import Shelf

SORTS = {
    "": "by task",
    "faithfulness": "faithfulness",
    "nodes": "fewest nodes",
    "newest": "newest",
}
"""Ways to sort, by their name in a link."""
FIRST = 3
"""Rows of a folded section."""
CARDS = 3
FACETS = ("task", "family", "dictionary", "verdict")
"""Fields of `Shelf` that must agree with a row; `task` with the section it stands in."""


class Section(NamedTuple):
    """The circuits of one task."""

    title: str
    note: str
    rows: tuple[Row, ...]
    folded: bool
    """Whether all but the first rows are hidden at first."""


def pick(rows: Sequence[Row], wanted: Shelf) -> tuple[Row, ...]:
    """The rows that a search and its filters leave, sorted; nulls and damaged ones come last."""
    words = wanted.search.lower().split()
    kept = sorted((row for row in rows if _matches(row, wanted, words)), key=best)
    order: Mapping[str, Callable[[Row], Any]] = {
        "faithfulness": lambda row: -(row.faithfulness or 0.0),
        "nodes": lambda row: row.nodes,
    }
    if wanted.sort in order:
        kept.sort(key=order[wanted.sort])
    elif wanted.sort == "newest":
        kept.sort(key=lambda row: row.created, reverse=True)
    else:
        kept.sort(key=lambda row: not row.called)
    return tuple(sorted(kept, key=lambda row: (bool(row.error), row.null)))


def best(row: Row) -> tuple[Any, ...]:
    """Smaller is better: verdict, F as it is shown, nodes; then the name, so that nothing moves."""
    return *rank(row.verdict, row.faithfulness), row.nodes, row.name


def _matches(row: Row, wanted: Shelf, words: Sequence[str]) -> bool:
    named = (
        row.name,
        row.called,
        row.title,
        row.task,
        row.model,
        row.family,
        row.dictionary,
        row.tag,
    )
    text = " ".join((*named, row.verdict, row.shown[0])).lower()
    facets = (getattr(wanted, name) for name in FACETS)
    own = (row.section, row.family, row.dictionary, row.verdict)
    return all(word in text for word in words) and all(
        not asked or asked == given for asked, given in zip(facets, own, strict=True)
    )


def sections(rows: Sequence[Row], wanted: Shelf) -> tuple[Section, ...]:
    """Sorted rows under their tasks; none where another order was asked for."""
    if wanted.sort in SORTS and wanted.sort:
        return ()
    by: dict[str, list[Row]] = {}
    for row in rows:
        by.setdefault(row.section, []).append(row)
    searched = bool(wanted.search) or any(getattr(wanted, name) for name in FACETS)
    return tuple(
        Section(title, _note(found), tuple(found), len(found) > FIRST + 1 and not searched)
        for title, found in by.items()
    )


def _note(rows: Sequence[Row]) -> str:
    """How many there are, how many hold, and from which F to which."""
    if rows[0].error:
        return "what is wrong stands beside each"
    if rows[0].null:
        return "runs on nothing: none of these may validate"
    hold = sum(row.verdict == Verdict.HOLDS for row in rows)
    many = f"{hold} of {len(rows)} hold" if len(rows) > 1 else "1 circuit"
    known = [row.faithfulness for row in rows if row.faithfulness is not None]
    low, high = (figure(f(known, default=None)) for f in (min, max))
    span = f"F {high}" if low == high else f"F {low}–{high}"
    return f"{many} · {span}"


def featured_of(rows: Sequence[Row], many: int = CARDS) -> tuple[Row, ...]:
    """Circuits for a first visit: the best ones, each task once before twice, then each family."""
    left = [row for row in rows if not row.error and not row.null]
    chosen: list[Row] = []
    while left and len(chosen) < many:
        tasks, families = ({getattr(c, f) for c in chosen} for f in ("task", "family"))

        def place(row: Row, tasks: set[str] = tasks, families: set[str] = families) -> Any:
            verdict, f = rank(row.verdict, row.faithfulness)
            return row.task in tasks, verdict, row.family in families, f, row.nodes, row.name

        chosen.append(min(left, key=place))
        left.remove(chosen[-1])
    return tuple(chosen)
