"""From numbers to a word and its reasons.

Thresholds stand in one place and are stated with every verdict. A circuit *holds* when, on unseen
prompts and with everything else ablated, it is sufficient (F and φ ≥ 0.9, better than every but 1 %
of matched random circuits, from a floor that is not already the answer) and necessary (without
it, at most half of the model's margin is left) under resample and mean ablation both. What falls
short is named by the first rule that applies, and the paper's failure signatures are tested: the
errors back on (dark matter), a floor or a bottleneck, a dictionary that is too small.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from core.validation.metrics import SMALLEST_SPAN
from core.verdicts import Verdict, figure

SUFFICIENT = 0.9
"""Least F and φ of a sufficient circuit."""
PARTLY = 0.7
"""Least F of one that holds in part."""
NECESSARY = 0.5
"""Least necessity, 1 − F of everything but the circuit."""
SIGNIFICANT = 0.01
"""Largest p against matched random circuits."""
FLOOR = 0.5
"""Largest φ(∅) / φ(C) for accuracy to mean anything."""
UNEXPLAINED = 0.25
"""FVU above which a larger dictionary or k comes before anything else."""


class Evidence(NamedTuple):
    """What a verdict is read from."""

    accuracy: float
    """The model's own accuracy on the split."""
    gate: float
    """Least accuracy for a circuit to mean anything."""
    span_ci_low: float
    """Lower end of the interval of m(M) − m(∅), in logits, resample ablation."""
    blocks: tuple[dict[str, Any], ...]
    """Strict blocks of `validation.json`: resample first, then mean."""
    errors_kept: float
    """F with clean errors back on, resample; NaN where F cannot be computed."""
    worst_fvu: float | None
    """Largest FVU over layers, where it was measured."""


class Judgement(NamedTuple):
    """A verdict and why."""

    verdict: Verdict
    reasons: tuple[str, ...]
    """Sentences, the deciding one first."""


def judge(evidence: Evidence) -> Judgement:
    """The verdict for a circuit; see the module docstring for the rules."""
    refusal = _nothing_to_explain(evidence)
    sentences = tuple(_sentence(block) for block in evidence.blocks)
    if refusal:
        return Judgement(Verdict.REJECTED, (refusal, *sentences))
    sufficient = [_sufficient(block) for block in evidence.blocks]
    necessary = [_of(block, "necessity") >= NECESSARY for block in evidence.blocks]
    verdict = _word(evidence, sufficient, necessary)
    return Judgement(verdict, (*sentences, *_diagnosis(evidence, verdict)))


def _nothing_to_explain(evidence: Evidence) -> str | None:
    if evidence.accuracy < evidence.gate:
        return (
            f"The model answers {evidence.accuracy:.2f} of the prompts right; at least "
            f"{evidence.gate:.2f} is required for a circuit to mean anything."
        )
    if not evidence.span_ci_low > SMALLEST_SPAN:
        return (
            "The model's margin is not reliably larger than that of its empty circuit, so there is "
            "nothing for a circuit to be faithful to."
        )
    return None


def _sufficient(block: dict[str, Any]) -> bool:
    return (
        _of(block, "faithfulness") >= SUFFICIENT
        and _of(block, "phi") >= SUFFICIENT
        and block["random"]["p_value"] < SIGNIFICANT
        and _of(block, "phi_empty") <= FLOOR * _of(block, "phi")
    )


def _word(evidence: Evidence, sufficient: list[bool], necessary: list[bool]) -> Verdict:
    low, high = (_real(end) for end in evidence.blocks[0]["faithfulness_ci"])
    if all(sufficient):
        return Verdict.HOLDS if all(necessary) else Verdict.SUFFICIENT_NOT_NECESSARY
    if low < PARTLY and high >= SUFFICIENT:
        return Verdict.UNDECIDED
    partly = [
        _of(block, "faithfulness") >= PARTLY and block["random"]["p_value"] < SIGNIFICANT
        for block in evidence.blocks
    ]
    if any(sufficient) or all(partly):
        return Verdict.HOLDS_IN_PART
    return Verdict.NECESSARY_NOT_SUFFICIENT if all(necessary) else Verdict.DOES_NOT_HOLD


def _sentence(block: dict[str, Any]) -> str:
    random = block["random"]
    return (
        f"Under {block['ablation']} ablation {block['n_nodes']} nodes alone keep F "
        f"{figure(block['faithfulness'])} of the margin and φ {figure(block['phi'])} of the right "
        f"answers (nothing kept: φ {figure(block['phi_empty'])}; best of {random['n']} matched "
        f"random circuits: F {figure(random['faithfulness_max'])}, p {random['p_value']:.4f}); "
        f"without them {figure(1 - _of(block, 'necessity'))} of the margin is left."
    )


def _of(block: Mapping[str, Any], name: str) -> float:
    """A figure of a block; NaN, which passes no threshold, where it could not be computed."""
    return _real(block[name])


def _real(number: float | None) -> float:
    return math.nan if number is None else number


def _diagnosis(evidence: Evidence, verdict: Verdict) -> tuple[str, ...]:
    """The paper's failure signatures (its section on limits), each tested, not guessed."""
    if verdict is Verdict.HOLDS:
        return ()
    first = evidence.blocks[0]
    found = []
    if evidence.worst_fvu is not None and evidence.worst_fvu > UNEXPLAINED:
        found.append(
            f"The dictionary leaves {evidence.worst_fvu:.0%} of an MLP's variance unexplained; a "
            "larger dictionary or k comes before anything else."
        )
    if evidence.errors_kept - _of(first, "faithfulness") > 0.1:
        found.append(
            f"With the transcoders' errors back on F rises to {evidence.errors_kept:.2f}: part of "
            "the behaviour rides on dark matter."
        )
    for block in evidence.blocks:
        if _of(block, "phi_empty") > FLOOR * max(_of(block, "phi"), 1e-9):
            found.append(
                f"Under {block['ablation']} ablation nothing kept already scores φ "
                f"{block['phi_empty']:.2f}: accuracy has a floor there and says little; read F."
            )
    return tuple(found)
