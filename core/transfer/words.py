"""Whether a circuit transfers, in a sentence.

What is asked is the functional score: the share of the other circuit's own F that the partners of
the first one's features keep in the other model. It *transfers* where that is 0.9 or more, *in
part* from one half on, and *hardly* below; each only where it is beyond what random features of the
same sites keep (p < 0.05, and 0.1 more than their mean). Else it does not.
"""

from collections.abc import Mapping
from typing import Any

from core.validation.metrics import LEAST_BEYOND, LEVEL

WORDS = ((0.9, "it transfers"), (0.5, "it transfers in part"), (0.0, "it hardly transfers"))
"""By the least share kept."""


def verdict(found: Mapping[str, Any]) -> str:
    """What a comparison (`with_ceiling`) says, with the figures it rests on."""
    score, two = found["scores"]["functional"], found["two"]
    value, null = score["value"], score["null_mean"]
    if value is None:
        return f"Whether it transfers cannot be said: the F of {two} in its own model is unknown."
    parts = [f"Carried into {two}, the circuit keeps {value:z.2f} of {two}'s own F"]
    if null is not None:
        parts.append(f"random features of the same sites keep {null:z.2f}")
    if (ceiling := score.get("ceiling")) is not None:
        parts.append(f"the same model's circuit from another seed keeps {ceiling:z.2f}")
    said = "" if null is None else f": {word(value, null, score['p'])}"
    return f"{'; '.join(parts)}{said}."


def word(value: float, null: float, p: float) -> str:
    """Whether it transfers, and how far."""
    if p >= LEVEL or value - null < LEAST_BEYOND:
        return "it does not transfer"
    return next((said for least, said in WORDS if value >= least), "it does not transfer")
