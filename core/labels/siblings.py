"""Labels of the children of one supernode, no two the same.

1. Each is named by what it carries: `k 5, 24 · result`, `subject`; heads alone by what they do:
   `reads name 1`; without evidence neutrally, by where it is: `L1 at =`, `heads L1 at =`.
2. Where names meet, the first of these that splits them goes in front: place (`L2`, `at actor`),
   the answers it raises (`→ Mary`) or the values it is active on (`Paul`), and last the id of its
   strongest member, which no other has: `with 0:4:7`.
What tells apart stands first, as labels are cut at their end. A size is no name.
"""

from collections import Counter
from collections.abc import Sequence

from core.labels.groups import Facts
from core.labels.readings import valued

JOINT = " · "
"""Between the parts of a label."""
READ = 3
"""Frequencies whose R² a line gives."""
WORTH = 1 / 3
"""Share of the best R² that another must have to be told."""


def told_apart(groups: Sequence[Facts], own: Sequence[str | None]) -> list[str]:
    """A label for each group.

    Args:
        groups: Facts of all children of one supernode.
        own: The one member's name where a group has only one, else None.
    """
    parts = [
        name.split(JOINT) if name else _named(group)
        for name, group in zip(own, groups, strict=True)
    ]
    for facet in (_places_apart, _specials, _leaders):
        for alike in _alike(parts):
            shown = facet([groups[i] for i in alike])
            if len(set(shown)) > 1:
                for i, part in zip(alike, shown, strict=True):
                    parts[i] = _before(part, parts[i])
    return [JOINT.join(part) for part in parts]


def about(group: Facts) -> str:
    """All that is known of a group in one line, with its figures and their controls."""
    parts = [*_known(group), _place(group), _count(group)]
    if group.values and group.carried:
        parts.append(f"most active on {valued(group.carried.variables[0], group.values)}")
    if group.tokens:
        parts.append(f"raises {', '.join(group.tokens)}")
    return JOINT.join(parts)


def _known(group: Facts) -> list[str]:
    """What can be read off its features, and what most of its heads do."""
    heads = [f"heads: {', '.join(group.kinds)}"] if group.kinds else []
    return heads if group.of == "heads" else [_read(group), *heads]


def _read(group: Facts) -> str:
    """`reads result: k 5 R² 0.99, k 24 R² 0.98 (shuffled ≤ 0.02)`."""
    # a score below 0 may beat shuffled ones that are lower still, and reads nothing all the same
    known = [d for d in group.decoded if d.score > 0]
    if not known:
        return "no declared variable can be read off it"
    best = known[0]
    alike = [d for d in known if d.variable == best.variable]
    mine = [d for d in alike if d.score >= WORTH * best.score][:READ]
    figures = ", ".join(
        f"{d.score:.0%} of prompts" if d.frequency is None else f"k {d.frequency} R² {d.score:.2f}"
        for d in mine
    )
    waved = mine[0].frequency is not None
    control = f"{max(0.0, mine[0].control):{'.2f' if waved else '.0%'}}"
    return f"reads {best.variable}: {figures} (shuffled ≤ {control})"


def _named(group: Facts) -> list[str]:
    """What it carries, what its heads do, or where it is."""
    if group.carried is None:
        told = group.of == "heads" and len(group.kinds) == 1
        return [group.kinds[0]] if told else [_place(group)]
    names = ", ".join(group.carried.variables)
    turns = ", ".join(map(str, group.carried.frequencies))
    return [f"k {turns}", names] if turns else [names]


def _alike(parts: Sequence[list[str]]) -> list[list[int]]:
    """Places that still have the same label, by label."""
    often = Counter(map(tuple, parts))
    return [
        [i for i, part in enumerate(parts) if tuple(part) == same]
        for same, count in often.items()
        if count > 1
    ]


def _before(part: str, parts: list[str]) -> list[str]:
    """A part in front, once: `Paul`, never `Paul · Paul`; values of a short name replace it."""
    head, _, _ = part.partition(" = ")
    return [part, *(p for p in parts if p not in (part, head))] if part else parts


def _places_apart(groups: Sequence[Facts]) -> list[str]:
    """Layer, position or both, whichever differs among these groups."""
    if len({g.layer for g in groups}) == 1:
        return [_at(g) for g in groups]
    if len({g.role for g in groups}) == 1:
        return [g.layer for g in groups]
    return [_place(g) for g in groups]


def _place(group: Facts) -> str:
    """`L1 at =`, `heads L1 at =`."""
    heads = "heads " if group.of == "heads" else ""
    return f"{heads}{group.layer} {_at(group)}"


def _at(group: Facts) -> str:
    return f"at {group.role}" if group.role else "at several"


def _specials(groups: Sequence[Facts]) -> list[str]:
    """The answers each raises, or the values it is active on."""
    return [_special(group) for group in groups]


def _special(group: Facts) -> str:
    if group.tokens:
        return f"→ {', '.join(group.tokens)}"
    if group.carried is None or not group.values:
        return ""
    variable = group.carried.variables[0]
    return valued(variable, group.values).removesuffix(f"{JOINT}{variable}")


def _count(group: Facts) -> str:
    return f"{group.size} node{'s' if group.size > 1 else ''}"


def _leaders(groups: Sequence[Facts]) -> list[str]:
    """The id of each one's strongest member, which no sibling has."""
    return [g.leader if g.size == 1 else f"with {g.leader}" for g in groups]
