"""One matching for random circuits and for the Lab's random selections: by hand, and invariants."""

import pytest
import torch

from core.circuit import FeatureNode, HeadNode, node_of, node_table
from core.lab.selections import draw_selections
from core.validation import Pool

SITES, FEATURES = (2, 2), 16
GRID = [FeatureNode(a, p, f) for a in range(2) for p in range(2) for f in range(FEATURES)]
HEADS = [HeadNode(a, h, p) for a in range(2) for h in range(4) for p in (None, 0, 1)]
ACTIVATION = torch.arange(16.0).expand(2, 2, 16)


def pool(nodes=(*GRID, *HEADS)):
    return Pool.of(node_table(nodes), ACTIVATION)


def drawn(nodes, *, own="left out", draws=20, seed=0, of=None):
    of = of or pool()
    found = of.draw(node_table(nodes), own=own, draws=draws, seed=seed)
    names = [str(node_of(*row)) for row in of.nodes.tolist()]
    return found, [{names[row] for row in rows} for rows in found.rows.tolist()]


def test_quarters_of_a_site_follow_the_mean_activation():
    """Ten features by hand: 3, 3, 2 and 2 of them, the weakest first, equals by number."""
    values = torch.zeros(1, 1, 10)
    values[0, 0] = torch.tensor([9.0, 8, 7, 6, 5, 4, 3, 2, 1, 1])
    found = Pool.of(node_table([FeatureNode(0, 0, f) for f in range(10)]), values)
    order = [8, 9, 7, 6, 5, 4, 3, 2, 1, 0]
    assert found.nodes[:, 3].tolist() == order
    assert found.shelves[0].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 3, 3]


def test_each_sort_of_node_is_exchanged_for_its_own():
    given = [FeatureNode(0, 1, 13), HeadNode(1, 2), HeadNode(0, 1, 1)]
    found, names = drawn(given)
    quarter = {f"0:1:{f}" for f in (12, 14, 15)}
    whole = {f"L1H{h}" for h in (0, 1, 3)}
    placed = {f"L0H{h}@1" for h in (0, 2, 3)}
    for one in names:
        assert [len(one & shelf) for shelf in (quarter, whole, placed)] == [1, 1, 1]
    assert (found.matched, found.overlap) == (1.0, 0.0)


def test_a_shelf_that_runs_out_gives_all_it_has_and_the_next_wider_the_rest():
    given = [FeatureNode(0, 0, f) for f in (0, 1, 2, 9)]  # one is left of the lowest quarter
    found, names = drawn(given, draws=40)
    site = {f"0:0:{f}" for f in range(16)} - {str(node) for node in given}
    for one in names:
        assert len(one) == 4
        assert one <= site
        assert "0:0:3" in one
    assert found.matched == pytest.approx(2 / 4)
    assert set().union(*names) == site


def test_a_site_used_up_is_matched_elsewhere_in_its_layer_then_anywhere():
    site = [FeatureNode(0, 0, f) for f in range(16)]
    assert all(one == {f"0:1:{f}" for f in range(16)} for one in drawn(site)[1])
    layer = site + [FeatureNode(0, 1, f) for f in range(15)]
    for one in drawn(layer)[1]:
        assert "0:1:15" in one
        assert sum(name.startswith("1:") for name in one) == 30


def test_the_given_nodes_are_drawn_too_where_asked_or_where_the_others_are_too_few():
    few = [FeatureNode(0, 0, f) for f in range(3)]
    found, names = drawn(few, own="drawn too", draws=60)
    assert all(one <= {f"0:0:{f}" for f in range(4)} for one in names)
    assert found.overlap == pytest.approx(3 / 4, abs=0.1)
    most = [*GRID[:40], HeadNode(0, 0)]
    found, names = drawn(most)
    assert all(len(one) == 41 for one in names)
    assert found.overlap > 0.3
    assert not any("L0H0" in one for one in names)  # of heads there are enough others


def test_draws_are_uniform_within_a_shelf():
    counts = torch.zeros(4)
    for one in drawn([FeatureNode(1, 1, 0)], own="drawn too", draws=4000)[1]:
        counts[int(next(iter(one)).split(":")[2])] += 1
    assert ((counts / 4000 - 0.25).abs() < 0.03).all()


def test_the_labs_selections_are_these_draws():
    given = [FeatureNode(0, 1, 13), HeadNode(1, 2), HeadNode(0, 1, 1), FeatureNode(1, 0, 2)]
    want = drawn(given, seed=3)
    got = draw_selections(given, [*HEADS, *GRID], ACTIVATION, draws=20, seed=3)
    assert [{str(node) for node in nodes} for nodes in got.selections] == want[1]
    assert (got.matched, got.overlap) == (want[0].matched, want[0].overlap)
