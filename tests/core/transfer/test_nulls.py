"""Nulls of transfer: likeness by chance is called chance, though the sites are the same.

Planted: pairs of circuits with nothing in common but where their features are. Both have features
in two layers, each of the first drives some of the second at random, and partners are dealt within
a layer, as matching deals them. Beside the null there is the one that forgets layers.
"""

import numpy as np
import pytest
import torch

from core.transfer import Match, Wiring, edge_jaccard, partners, role_likeness, shuffled, transport

EACH = 12
"""Features of a layer."""
NODES = torch.tensor([(0, layer, 0, i) for layer in (0, 1) for i in range(EACH)])
NO_LAYERS = NODES * torch.tensor([1, 0, 1, 1])
"""What a null that exchanges partners across layers knows of the nodes."""
PLACES = ("tok:0", "out:direction")
ROLE = np.arange(2 * EACH) // 4
CIRCUITS = 12
DRAWS = 49


def unrelated(generator):
    """A circuit with random edges from the first layer to the second."""
    n = 2 * EACH
    score = torch.zeros(n + 2, n + 2, dtype=torch.float64)
    score[:EACH, EACH:n] = (torch.rand(EACH, EACH, generator=generator) < 0.4).double()
    score[n, :EACH] = score[EACH:n, n + 1] = 1
    return Wiring(score=score, shared=PLACES, influence=torch.ones(n, dtype=torch.float64))


def dealt(generator):
    """Partners by chance, each in the layer of its own."""
    two = [torch.randperm(EACH, generator=generator) + layer * EACH for layer in (0, 1)]
    return Match(torch.arange(2 * EACH), torch.cat(two), torch.ones(2 * EACH))


def edges(one, two, found):
    return edge_jaccard(one.score > 0, two.score > 0, partners(one, two, found))


def alike_in_roles(one, two, found):
    return role_likeness(one, two, partners(one, two, found), ROLE)


def p_of(score, nodes, seed):
    """p of one pair of unrelated circuits, by the null that these nodes give."""
    generator = torch.Generator().manual_seed(seed)
    one, two, found = unrelated(generator), unrelated(generator), dealt(generator)
    value = score(one, two, found)
    null = [score(one, two, shuffled(found, nodes, nodes, generator)) for _ in range(DRAWS)]
    return (1 + sum(other >= value for other in null)) / (DRAWS + 1)


@pytest.mark.parametrize("score", [edges, alike_in_roles])
def test_a_matching_by_chance_is_called_chance(score):
    across = [p_of(score, NO_LAYERS, seed) for seed in range(CIRCUITS)]
    within = [p_of(score, NODES, seed) for seed in range(CIRCUITS)]
    assert sum(p <= 0.05 for p in across) == CIRCUITS, "sites alone would pass for likeness"
    assert sum(p <= 0.05 for p in within) <= 2
    assert 0.3 < np.mean(within) < 0.7


def test_profiles_by_chance_are_called_chance():
    def p(site, seed):
        generator = torch.Generator().manual_seed(seed)
        one, two = unrelated(generator), unrelated(generator)
        here = NODES[:, None, 1] == NODES[None, :, 1]
        likeness = torch.rand(2 * EACH, 2 * EACH, generator=generator) * here
        found = transport(one, two, likeness, site, draws=19, seed=seed)
        return (1 + sum(d <= found.distance for d in found.null)) / 20

    across = [p(NO_LAYERS[:, 1], seed) for seed in range(10)]
    within = [p(NODES[:, 1], seed) for seed in range(10)]
    assert sum(one <= 0.05 for one in across) == 10
    assert sum(one <= 0.05 for one in within) <= 2


def test_edges_and_distance_are_the_same_from_either_side():
    generator = torch.Generator().manual_seed(0)
    one, two, found = unrelated(generator), unrelated(generator), dealt(generator)
    back = found.two.argsort()
    turned = Match(torch.arange(2 * EACH), found.one[back], found.likeness)
    assert edges(one, two, found) == edges(two, one, turned)
    likeness = torch.rand(2 * EACH, 2 * EACH, generator=generator)
    here = transport(one, two, likeness, NODES[:, 1], draws=0).distance
    there = transport(two, one, likeness.T, NODES[:, 1], draws=0).distance
    assert here == pytest.approx(there, rel=0.02), "a local optimum either way"
