"""Collects everything wrong with a task file, to be told at once."""

from collections import defaultdict

from core.errors import TaskError

DETAILED = 100
"""Lines shown with their reasons; of any further ones only the numbers are given."""


class Problems:
    """Reasons by place (`line 7`, `pair 3`), in the order found."""

    def __init__(self) -> None:
        self._reasons: dict[tuple[str, int], list[str]] = defaultdict(list)

    def add(self, unit: str, number: int, reason: str) -> None:
        """Notes one reason against `unit number`, e.g. `line 7`."""
        self._reasons[unit, number].append(reason)

    def raise_if_any(self, what: str, required: str) -> None:
        """Raises one TaskError that lists every place noted.

        Args:
            what: The file or prompts that were read.
            required: The rule and the way out, as full sentences.
        """
        if not self._reasons:
            return
        places = sorted(self._reasons)
        shown = [f"  {u} {n}: {'; '.join(self._reasons[u, n])}" for u, n in places[:DETAILED]]
        rest = ", ".join(str(number) for _, number in places[DETAILED:])
        if rest:
            shown.append(f"  and likewise {places[-1][0]}s {rest}")
        count = f"{len(places)} {places[0][0]}{'s' if len(places) > 1 else ''}"
        raise TaskError("\n".join((f"{what}: {count} cannot be used.", *shown, required)))
