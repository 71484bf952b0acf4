"""Attribution graphs are acyclic: effects go up the layers and on to later tokens."""

from collections.abc import Sequence

Links = Sequence[tuple[int, int]]
"""(source, target) of each link, by node number."""


def find_cycle(n_nodes: int, links: Links) -> tuple[int, ...]:
    """The nodes of one cycle, each leading to the next and the last to the first; () if none.

    Nodes that nothing leads to are taken away until none is left; among what stays, every node has
    a predecessor, and walking back along them ends in a circle.
    """
    after: list[list[int]] = [[] for _ in range(n_nodes)]
    waiting = [0] * n_nodes
    for source, target in links:
        after[source].append(target)
        waiting[target] += 1
    free = [node for node in range(n_nodes) if not waiting[node]]
    while free:
        for target in after[free.pop()]:
            waiting[target] -= 1
            if not waiting[target]:
                free.append(target)
    before = {target: source for source, target in links if waiting[source] and waiting[target]}
    return _walked_back(before) if before else ()


def _walked_back(before: dict[int, int]) -> tuple[int, ...]:
    node, place = next(iter(before)), dict[int, int]()
    while node not in place:
        place[node] = len(place)
        node = before[node]
    walked = list(place)[place[node] :]
    return tuple(reversed(walked))
