"""What a person chooses about a run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.choices import DEFAULT_GUIDE, GUIDES, MAX_SIZE, NULLS, GuideName, Null
from core.circuit import Attention
from core.errors import SettingsError
from core.store import plain
from core.validation import ValidationSettings

BELOW_GATE: tuple[Null, ...] = ("untrained", "permuted-answers")
"""Nulls without a behaviour: they go on although they miss the gate."""
AFTERWARDS = ("draws", "null")
"""Settings that are read after the search only: a null has a model or a task of its own."""
NAMED: Mapping[str, tuple[str, ...]] = {
    "guide": GUIDES,
    "null": NULLS,
    "attention": tuple(Attention),
}
"""Settings that are chosen by name, and the names of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """One run of the whole pipeline."""

    size: int | None = None
    """Nodes of the circuit; None takes the smallest that reaches `aim` on the selection split."""
    max_size: int = MAX_SIZE
    """Largest size taken when `size` is None, in nodes."""
    aim: float = 0.975
    """F and φ wanted on the selection split, under resample and mean ablation both."""
    seed: int = 0
    """Seed of every random step."""
    graph_prompts: int = 64
    """Prompts of the attribution split whose graphs are pooled."""
    probe_prompts: int = 256
    """Prompts of the labels split that ablations in the search are measured on."""
    forwards: int = 2048
    """Circuits that may be run while whole supernodes are dropped; single nodes are ranked then."""
    refine_steps: int = 120
    """Steps of gate training at the chosen size."""
    branching: int = 4
    """Children of a supernode."""
    draws: int = 100
    """Random circuits per control."""
    attention: Attention = Attention.LIVE
    """Live: all heads are live and none is counted. Circuit: heads are nodes that the search
    chooses among; every other one is at its reference."""
    guide: GuideName = DEFAULT_GUIDE
    """What says, before anything is ablated, which nodes look important."""
    null: Null = "none"
    """A null run instead of a real one."""

    def __post_init__(self) -> None:
        for name, known in NAMED.items():
            if (value := getattr(self, name)) not in known:
                raise SettingsError(
                    f"Run setting {name} is {value!r}; it must be one of {', '.join(known)}. "
                    "Choose one of them."
                )
        for name in ("size", "max_size", "graph_prompts", "probe_prompts", "branching", "forwards"):
            value = getattr(self, name)
            if value is not None and value < (2 if name == "branching" else 1):
                raise SettingsError(
                    f"Run setting {name} is {value}; it must be at least "
                    f"{2 if name == 'branching' else 1}. Raise it."
                )
        _ = self.validation  # refuses too few draws
        if not 0 < self.aim <= 1:
            raise SettingsError(f"Run setting aim is {self.aim}; it must be in (0, 1]. Change it.")

    @property
    def of_search(self) -> dict[str, Any]:
        """The settings that what is found depends on: all but those of what is done with it."""
        return {name: value for name, value in plain(self).items() if name not in AFTERWARDS}

    @property
    def validation(self) -> ValidationSettings:
        """The part that says how hard the circuit is tested."""
        return ValidationSettings(draws=self.draws, seed=self.seed)
