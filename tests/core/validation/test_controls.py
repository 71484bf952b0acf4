"""Random circuits keep what they are matched on."""

import torch

from core.circuit import Attention, Bounds, FeatureNode, HeadNode
from core.interventions import Places
from core.validation import Alive, free_circuits, matched_circuits, plain_circuits
from core.validation.curve import area, curve_sizes, nested_gates

SHAPE = (2, 3, 8)
BOUNDS = Bounds(*SHAPE, n_heads=4, n_vocab=20)


def setting(attention=Attention.LIVE):
    """Some features of a site each, and what is alive."""
    generator = torch.Generator().manual_seed(1)
    active = torch.ones(SHAPE, dtype=torch.bool)
    active[0, 0] = False
    activation = torch.rand(SHAPE, generator=generator) * active
    mask = (torch.rand(SHAPE, generator=generator) < 0.3) & active
    nodes = [FeatureNode(*place) for place in mask.nonzero().tolist()]
    return nodes, Alive(bounds=BOUNDS, attention=attention, active=active, activation=activation)


def masks(nodes, alive):
    return Places.of(nodes, alive.bounds).gates(torch.ones(1, len(nodes))).feature


def test_matched_draws_keep_layer_position_and_quarter():
    nodes, alive = setting()
    mask = masks(nodes, alive)[0]
    found = matched_circuits(nodes, alive, draws=50, seed=0).gates
    assert found.feature.shape == (50, *SHAPE)
    assert (found.head == 1).all()
    for draw in found.feature:
        assert torch.equal(draw.sum(2), mask.sum(2))
        assert not (draw.bool() & ~alive.active).any()
        for layer, position in alive.active.any(2).nonzero().tolist():
            order = alive.activation[layer, position].argsort()
            quarters = order.view(4, 2)
            got = draw[layer, position][quarters].sum(1)
            assert torch.equal(got, mask[layer, position][quarters].sum(1))


def test_matched_draws_keep_the_layer_of_a_head_and_the_position_of_a_placed_one():
    _, alive = setting(Attention.CIRCUIT)
    whole = (HeadNode(0, 1), HeadNode(1, 0), HeadNode(1, 3))
    found = matched_circuits(whole, alive, draws=30, seed=0).gates.head
    assert torch.equal(found.sum((2, 3)), torch.tensor([3.0, 6.0]).expand(30, 2))
    assert (found == found[:, :, :1]).all()  # whole heads: the same at every position
    placed = (HeadNode(0, 1, 2), HeadNode(1, 0, 0), HeadNode(1, 3, 0))
    found = matched_circuits(placed, alive, draws=30, seed=0).gates.head
    want = torch.tensor([[0.0, 0.0, 1.0], [2.0, 0.0, 0.0]])
    assert torch.equal(found.sum(3), want.expand(30, 2, 3))
    assert len({tuple(draw.flatten().tolist()) for draw in found}) > 10


def test_plain_circuits_take_as_many_of_each_site_by_hand():
    active = torch.ones(SHAPE, dtype=torch.bool)
    activation = torch.zeros(SHAPE)
    activation[1, 2] = torch.tensor([0.0, 3.0, 0.0, 1.0, 2.0, 0.0, 0.0, 0.0])
    alive = Alive(bounds=BOUNDS, attention=Attention.CIRCUIT, active=active, activation=activation)
    nodes = (FeatureNode(1, 2, 6), HeadNode(0, 1), FeatureNode(1, 2, 7))
    found = plain_circuits(nodes, alive)
    assert set(found) == {"first", "most_active"}
    assert found["first"].feature.nonzero().tolist() == [[0, 1, 2, 0], [0, 1, 2, 1]]
    assert found["most_active"].feature.nonzero().tolist() == [[0, 1, 2, 1], [0, 1, 2, 4]]
    own = torch.zeros(1, 2, 3, 4)
    own[0, 0, :, 1] = 1.0  # the circuit's own head, at every position
    assert all(torch.equal(gates.head, own) for gates in found.values())


def test_draws_differ_and_are_seeded():
    nodes, alive = setting()
    a, b = (matched_circuits(nodes, alive, draws=20, seed=s).gates.feature for s in (0, 1))
    again = matched_circuits(nodes, alive, draws=20, seed=0).gates.feature
    assert torch.equal(a, again)
    assert not torch.equal(a, b)
    assert len({tuple(row.flatten().tolist()) for row in a}) > 10


def test_free_draws_keep_the_size_and_stay_alive():
    nodes, alive = setting(Attention.CIRCUIT)
    heads = (HeadNode(0, 1), HeadNode(1, 0, 2))
    found = free_circuits((*nodes, *heads), alive, draws=30, seed=0).gates
    assert (found.feature.sum((1, 2, 3)) == len(nodes)).all()
    assert not (found.feature.bool() & ~alive.active).any()
    # One whole head at 3 positions and one placed one, which may be the same head.
    assert {3.0, 4.0} >= set(found.head.sum((1, 2, 3)).tolist()) >= {4.0}


def test_overlap_of_a_site_used_up_is_one():
    _, alive = setting()
    everything = [FeatureNode(*place) for place in alive.active.nonzero().tolist()]
    assert matched_circuits(everything, alive, draws=3, seed=0).overlap == 1.0


def test_nested_gates_grow_and_a_head_among_them_counts():
    order = (FeatureNode(0, 1, 2), HeadNode(1, 0), FeatureNode(0, 0, 5))
    gates = nested_gates(order, (0, 2, 3), BOUNDS, Attention.CIRCUIT)
    assert gates.feature.sum((1, 2, 3)).tolist() == [0, 1, 2]
    assert gates.head.sum((1, 2, 3)).tolist() == [0, 3, 3]
    assert gates.feature[1, 0, 1, 2] == gates.head[1, 1, 2, 0] == 1
    live = nested_gates(order[:1], (0, 1), BOUNDS)
    assert (live.head == 1).all()


def test_sizes_stay_within_what_exists():
    sizes = curve_sizes(40, 33)
    assert sizes[0] == 0
    assert sizes[-1] == 40
    assert 33 in sizes
    assert list(sizes) == sorted(set(sizes))


def test_area_by_hand():
    assert area((0, 5, 10), (0.0, 1.0, 1.0), 10) == 0.75
