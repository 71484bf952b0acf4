"""Which circuits may stand as the ceiling of a comparison: twins, found again from another seed.

A twin has another seed's weights, or another seed's dictionary on the same weights; everything
else is as in the circuit it stands beside. Anything less alike would be no ceiling, and the very
same dictionary would be none to reach.
"""

from typing import Any

from core.bundle import null_of
from core.errors import TransferError
from core.transfer.subject import Subject

NAMES_ONLY = ("_name_or_path", "architectures", "dtype", "transformers_version", "use_cache")
"""Config fields that say nothing about an architecture."""


def paired_with_twins(
    one: Subject, two: Subject, others: list[Subject]
) -> list[tuple[Subject, Subject]]:
    """Each of the others beside the circuit that it is a twin of.

    Raises:
        TransferError: If one of them is a twin of neither.
    """
    return [(_own(one, two, other), other) for other in others]


def _own(one: Subject, two: Subject, other: Subject) -> Subject:
    found = {own.bundle.name: (own, differences(own, other)) for own in (one, two)}
    for own, differs in found.values():
        if not differs:
            return own
    told = "; ".join(f"beside {name}, it {' and '.join(d)}" for name, (_, d) in found.items())
    raise TransferError(
        f"{other.bundle.name} is no ceiling: {told}. Required is the same architecture, dictionary "
        "kind, attention and task, from another seed of the weights or of the dictionary, and no "
        "null. Give such a circuit with --twin, or none."
    )


def differences(own: Subject, other: Subject) -> tuple[str, ...]:
    """What keeps a circuit from being a twin of another; empty where it is one."""
    null = null_of(other.bundle.provenance)
    kinds = [one.transcoders.kind for one in (own, other)]
    attention = [one.bundle.circuit.attention for one in (own, other)]
    seeds = [(one.model.key, one.transcoders.key) for one in (own, other)]
    checks = {
        f"is a null ({null})": null != "none",
        "has another architecture": _architecture(own) != _architecture(other),
        f"has a dictionary of kind {kinds[1]} instead of {kinds[0]}": kinds[0] != kinds[1],
        f"has attention {attention[1]} instead of {attention[0]}": attention[0] != attention[1],
        "is of another task": own.prepared.task.key != other.prepared.task.key,
        "has the same weights and the same dictionary": seeds[0] == seeds[1],
    }
    return tuple(said for said, holds in checks.items() if holds)


def _architecture(of: Subject) -> dict[str, Any]:
    config = of.model.hf.config.to_dict()
    return {name: value for name, value in config.items() if name not in NAMES_ONLY}
