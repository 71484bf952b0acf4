"""From numbers to a word and its reasons.

Thresholds stand in one place and are stated with every verdict. A circuit *holds* when, on unseen
prompts and with everything else ablated, it is sufficient (F and φ ≥ 0.9, better than every but 1 %
of matched random circuits, none of which reaches F 0.9 itself, from a floor that is not already the
answer) and necessary (without it, at most half of the model's margin is left, and less than without
any matched random circuit) under resample and mean ablation both. What falls short is named by the
first rule that applies, and the paper's failure signatures are tested: the errors back on (dark
matter), a floor or a bottleneck, sites at which almost any features do, a dictionary that is too
small.

A circuit is *rejected* where there is nothing to explain: the model does not do the task, or
ablating everything hardly moves its answers. Every other condition is looked at all the same and
told, so that a null shows what would have stopped it had it come past that.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from core.verdicts import Verdict, figure, probability

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
UNEXPLAINED = 0.25
"""FVU above which a larger dictionary or k comes before anything else."""
ERRORS = {
    "kept": "the transcoders' errors kept as on the clean prompt",
    "live": "the transcoders' errors recomputed as it runs",
}
"""How the complement of a circuit runs, by the block's `necessity_errors`."""


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


class Judgement(NamedTuple):
    """A verdict and why."""

    verdict: Verdict
    reasons: tuple[str, ...]
    """Sentences, the deciding one first."""
    failed: Mapping[str, tuple[str, ...]]
    """Conditions not met: of the model (`gate`, `span`), and of each ablation (`faithfulness`,
    `phi`, `random`, `floor`, `necessity`)."""


def judge(evidence: Evidence) -> Judgement:
    """The verdict for a circuit; see the module docstring for the rules."""
    refusals = _nothing_to_explain(evidence)
    sentences = tuple(_sentence(block) for block in evidence.blocks)
    unmet = {block["ablation"]: tuple(_unmet(block)) for block in evidence.blocks}
    failed = {"model": tuple(refusals), **unmet}
    if refusals:
        beyond = tuple(_beyond(block) for block in evidence.blocks)
        reasons = (*refusals.values(), *beyond, *sentences)
        return Judgement(Verdict.REJECTED, reasons, failed)
    verdict = _word(evidence, list(unmet.values()))
    return Judgement(verdict, (*sentences, *_diagnosis(evidence, verdict)), failed)


def _nothing_to_explain(evidence: Evidence) -> dict[str, str]:
    """Why there is nothing for a circuit to be faithful to, by condition."""
    found = {}
    if evidence.accuracy < evidence.gate:
        found["gate"] = (
            f"The model answers {evidence.accuracy:.2f} of the prompts right; at least "
            f"{evidence.gate:.2f} is required for a circuit to mean anything."
        )
    if not evidence.span_ci_low > evidence.smallest_span:
        found["span"] = (
            "Ablating everything does not reliably move the model's margin by more than "
            f"{evidence.smallest_span:.3g} logits, a tenth of its own spread (lower end of the "
            f"interval: {evidence.span_ci_low:z.3g}): F is not measurable, and there is nothing "
            "for a circuit to be faithful to."
        )
    return found


def _unmet(block: Mapping[str, Any]) -> list[str]:
    """The conditions of a circuit that holds which this block does not meet."""
    met = {
        "faithfulness": _of(block, "faithfulness") >= SUFFICIENT,
        "phi": _of(block, "phi") >= SUFFICIENT,
        "random": block["random"]["p_value"] < SIGNIFICANT
        and not _of(block["random"], "faithfulness_max") >= SUFFICIENT,
        "floor": _of(block, "phi_empty") <= FLOOR * _of(block, "phi") or _at_chance(block),
        "necessity": _of(block, "necessity") >= NECESSARY
        and not _of_features(block) <= _of(block["random"], "necessity_max"),
    }
    return [name for name, fine in met.items() if not fine]


def _at_chance(block: Mapping[str, Any]) -> bool:
    """Whether nothing kept is right no more often than the commonest answer would be."""
    chance, n = _of(block, "chance"), block.get("n_prompts") or 1
    if not chance <= FLOOR:
        return False
    return _of(block, "accuracy_empty") <= chance + ABOVE_CHANCE * math.sqrt(
        chance * (1 - chance) / n
    )


def _word(evidence: Evidence, unmet: list[tuple[str, ...]]) -> Verdict:
    sufficient = [not set(names) - {"necessity"} for names in unmet]
    necessary = ["necessity" not in names for names in unmet]
    low, high = (_real(end) for end in evidence.blocks[0]["faithfulness_ci"])
    if all(sufficient):
        return Verdict.HOLDS if all(necessary) else Verdict.SUFFICIENT_NOT_NECESSARY
    if low < PARTLY and high >= SUFFICIENT:
        return Verdict.UNDECIDED
    if any(sufficient) or all(map(_partly, evidence.blocks)):
        return Verdict.HOLDS_IN_PART
    if all(set(names) <= {"random", "necessity"} for names in unmet):
        return Verdict.NOT_SPECIFIC
    return Verdict.NECESSARY_NOT_SUFFICIENT if all(necessary) else Verdict.DOES_NOT_HOLD


def _of_features(block: Mapping[str, Any]) -> float:
    """The necessity that random circuits are measured by: of features, heads apart."""
    return _of(block, "necessity_features" if "necessity_features" in block else "necessity")


def _partly(block: Mapping[str, Any]) -> bool:
    """Most of the margin and of the right answers, by more than luck."""
    kept = min(_of(block, "faithfulness"), _of(block, "phi"))
    return kept >= PARTLY and block["random"]["p_value"] < SIGNIFICANT


def _beyond(block: Mapping[str, Any]) -> str:
    """What else would have stopped a rejected circuit."""
    names = _unmet(block)
    said = {
        "faithfulness": f"F {_measured(block, 'faithfulness')} ({SUFFICIENT} is required)",
        "phi": f"φ {_measured(block, 'phi')} ({SUFFICIENT} is required)",
        "random": f"p {probability(block['random']['p_value'])} against random circuits (below "
        f"{SIGNIFICANT} is required), the best of which has F "
        f"{_measured(block['random'], 'faithfulness_max')} (below {SUFFICIENT} is required)",
        "floor": f"φ {_measured(block, 'phi_empty')} with nothing kept (at most half of the "
        "circuit's is allowed, or what the commonest answer has)",
        "necessity": f"necessity {_measured(block, 'necessity')} ({NECESSARY} is required, and"
        f"{_apart(block)} more than the best random circuit's "
        f"{_measured(block['random'], 'necessity_max')})",
    }
    if not names:
        return f"Apart from that, under {block['ablation']} ablation it meets every condition."
    return (
        f"Apart from that, under {block['ablation']} ablation it would fail by "
        f"{'; '.join(said[name] for name in names)}."
    )


def _apart(block: Mapping[str, Any]) -> str:
    if "necessity_features" not in block:
        return ""
    return f" of its features ({_measured(block, 'necessity_features')})"


def _measured(block: Mapping[str, Any], name: str) -> str:
    return "not measurable" if math.isnan(_of(block, name)) else figure(block[name])


def _sentence(block: dict[str, Any]) -> str:
    random = block["random"]
    errors = ERRORS[block.get("necessity_errors", "kept")]
    return (
        f"Under {block['ablation']} ablation {block['n_nodes']} nodes alone keep F "
        f"{figure(block['faithfulness'])} of the margin and φ {figure(block['phi'])} of the right "
        f"answers (nothing kept: φ {figure(block['phi_empty'])}{_chance(block)}; best of "
        f"{random['n']} matched random circuits: F {figure(random['faithfulness_max'])}, p = "
        f"{probability(random['p_value'])}{_unsearched(block)}); without them, {errors}, "
        f"{figure(1 - _of(block, 'necessity'))} of the margin is left{_without_random(block)}."
    )


def _chance(block: Mapping[str, Any]) -> str:
    high = _of(block, "phi_empty") > FLOOR * _of(block, "phi")
    return ", no more than the commonest answer has" if high and _at_chance(block) else ""


def _unsearched(block: Mapping[str, Any]) -> str:
    plain = block.get("plain")
    if not plain:
        return ""
    return (
        f"; at the same sites the dictionary's first features: F "
        f"{figure(plain['first']['faithfulness'])}, the most active: F "
        f"{figure(plain['most_active']['faithfulness'])}"
    )


def _without_random(block: Mapping[str, Any]) -> str:
    most = block["random"].get("necessity_max")
    if most is None:
        return ""
    if "necessity_features" not in block:
        return f" (without a random circuit: {figure(1 - most)} or more)"
    return (
        f" (without its features but with all heads: {figure(1 - _of_features(block))}; without a "
        f"random circuit's features: {figure(1 - most)} or more)"
    )


def _of(block: Mapping[str, Any], name: str) -> float:
    """A figure of a block; NaN, which passes no threshold, where it is missing or null."""
    return _real(block.get(name))


def _real(number: float | None) -> float:
    return math.nan if number is None else number


def _diagnosis(evidence: Evidence, verdict: Verdict) -> tuple[str, ...]:
    """The paper's failure signatures (its section on limits), each tested, not guessed."""
    first = evidence.blocks[0]
    found = _no_choice(first)
    if verdict is Verdict.HOLDS:
        return tuple(found)
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
        if "floor" in _unmet(block) and _of(block, "phi_empty") > 0:
            found.append(
                f"Under {block['ablation']} ablation nothing kept already scores φ "
                f"{figure(block['phi_empty'])}: accuracy has a floor there and says little; read F."
            )
        if _of(block["random"], "faithfulness_max") >= SUFFICIENT:
            found.append(
                f"Under {block['ablation']} ablation a matched random circuit keeps F "
                f"{figure(block['random']['faithfulness_max'])}: these layers and positions carry "
                "the behaviour, but nearly any of their features would do."
            )
    return tuple(found)


def _no_choice(block: Mapping[str, Any]) -> list[str]:
    """A caution, not a condition: the circuit may be right and yet need no search."""
    words = {"first": "The dictionary's first features", "most_active": "The most active features"}
    plain = block.get("plain") or {}
    kept = {name: _of(plain.get(name) or {}, "faithfulness") for name in words}
    name = max(kept, key=lambda one: -math.inf if math.isnan(kept[one]) else kept[one])
    if not kept[name] >= SUFFICIENT:
        return []
    return [
        f"{words[name]} of the same sites, as many at each, keep F {figure(kept[name])} already: "
        "what was found is where and how many, more than which."
    ]
