"""Random circuits keep what they are matched on."""

import torch

from core.validation import free_circuits, matched_circuits
from core.validation.curve import area, curve_sizes, nested_masks

SHAPE = (2, 3, 8)


def setting():
    generator = torch.Generator().manual_seed(1)
    active = torch.ones(SHAPE, dtype=torch.bool)
    active[0, 0] = False
    activation = torch.rand(SHAPE, generator=generator) * active
    mask = ((torch.rand(SHAPE, generator=generator) < 0.3) & active).float()
    return mask, active, activation


def test_matched_draws_keep_layer_position_and_quarter():
    mask, active, activation = setting()
    found = matched_circuits(mask, active, activation, draws=50, seed=0)
    assert found.masks.shape == (50, *SHAPE)
    for draw in found.masks:
        assert torch.equal(draw.sum(2), mask.sum(2))
        assert not (draw.bool() & ~active).any()
        for layer, position in active.any(2).nonzero().tolist():
            order = activation[layer, position].argsort()
            quarters = order.view(4, 2)
            got = draw[layer, position][quarters].sum(1)
            assert torch.equal(got, mask[layer, position][quarters].sum(1))


def test_draws_differ_and_are_seeded():
    mask, active, activation = setting()
    a, b = (matched_circuits(mask, active, activation, draws=20, seed=s).masks for s in (0, 1))
    again = matched_circuits(mask, active, activation, draws=20, seed=0).masks
    assert torch.equal(a, again)
    assert not torch.equal(a, b)
    assert len({tuple(row.flatten().tolist()) for row in a}) > 10


def test_free_draws_keep_the_size_and_stay_alive():
    mask, active, _ = setting()
    found = free_circuits(mask, active, draws=30, seed=0)
    assert (found.masks.sum((1, 2, 3)) == mask.sum()).all()
    assert not (found.masks.bool() & ~active).any()


def test_overlap_of_a_site_used_up_is_one():
    mask, active, activation = setting()
    found = matched_circuits(active.float(), active, activation, draws=3, seed=0)
    assert found.overlap == 1.0


def test_nested_masks_grow():
    order = [(0, 1, 2), (1, 2, 0), (0, 0, 5)]
    masks = nested_masks(order, (0, 2, 3), SHAPE)
    assert masks.sum((1, 2, 3)).tolist() == [0, 2, 3]
    assert masks[1, 0, 1, 2] == masks[1, 1, 2, 0] == 1


def test_sizes_stay_within_what_exists():
    sizes = curve_sizes(40, 33)
    assert sizes[0] == 0
    assert sizes[-1] == 40
    assert 33 in sizes
    assert list(sizes) == sorted(set(sizes))


def test_area_by_hand():
    assert area((0, 5, 10), (0.0, 1.0, 1.0), 10) == 0.75
