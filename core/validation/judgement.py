"""A verdict with its reasons in sentences.

1. A circuit is *rejected* where there is nothing to explain: the model does not do the task, or
   ablating everything hardly moves its answers. Every other condition is looked at all the same and
   told, so that a null shows what would have stopped it had it come past that.
2. Else the word is read from the figures (`verdict`), and each ablation's figures are told.
3. The paper's failure signatures are tested: the errors back on (dark matter), a floor or a
   bottleneck, sites at which almost any features do, a dictionary that is too small.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from core.figures import figure, figure_of, probability
from core.validation.verdict import (
    FLOOR,
    NECESSARY,
    SIGNIFICANT,
    SUFFICIENT,
    Evidence,
    at_chance,
    necessity_of_features,
    unmet,
    word_of,
)
from core.verdicts import Verdict

UNEXPLAINED = 0.25
"""FVU above which a larger dictionary or k comes before anything else."""
ERRORS = {
    "kept": "the transcoders' errors kept as on the clean prompt",
    "live": "the transcoders' errors recomputed as it runs",
}
"""How the complement of a circuit runs, by the block's `necessity_errors`."""


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
    conditions = {block["ablation"]: tuple(unmet(block)) for block in evidence.blocks}
    failed = {"model": tuple(refusals), **conditions}
    if refusals:
        beyond = tuple(_beyond(block) for block in evidence.blocks)
        reasons = (*refusals.values(), *beyond, *sentences)
        return Judgement(Verdict.REJECTED, reasons, failed)
    verdict = word_of(evidence, list(conditions.values()))
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


def _beyond(block: Mapping[str, Any]) -> str:
    """What else would have stopped a rejected circuit."""
    names = unmet(block)
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
    return "not measurable" if math.isnan(figure_of(block, name)) else figure(block[name])


def _sentence(block: dict[str, Any]) -> str:
    random = block["random"]
    errors = ERRORS[block.get("necessity_errors", "kept")]
    return (
        f"Under {block['ablation']} ablation {block['n_nodes']} nodes alone keep F "
        f"{figure(block['faithfulness'])} of the margin and φ {figure(block['phi'])} of the right "
        f"answers (nothing kept: φ {figure(block['phi_empty'])}{_chance(block)}; best of "
        f"{random['n']} matched random circuits: F {figure(random['faithfulness_max'])}, p = "
        f"{probability(random['p_value'])}{_unsearched(block)}); without them, {errors}, "
        f"{figure(1 - figure_of(block, 'necessity'))} of the margin is left"
        f"{_without_random(block)}."
    )


def _chance(block: Mapping[str, Any]) -> str:
    high = figure_of(block, "phi_empty") > FLOOR * figure_of(block, "phi")
    return ", no more than the commonest answer has" if high and at_chance(block) else ""


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
        f" (without its features but with all heads: "
        f"{figure(1 - necessity_of_features(block))}; without a random circuit's features: "
        f"{figure(1 - most)} or more)"
    )


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
    if evidence.errors_kept - figure_of(first, "faithfulness") > 0.1:
        found.append(
            f"With the transcoders' errors back on F rises to {evidence.errors_kept:.2f}: part of "
            "the behaviour rides on dark matter."
        )
    for block in evidence.blocks:
        if "floor" in unmet(block) and figure_of(block, "phi_empty") > 0:
            found.append(
                f"Under {block['ablation']} ablation nothing kept already scores φ "
                f"{figure(block['phi_empty'])}: accuracy has a floor there and says little; read F."
            )
        if figure_of(block["random"], "faithfulness_max") >= SUFFICIENT:
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
    kept = {name: figure_of(plain.get(name) or {}, "faithfulness") for name in words}
    name = max(kept, key=lambda one: -math.inf if math.isnan(kept[one]) else kept[one])
    if not kept[name] >= SUFFICIENT:
        return []
    return [
        f"{words[name]} of the same sites, as many at each, keep F {figure(kept[name])} already: "
        "what was found is where and how many, more than which."
    ]
