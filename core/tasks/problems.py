"""Collects everything wrong with a task file, to be told at once.

1. A reason is a form of words and the values that stand in it: `answer {} is not in the
   vocabulary` and `'9'`.
2. A few bad places are told one by one, each with its reasons.
3. Many are told rule by rule. A rule names its commonest values and its first places, as ranges:
   a file made for another model breaks one rule on every line.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from core.errors import TaskError

SINGLY = 10
"""Up to so many bad places are told one by one."""
MOST_VALUES = 5
"""Values told of one reason."""
MOST_RANGES = 6
"""Ranges of places told of one rule."""
MOST_LETTERS = 120
"""Letters told of one value."""


class Reason(NamedTuple):
    """Why a prompt pair cannot be used."""

    form: str
    """Words with one `{}` where the values go, or with none."""
    values: tuple[str, ...] = ()
    """What differs from place to place, e.g. words of the prompt; untrusted text."""
    rule: str = ""
    """The form where many places are told at once; reasons of one rule are told together."""

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
        total = len({*sound, *(number for _, number in places)})
        shown = self._singly(places) if len(places) <= SINGLY else self._by_rule(places, total)
        unit = places[0][0] + ("s" if total > 1 else "")
        head = f"{what}: {len(places):,} of {total:,} {unit} cannot be used."
        raise TaskError("\n".join((head, *shown, required)))

    def _singly(self, places: list[tuple[str, int]]) -> Iterator[str]:
        for unit, number in places:
            yield f"  {unit} {number}: {'; '.join(map(str, self._reasons[unit, number]))}"

    def _by_rule(self, places: list[tuple[str, int]], total: int) -> Iterator[str]:
        """Each rule with the places that break it, the one that most of them break first."""
        rules: dict[str, dict[tuple[str, int], list[str]]] = defaultdict(dict)
        for place in places:
            for reason in self._reasons[place]:
                rules[reason.rule or reason.form].setdefault(place, []).extend(reason.values)
        for form, broken in sorted(rules.items(), key=lambda rule: -len(rule[1])):
            values = Counter(value for found in broken.values() for value in dict.fromkeys(found))
            often = tuple(value for value, _ in values.most_common())
            unit = next(iter(broken))[0] + ("s" if len(broken) > 1 else "")
            numbers = [number for _, number in broken]
            where = f"all {total:,} {unit}" if len(broken) == total else _where(unit, numbers)
            yield f"  {Reason(form, often)}: {where}"


def _few(values: tuple[str, ...]) -> str:
    """Some of the values, and how many there are."""
    some = [v if len(v) <= MOST_LETTERS else f"{v[:MOST_LETTERS]}…" for v in values[:MOST_VALUES]]
    rest = [f"… ({len(values)} different)"] if len(values) > MOST_VALUES else []
    return ", ".join([*some, *rest])


def _where(unit: str, numbers: Sequence[int]) -> str:
    """Ascending numbers, their runs drawn together, and of many the first: `lines 1–3, 7`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1] = [runs[-1][0], number]
        else:
            runs.append([number])
    some = ", ".join("–".join(map(str, run)) for run in runs[:MOST_RANGES])
    rest = sum(run[-1] - run[0] + 1 for run in runs[MOST_RANGES:])
    return f"{unit} {some}" + (f" and {rest:,} more" if rest else "")
