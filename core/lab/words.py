"""What a comparison with random selections says, in words."""

import math
from collections.abc import Mapping

from core.lab.contents import Claim, Comparison
from core.validation.metrics import LEAST_BEYOND, LEVEL

LEAST_LOSS = 0.1
"""A claim of necessity needs at least this much F lost, beside p and the distance from chance."""
LEAST_KEPT = 0.5
"""And one of sufficiency at least this much F kept alone."""
NEARLY_THE_SAME = 0.5
"""Share of the random selections' nodes that are the selection's own, above which they say little.
"""
LEAST_MATCHED = 0.25
"""Share of the random selections' nodes that must be matched; below it no claim is shown."""
UNMATCHED = "hardly any matched selection exists"
"""Said of what is undecided for want of them."""
NOTHING = (
    "On these prompts the model's margin is no larger than that of its empty circuit: there is "
    "nothing to be faithful to, and F cannot be computed."
)
"""Said in place of figures on a null."""

_VERDICTS: Mapping[tuple[Claim, Claim], str] = {
    ("shown", "shown"): "Necessary and sufficient.",
    ("shown", "not shown"): "Necessary, not sufficient.",
    ("shown", "undecided"): "Necessary; sufficiency undecided.",
    ("not shown", "shown"): "Sufficient, not necessary.",
    ("not shown", "not shown"): "Neither necessary nor sufficient.",
    ("not shown", "undecided"): "Not necessary; sufficiency undecided.",
    ("undecided", "shown"): "Sufficient; necessity undecided.",
    ("undecided", "not shown"): "Not sufficient; necessity undecided.",
    ("undecided", "undecided"): "Undecided.",
}
"""By necessity and sufficiency."""


def verdict(necessity: Comparison, sufficiency: Comparison) -> str:
    """The two claims as one short sentence, with its reason where hardly any draw is matched."""
    if not math.isfinite(necessity.value):
        return "Nothing to compare."
    said = _VERDICTS[necessity.claim, sufficiency.claim]
    if any(is_unmatched(one) for one in (necessity, sufficiency)):
        return f"{said.removesuffix('.')}: {UNMATCHED}."
    return said


def is_unmatched(figure: Comparison) -> bool:
    """Whether a figure is undecided because hardly any random selection is like it."""
    return figure.claim == "undecided" and figure.matched < LEAST_MATCHED


def sentence(necessity: Comparison, sufficiency: Comparison, *, overlap: float) -> str:
    """The verdict and the figures behind it."""
    if not math.isfinite(necessity.value):
        return NOTHING
    parts = [
        verdict(necessity, sufficiency),
        f"Ablating it costs {necessity.value:.2f} of F; {_against(necessity, 'cost', LEAST_LOSS)}.",
        f"Alone it keeps {sufficiency.value:.2f} of F; "
        f"{_against(sufficiency, 'keep', LEAST_KEPT)}.",
    ]
    if overlap > NEARLY_THE_SAME:
        parts.append(
            "It is most of what can be drawn, so random selections are nearly the same nodes and "
            "the comparison says little."
        )
    return " ".join(parts)


def _against(figure: Comparison, verb: str, least: float) -> str:
    """How the random selections do, whether they are matched at all, and what is too near them."""
    draws = len(figure.random)
    as_much = round(figure.p_value * (draws + 1)) - 1
    rival = "none" if as_much == 0 else f"{as_much}"
    mean = float(figure.random.mean())
    near = figure.p_value < LEVEL and figure.value >= least and figure.claim != "shown"
    told = f", less than {LEAST_BEYOND:g} below it" if near else ""
    alike = "" if figure.matched >= LEAST_MATCHED else ", hardly any of them matched,"
    return f"{rival} of {draws} random selections{alike} {verb} as much (mean {mean:.2f}{told})"
