"""Which (model, task, dictionary) there are to learn from: all that is bundled at the moment."""

from collections.abc import Sequence
from typing import NamedTuple

from core.assets import TRANSCODERS
from core.choices import COMMON_KINDS
from core.models import bundled_models
from core.transcoders.files import CONFIG
from core.zoo.catalogue import members


class Pair(NamedTuple):
    """One model on the task it was trained for, seen through one dictionary."""

    model: str
    """Bundled name."""
    task: str
    """Bundled name."""
    kind: str
    """Of dictionary."""
    family: str
    """Architecture: gpt2, neox or llama."""
    size: str
    """Of the model among its family's for this task."""

    @property
    def name(self) -> str:
        """MODEL.KIND, unique among the bundled pairs."""
        return f"{self.model}.{self.kind}"

    @property
    def architecture(self) -> str:
        """What is left out together in leave-one-model-out: family and size."""
        return f"{self.family}-{self.size}"


def bundled_pairs(kinds: Sequence[str] = COMMON_KINDS) -> tuple[Pair, ...]:
    """Every model of the catalogue that is there with a dictionary of one of these kinds."""
    there = set(bundled_models())
    return tuple(
        Pair(model=row.name, task=row.task, kind=kind, family=row.family, size=row.size)
        for row in members()
        for kind in kinds
        if row.name in there and (TRANSCODERS / row.name / kind / CONFIG).is_file()
    )
