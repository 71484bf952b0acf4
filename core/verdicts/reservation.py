"""What a verdict is short of, in one plain line, from the conditions that validation found unmet.

`failed` of `validation.json` names them for the model and for each ablation; the figures are those
of the block of that ablation. An older validation, which names none, has no reservation.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from core.figures import figure
from core.verdicts.words import Verdict

Block = Mapping[str, Any]

LEADS = {
    Verdict.HOLDS_IN_PART.value: "In part",
    Verdict.SUFFICIENT_NOT_NECESSARY.value: "Not necessary",
    Verdict.NECESSARY_NOT_SUFFICIENT.value: "Not sufficient",
    Verdict.NOT_SPECIFIC.value: "Not specific",
    Verdict.DOES_NOT_HOLD.value: "Does not hold",
    Verdict.REJECTED.value: "Rejected",
    Verdict.UNDECIDED.value: "Undecided",
}
"""How the line begins, by verdict."""
CONDITIONS = ("faithfulness", "phi", "floor", "random", "necessity")
"""Of an ablation, in the order in which they are told."""


def reservation(found: Block) -> str:
    """One line: "In part: with nothing kept, accuracy is already 0.57 under mean ablation."

    Empty where every condition is met, or where the validation does not name them.
    """
    lead, unmet = LEADS.get(str(found.get("verdict"))), _unmet(found)
    parts = _of_model(found)
    if not parts and len(unmet) > 1 and len({tuple(ablations) for _, ablations in unmet}) == 1:
        lead = f"{lead}, {_under(unmet[0][1])}" if lead else None
        parts = [_told(name, found, ablations, apart=False) for name, ablations in unmet]
    parts = parts or [_told(name, found, ablations) for name, ablations in unmet]
    return f"{lead}: {'; '.join(parts)}." if lead and parts else ""


def in_short(found: Block) -> str:
    """The first of it in a few signs, for a row of a table: "φ(∅) 0.57, mean"."""
    unmet = _unmet(found)
    if _of_model(found) or not unmet:
        return ""
    name, ablations = unmet[0]
    block = block_of(found, ablations[-1])
    signs = {
        "faithfulness": f"F {figure(block.get('faithfulness'))}",
        "phi": f"φ {figure(block.get('phi'))}",
        "floor": f"φ(∅) {figure(block.get('phi_empty'))}",
        "random": f"random F {_best_random(block)}",
        "necessity": "no more than random" if _as_random(block) else f"costs {_lost(block)}",
    }
    return f"{signs[name]}, {ablations[-1]}"


def block_of(found: Block, ablation: str) -> Block:
    """The figures that the verdict was read from under an ablation; {} where there are none."""
    same = {"ablation": ablation, **{k: found.get(k) for k in ("split", "error_regime")}}
    blocks = [found, *(b for b in found.get("other_regimes") or () if isinstance(b, Mapping))]
    return next((b for b in blocks if all(b.get(k) == v for k, v in same.items())), {})


def unmet_under(found: Block, ablation: str) -> tuple[str, ...]:
    """Conditions that are not met under an ablation."""
    failed = found.get("failed")
    names = failed.get(ablation) if isinstance(failed, Mapping) else ()
    return tuple(name for name in CONDITIONS if name in (names or ()))


def _unmet(found: Block) -> list[tuple[str, list[str]]]:
    """Each condition that is not met, with the ablations under which it is not."""
    by = {name: [a for a in _ablations(found) if name in unmet_under(found, a)]
          for name in CONDITIONS}  # fmt: skip
    return [(name, ablations) for name, ablations in by.items() if ablations]


def _ablations(found: Block) -> list[str]:
    failed = found.get("failed")
    if not isinstance(failed, Mapping):
        return []
    return [str(name) for name in failed if name != "model" and block_of(found, str(name))]


def _of_model(found: Block) -> list[str]:
    """Why there is nothing for a circuit to be faithful to."""
    failed = found.get("failed")
    names = failed.get("model") if isinstance(failed, Mapping) else ()
    said = {
        "gate": f"the model answers {figure(found.get('model_accuracy'))} of the prompts right, "
        f"{figure(found.get('gate'))} is required",
        "span": "ablating everything hardly moves the model's margin, so F is not measurable",
    }
    return [said[name] for name in said if name in (names or ())]


def _told(name: str, found: Block, ablations: Sequence[str], *, apart: bool = True) -> str:
    """A condition with its figures. `apart`: it says itself under which ablations."""
    blocks = [block_of(found, ablation) for ablation in ablations]
    if name == "necessity":
        said = "; ".join(dict.fromkeys(map(_needed, blocks)))
        return f"{said} {_under(ablations)}" if apart else said
    value = {"floor": _nothing, "random": _best_random}.get(name, lambda b: figure(b.get(name)))
    lead = {
        "faithfulness": "F is",
        "phi": "φ is",
        "floor": "with nothing kept, accuracy is already",
        "random": "random circuits of the same sites keep up to F",
    }[name]
    if not apart:
        return f"{lead} {' and '.join(dict.fromkeys(map(value, blocks)))}"
    each = [f"{value(b)} under {a}" for a, b in zip(ablations, blocks, strict=True)]
    return f"{lead} {' and '.join(each)} ablation"


def _under(ablations: Sequence[str]) -> str:
    return f"under {' and '.join(ablations)} ablation"


def _best_random(block: Block) -> str:
    return figure((block.get("random") or {}).get("faithfulness_max"))


def _nothing(block: Block) -> str:
    """Accuracy with nothing kept, beside chance where that was measured."""
    kept, chance = block.get("accuracy_empty", block.get("phi_empty")), block.get("chance")
    beside = "" if chance is None else f" (chance {figure(chance)})"
    return f"{figure(kept)}{beside}"


def _needed(block: Block) -> str:
    if _as_random(block):
        return "taking out a random circuit of the same sites costs as much"
    return f"taking it out costs {_lost(block)} of the margin"


def _as_random(block: Block) -> bool:
    """Whether some random circuit is needed as much as this one."""
    lost = block.get("necessity_features", block.get("necessity"))
    most = (block.get("random") or {}).get("necessity_max")
    return isinstance(lost, int | float) and isinstance(most, int | float) and lost <= most


def _lost(block: Block) -> str:
    return figure(block.get("necessity_features", block.get("necessity")))
