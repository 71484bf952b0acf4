"""What a task is: prompt pairs, their splits, and the accuracy a model must have on it.

A pair holds two prompts of the same token length that differ in what the task is about. On `clean`
the right next token is `answer`; on `corrupt` it is `wrong`. Interventions take values from the
corrupt run, and behaviour is read as logit(answer) - logit(wrong).

Splits are disjoint in their clean prompts, so nothing that is fitted, ranked or chosen ever sees
a prompt it is later judged on.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum


class Split(StrEnum):
    """What a prompt may be used for."""

    FEATURES = "features"
    """Fits transcoders and reference means."""
    ATTRIBUTION = "attribution"
    """Builds attribution graphs."""
    LABELS = "labels"
    """Measures causal effects and names features."""
    SELECTION = "selection"
    """Chooses sizes and settings."""
    TEST = "test"
    """Looked at once, for the published figures."""
    OOD = "ood"
    """Out of distribution: reported beside the test split, never chosen on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptPair:
    """Two prompts of the same token length and the right next token of each."""

    clean: str
    """Prompt text, tokenised as written (no special token is added)."""
    corrupt: str
    """Counterfactual prompt of the same token length."""
    answer: str
    """Right next token of `clean`."""
    wrong: str
    """Right next token of `corrupt`; differs from `answer`."""
    variables: Mapping[str, int | float | str] = field(default_factory=dict)
    """Declared task variables of the clean prompt."""
    split: Split | None = None
    """Split the file puts this pair in, if it says."""
    answer_id: int | None = None
    """Vocabulary id of `answer` where the file gives ids instead of text (EAP-IG's CSV)."""
    wrong_id: int | None = None
    """Vocabulary id of `wrong`, likewise."""
    line: int = field(default=0, compare=False)
    """Line of the file it was read from, from 1; 0 where it was made in code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A behaviour to explain."""

    name: str
    """Short name, as in commands and addresses."""
    title: str
    """Name for people."""
    pairs: tuple[PromptPair, ...]
    """All prompt pairs."""
    splits: Mapping[Split, tuple[int, ...]]
    """Indices into `pairs`, ascending; every split is present, possibly empty."""
    gate: float
    """Least accuracy on the test split for a model to be explained on this task, in [0, 1]."""
    source: str
    """`bundled`, or the name of the file it was read from."""
    description: str = ""
    """What the task is and how its prompts were drawn."""
    roles: tuple[str, ...] = ()
    """Name of each aligned position, or empty where prompts have not been tokenised yet."""

    @property
    def key(self) -> str:
        """Sha256 of the prompts, splits and gate (not of names and descriptions)."""
        content = {
            "pairs": [asdict(pair) | {"line": 0} for pair in self.pairs],
            "splits": {split.value: list(self.splits.get(split, ())) for split in Split},
            "gate": self.gate,
        }
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def of(self, split: Split) -> tuple[PromptPair, ...]:
        """The pairs of one split, in file order."""
        return tuple(self.pairs[index] for index in self.splits.get(split, ()))
