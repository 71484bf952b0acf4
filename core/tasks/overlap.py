"""Prompts that several splits share, through their corrupt sides.

Splits are disjoint in their clean prompts. A corrupt prompt is a prompt too: interventions take
values from it, and where it is also a clean or corrupt prompt of another split, that split has
seen part of what this one is judged on. Nothing here forbids it; it is counted and said.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from core.tasks.task import Split, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """How many pairs of each split have a prompt, clean or corrupt, that another split has too."""

    shared: Mapping[Split, int]
    """Pairs by split; every split that has pairs is present."""
    total: Mapping[Split, int]
    """All pairs of these splits."""

    @property
    def any(self) -> bool:
        """Whether any split shares a prompt."""
        return any(self.shared.values())

    def sentence(self, split: Split = Split.TEST) -> str:
        """What a reader of this split's figures should know; empty where it shares nothing."""
        shared = self.shared.get(split, 0)
        if not shared:
            return ""
        return (
            f"{shared} of the {self.total[split]} {split.value} pairs have a prompt, clean or "
            "corrupt, that is in another split too: part of what the circuit is judged on was seen "
            "in finding it."
        )

    def as_json(self) -> dict[str, int]:
        """Shared pairs by name of the split."""
        return {split.value: count for split, count in self.shared.items()}


def overlap(task: Task) -> Overlap:
    """Counts the prompts that a task's splits share."""
    texts = {
        split: {text for pair in task.of(split) for text in (pair.clean, pair.corrupt)}
        for split in Split
        if task.of(split)
    }
    shared = {}
    for split in texts:
        others = set().union(*(found for other, found in texts.items() if other is not split))
        shared[split] = sum(not others.isdisjoint((p.clean, p.corrupt)) for p in task.of(split))
    return Overlap(shared=shared, total={split: len(task.of(split)) for split in texts})
