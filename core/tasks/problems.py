"""Collects everything wrong with a task file, to be told at once.

1. A reason is a form of words and the values that stand in it: `answer {} is not in the
   vocabulary` and `'9'`.
2. A few bad places are told one by one, each with its reasons.
3. Many are grouped by the forms of their reasons. A group names its places once, as ranges, and a
   few of the values: a file made for another model breaks one rule on every line.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from core.errors import TaskError

SINGLY = 10
"""Up to so many bad places are told one by one."""
MOST_VALUES = 5
"""Values told of one reason."""
MOST_LETTERS = 120
"""Letters told of one value."""


class Reason(NamedTuple):
    """Why a prompt pair cannot be used."""

    form: str
    """Words with one `{}` where the values go, or with none."""
    values: tuple[str, ...] = ()
    """What differs from place to place, e.g. words of the prompt; untrusted text."""

    def __str__(self) -> str:
        return self.form.format(_few(self.values)) if self.values else self.form


class Problems:
    """Reasons by place (`line 7`, `pair 3`), in the order found."""

    def __init__(self) -> None:
        self._reasons: dict[tuple[str, int], list[Reason]] = defaultdict(list)

    def add(self, unit: str, number: int, reason: Reason | str) -> None:
        """Notes one reason against `unit number`, e.g. `line 7`."""
        given = reason if isinstance(reason, Reason) else Reason(reason)
        self._reasons[unit, number].append(given)

    def raise_if_any(self, what: str, required: str, sound: Collection[int] = ()) -> None:
        """Raises one TaskError that lists every place noted.

        Args:
            what: The file or prompts that were read.
            required: The rule and the way out, as full sentences.
            sound: Numbers of the places that could be read, those noted among them or not; for
                saying how many there are in all.
        """
        if not self._reasons:
            return
        places = sorted(self._reasons)
        shown = self._singly(places) if len(places) <= SINGLY else self._grouped(places)
        total = len({*sound, *(number for _, number in places)})
        unit = places[0][0] + ("s" if total > 1 else "")
        head = f"{what}: {len(places)} of {total} {unit} cannot be used."
        raise TaskError("\n".join((head, *shown, required)))

    def _singly(self, places: list[tuple[str, int]]) -> Iterator[str]:
        for unit, number in places:
            yield f"  {unit} {number}: {'; '.join(map(str, self._reasons[unit, number]))}"

    def _grouped(self, places: list[tuple[str, int]]) -> Iterator[str]:
        """Places that break the same rules together, the largest group first."""
        groups: dict[tuple[str, ...], list[tuple[str, int]]] = defaultdict(list)
        for place in places:
            groups[tuple(dict.fromkeys(r.form for r in self._reasons[place]))].append(place)
        for forms, members in sorted(groups.items(), key=lambda group: -len(group[1])):
            values: dict[str, list[str]] = {form: [] for form in forms}
            for reason in (reason for place in members for reason in self._reasons[place]):
                values[reason.form] += reason.values
            merged = (Reason(form, tuple(dict.fromkeys(values[form]))) for form in forms)
            unit = members[0][0] + ("s" if len(members) > 1 else "")
            yield f"  {'; '.join(map(str, merged))}: {unit} {_ranges(n for _, n in members)}"


def _few(values: tuple[str, ...]) -> str:
    """Some of the values, and how many there are."""
    some = [v if len(v) <= MOST_LETTERS else f"{v[:MOST_LETTERS]}…" for v in values[:MOST_VALUES]]
    rest = [f"… ({len(values)} different)"] if len(values) > MOST_VALUES else []
    return ", ".join([*some, *rest])


def _ranges(numbers: Iterable[int]) -> str:
    """Ascending numbers with their runs drawn together: `1–3, 7`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1] = [runs[-1][0], number]
        else:
            runs.append([number])
    return ", ".join("–".join(map(str, run)) for run in runs)
