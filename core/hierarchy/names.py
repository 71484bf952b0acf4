"""Short names that say where a supernode stands: A, A1, A1b, A1b2, ...

Levels take turns: capitals, then numbers, then small letters, numbers, small letters, ... A name
is therefore read back without separators however many children a supernode has. The root is `all`.
"""

from collections.abc import Sequence

ROOT = "all"


def supernode_names(parent: Sequence[int]) -> tuple[str, ...]:
    """Name every supernode from its parent list.

    Args:
        parent: Parent id of each supernode; the root is first with -1, parents
            come before children.

    Returns:
        One name per supernode, all different.
    """
    names, level, born = [ROOT], [0], [0] * len(parent)
    for above in parent[1:]:
        level.append(level[above] + 1)
        prefix = "" if above == 0 else names[above]
        names.append(prefix + _step(level[-1], born[above]))
        born[above] += 1
    return tuple(names)


def _step(level: int, index: int) -> str:
    if level % 2 == 0:
        return str(index + 1)
    letters = _letters(index)
    return letters if level == 1 else letters.lower()


def _letters(index: int) -> str:
    """A ... Z, AA, AB ... as spreadsheet columns are counted."""
    text = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        text = chr(ord("A") + rest) + text
    return text
