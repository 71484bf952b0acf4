"""From numbers to a word.

Thresholds stand in one place and are stated with every verdict. A circuit *holds* when, on unseen
prompts and with everything else ablated, it is sufficient (F and φ ≥ 0.9, better than every but 1 %
of matched random circuits, none of which reaches F 0.9 itself, from a floor that is not already the
answer) and necessary (without it, at most half of the model's margin is left, and less than without
any matched random circuit) under resample and mean ablation both. What falls short is named by the
first rule that applies. `judgement` says why, and what is rejected before any of this.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from core.figures import figure_of, or_nan
from core.verdicts import Verdict

SUFFICIENT = 0.9
"""Least F and φ of a sufficient circuit."""
PARTLY = 0.7
"""Least F and φ of one that holds in part."""
NECESSARY = 0.5
"""Least necessity, 1 − F of everything but the circuit. It must beat that of every matched random
circuit as well (that of its features, where heads are nodes): where many features share the work,
taking out any of them costs much."""
SIGNIFICANT = 0.01
"""Largest p against matched random circuits. None of them may reach `SUFFICIENT` either: where
random features of the same sites do as well, the sites are found but not the features."""
FLOOR = 0.5
"""Largest φ(∅) / φ(C) for accuracy to mean anything, unless it is chance: where one answer is right
in up to this share of the prompts, always giving it is all that φ(∅) may amount to."""
ABOVE_CHANCE = 2.0
"""Standard errors of that share by which φ(∅) may pass it."""


class Evidence(NamedTuple):
    """What a verdict is read from."""

    accuracy: float
    """The model's own accuracy on the split."""
    gate: float
    """Least accuracy for a circuit to mean anything."""
    span_ci_low: float
    """Lower end of the interval of m(M) − m(∅), in logits, resample ablation."""
    smallest_span: float
    """The least m(M) − m(∅) by which F can be measured, in logits."""
    blocks: tuple[dict[str, Any], ...]
    """Strict blocks of `validation.json`: resample first, then mean."""
    errors_kept: float
    """F with clean errors back on, resample; NaN where F cannot be computed."""
    worst_fvu: float | None
    """Largest FVU over layers, where it was measured."""


def word_of(evidence: Evidence, failed: list[tuple[str, ...]]) -> Verdict:
    """The verdict, by the conditions that each block fails."""
    sufficient = [not set(names) - {"necessity"} for names in failed]
    necessary = ["necessity" not in names for names in failed]
    low, high = (or_nan(end) for end in evidence.blocks[0]["faithfulness_ci"])
    if all(sufficient):
        return Verdict.HOLDS if all(necessary) else Verdict.SUFFICIENT_NOT_NECESSARY
    if low < PARTLY and high >= SUFFICIENT:
        return Verdict.UNDECIDED
    if any(sufficient) or all(map(_partly, evidence.blocks)):
        return Verdict.HOLDS_IN_PART
    if all(set(names) <= {"random", "necessity"} for names in failed):
        return Verdict.NOT_SPECIFIC
    return Verdict.NECESSARY_NOT_SUFFICIENT if all(necessary) else Verdict.DOES_NOT_HOLD


def unmet(block: Mapping[str, Any]) -> list[str]:
    """The conditions of a circuit that holds which this block does not meet."""
    met = {
        "faithfulness": figure_of(block, "faithfulness") >= SUFFICIENT,
        "phi": figure_of(block, "phi") >= SUFFICIENT,
        "random": block["random"]["p_value"] < SIGNIFICANT
        and not figure_of(block["random"], "faithfulness_max") >= SUFFICIENT,
        "floor": figure_of(block, "phi_empty") <= FLOOR * figure_of(block, "phi")
        or at_chance(block),
        "necessity": figure_of(block, "necessity") >= NECESSARY
        and not necessity_of_features(block) <= figure_of(block["random"], "necessity_max"),
    }
    return [name for name, fine in met.items() if not fine]


def at_chance(block: Mapping[str, Any]) -> bool:
    """Whether nothing kept is right no more often than the commonest answer would be."""
    chance, n = figure_of(block, "chance"), block.get("n_prompts") or 1
    if not chance <= FLOOR:
        return False
    return figure_of(block, "accuracy_empty") <= chance + ABOVE_CHANCE * math.sqrt(
        chance * (1 - chance) / n
    )


def necessity_of_features(block: Mapping[str, Any]) -> float:
    """The necessity that random circuits are measured by: of features, heads apart."""
    return figure_of(block, "necessity_features" if "necessity_features" in block else "necessity")


def _partly(block: Mapping[str, Any]) -> bool:
    """Most of the margin and of the right answers, by more than luck."""
    kept = min(figure_of(block, "faithfulness"), figure_of(block, "phi"))
    return kept >= PARTLY and block["random"]["p_value"] < SIGNIFICANT
