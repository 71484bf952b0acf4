"""Noising and denoising: planted AND, OR and ADDER gates, by hand."""

import numpy as np
import pytest
import torch

from core.search import DescendSettings, Response, descend
from core.search.rivals import both_ways
from core.search.rivals.twoway import denoising
from tests.core.search.test_descend import tree

AND, OR, ADDER = (0, 3), (6, 9), (12,)
N = 16


def answer(mask):
    """A model of three gates; all other nodes do nothing."""
    a, b, c, d, e = (mask[..., i] for i in (*AND, *OR, *ADDER))
    return torch.stack([a * b, 1 - (1 - c) * (1 - d), e], -1)


def respond(mask):
    mask = mask.detach().clone().requires_grad_(True)
    with torch.enable_grad():
        found = answer(mask)
        slope = torch.stack([torch.autograd.grad(f, mask, retain_graph=True)[0] for f in found])
    return Response(residual=found.detach() - 1, slope=slope)


def residuals(masks):
    return answer(masks) - 1


def by_descent(n):
    """Each node its own supernode, so that nothing hides in a group."""
    settings = DescendSettings(floor=0.01, least=0.01)

    def search(ask, measure):
        return descend(tree(*[1] * n), ask, measure, settings).live

    return search


def test_each_direction_finds_its_gates_and_the_union_all():
    found = both_ways(N, by_descent(N), respond, residuals)
    noising, denoised = set(found.noising.tolist()), set(found.denoising.tolist())
    assert {*AND, *ADDER} <= noising
    assert len(noising & set(OR)) == 1
    assert {*OR, *ADDER} <= denoised
    assert len(denoised & set(AND)) == 1
    assert found.union.tolist() == sorted({*AND, *OR, *ADDER})
    assert found.both.tolist() == sorted(noising & denoised)
    assert len(found.both) == 3  # the adder, one input of either gate


def test_denoising_asks_what_the_complement_has_left_of_the_corrupt_run():
    ask, measure = denoising(N, respond, residuals)
    mask = torch.zeros(N)
    mask[[0, 6]] = 1  # the complement has 3, 9 and 12: the AND broken, the OR whole
    found = ask(mask)
    assert found.residual.tolist() == [0, 1, 1]
    assert float(measure(mask[None])) == pytest.approx(2 / 3)
    # the AND stays broken, whatever joins; 9 would break the OR, and 12 the adder
    assert {i: row.tolist() for i, row in enumerate(found.slope.T) if row.any()} == {
        0: [-1, 0, 0],
        9: [0, -1, 0],
        12: [0, 0, -1],
    }


def test_an_and_of_ors_hides_from_single_nodes_and_not_from_both_ways():
    gates = ((0, 1), (2, 3))

    def compound(mask):
        either = [1 - (1 - mask[..., a]) * (1 - mask[..., b]) for a, b in gates]
        return (either[0] * either[1])[..., None]

    def ask(mask):
        slope = torch.autograd.functional.jacobian(compound, mask)
        return Response(residual=compound(mask) - 1, slope=slope)

    alone = np.eye(8)
    full, empty = compound(torch.ones(8)), compound(torch.zeros(8))
    for node in torch.tensor(alone, dtype=torch.float):
        assert compound(1 - node) == full
        assert compound(node) == empty
    found = both_ways(8, by_descent(8), ask, lambda masks: compound(masks) - 1)
    assert len(found.noising) == 2  # one of each OR
    assert set(found.denoising.tolist()) in ({0, 1}, {2, 3})  # the whole of one OR
    assert len(found.union) == 3
