"""The verdicts of validation and the regimes it measures in, and how they are put in words.

Only words and tones stand here, for engine, CLI, report and app alike; marks and colours belong to
whoever draws.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal, NamedTuple


class Verdict(StrEnum):
    """What the tests say, in one word; `core.validation.judge` has the rules."""

    HOLDS = "holds"
    HOLDS_IN_PART = "holds_in_part"
    SUFFICIENT_NOT_NECESSARY = "sufficient_not_necessary"
    NECESSARY_NOT_SUFFICIENT = "necessary_not_sufficient"
    NOT_SPECIFIC = "not_specific"
    """Sufficient, but random features of the same sites are as well."""
    DOES_NOT_HOLD = "does_not_hold"
    REJECTED = "rejected"
    """A null, or a model that does not show the behaviour: nothing to explain, as expected."""
    UNDECIDED = "undecided"


class Shown(NamedTuple):
    """How a verdict is shown: never by its tone alone."""

    word: str
    tone: Literal["ok", "warn", "bad", "idle"]


VERDICTS: Mapping[str, Shown] = {
    Verdict.HOLDS.value: Shown("Holds", "ok"),
    Verdict.HOLDS_IN_PART.value: Shown("Holds in part", "warn"),
    Verdict.SUFFICIENT_NOT_NECESSARY.value: Shown("Sufficient, not necessary", "warn"),
    Verdict.NECESSARY_NOT_SUFFICIENT.value: Shown("Necessary, not sufficient", "warn"),
    Verdict.NOT_SPECIFIC.value: Shown("Sufficient, not specific", "warn"),
    Verdict.DOES_NOT_HOLD.value: Shown("Does not hold", "bad"),
    Verdict.REJECTED.value: Shown("Rejected, as expected", "idle"),
    Verdict.UNDECIDED.value: Shown("Undecided", "idle"),
}
"""Every verdict as files spell it, the best first."""
SPLITS = {"test": "unseen prompts", "ood": "other distribution", "selection": "search prompts"}
"""Which prompts a block of figures stands on."""
ERRORS = {
    "ablated": "as the rest",
    "kept": "of the full run",
    "resample": "resampled",
    "mean": "their mean",
    "zero": "zero",
}
"""What becomes of the errors that a dictionary leaves, by treatment, in the order of a table."""


def rank_of(verdict: str) -> int:
    """Place in the order of `VERDICTS`, 0 the best; one that nobody knows comes after all."""
    known = tuple(VERDICTS)
    return known.index(verdict) if verdict in known else len(known)


def verdict_shown(verdict: str) -> Shown:
    """Word and tone of a verdict; an unknown one keeps its own text."""
    return VERDICTS.get(verdict, Shown(verdict.replace("_", " "), "idle"))
