"""What was found, in sentences: the circuit kept alone, taken out, and beside random circuits."""

from collections.abc import Mapping
from typing import Any

from core.figures import percent, real, spread

Block = Mapping[str, Any]


def claim_text(found: Block, size: int) -> str:
    """The result in sentences, as plain text; what was not measured is left out.

    Args:
        found: validation.json.
        size: Nodes of the circuit.
    """
    return " ".join(filter(None, (_kept(found, size), _without(found), _beaten(found))))


def _kept(found: Block, size: int) -> str:
    score = real(found.get("faithfulness"))
    if score is None:
        return ""
    prompts, interval = found.get("n_prompts"), spread(found.get("faithfulness_ci"))
    where = f" on {prompts:,} unseen prompts" if isinstance(prompts, int) else ""
    doubt = f" (95 % interval {interval})" if interval else ""
    return f"Kept alone, {size:,} nodes restore {percent(score)} of the behaviour{where}{doubt}."


def _without(found: Block) -> str:
    lost = real(found.get("necessity"))
    return "" if lost is None else f"Ablated, they take {percent(lost)} of it away."


def _beaten(found: Block) -> str:
    random = found.get("random") or {}
    best, drawn = real(random.get("faithfulness_max")), random.get("n")
    if best is None or not isinstance(drawn, int):
        return ""
    return f"The best of {drawn:,} random circuits of the same shape restores {percent(best)}."
