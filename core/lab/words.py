"""What a comparison with random selections says, in words."""

import math

from core.lab.contents import Comparison

LEVEL = 0.05
"""A claim needs p below this."""
LEAST_LOSS = 0.1
"""And, for necessity, at least this much F lost."""
LEAST_KEPT = 0.5
"""And, for sufficiency, at least this much F kept alone."""
NOTHING = (
    "On these prompts the model's margin is no larger than that of its empty circuit: there is "
    "nothing to be faithful to, and F cannot be computed."
)
"""Said in place of figures on a null."""

_VERDICTS = {
    (True, True): "Necessary and sufficient.",
    (True, False): "Necessary, not sufficient.",
    (False, True): "Sufficient, not necessary.",
    (False, False): "Neither necessary nor sufficient.",
}


def verdict(necessity: Comparison, sufficiency: Comparison) -> str:
    """The two claims as one short sentence."""
    if not math.isfinite(necessity.value):
        return "Nothing to compare."
    return _VERDICTS[necessity.shown, sufficiency.shown]


def sentence(necessity: Comparison, sufficiency: Comparison, *, overlap: float) -> str:
    """The verdict and the figures behind it."""
    if not math.isfinite(necessity.value):
        return NOTHING
    parts = [
        verdict(necessity, sufficiency),
        f"Ablating it costs {necessity.value:.2f} of F; {_against(necessity, 'cost')}.",
        f"Alone it keeps {sufficiency.value:.2f} of F; {_against(sufficiency, 'keep')}.",
    ]
    if overlap > 0.5:
        parts.append(
            "It is most of what can be drawn, so random selections are nearly the same nodes and "
            "the comparison says little."
        )
    return " ".join(parts)


def _against(figure: Comparison, verb: str) -> str:
    draws = len(figure.random)
    as_much = round(figure.p_value * (draws + 1)) - 1
    rival = "none" if as_much == 0 else f"{as_much}"
    mean = float(figure.random.mean())
    return f"{rival} of {draws} random selections {verb} as much (mean {mean:.2f})"
