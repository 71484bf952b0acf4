"""What is shown: opened supernodes, summed edges, filters, limits and counts."""

from dataclasses import replace

import numpy as np
import pytest

from explorer.network.rooms import rows_of
from explorer.network.scene import Scene
from explorer.network.visible import MOST_LEAVES, MOST_NODES, Sieve, nice_threshold, visible
from tests.explorer.scenes import SIZES, scene

ALL = Sieve(min_effect=0.0)


def ids(seen):
    return {item.id for item in seen.items}


def total(seen, source, target):
    names = [item.id for item in seen.items]
    for i in range(len(seen.edges.total)):
        if (names[seen.edges.source[i]], names[seen.edges.target[i]]) == (source, target):
            return float(seen.edges.total[i])
    return 0.0


def flat(n: int, edges: list[tuple[int, int, float]]) -> Scene:
    source, target, weight = zip(*edges, strict=True)
    return Scene(
        key="flat",
        title="flat",
        ids=tuple(f"0:0:{i}" for i in range(n)),
        kind=("feature",) * n,
        layer=np.zeros(n, np.int64),
        position=np.zeros(n, np.int64),
        activation=np.ones(n),
        edge_index=np.array([source, target]),
        weight=np.array(weight),
        tokens=("x",),
        n_layers=1,
    )


def test_closed_supernodes_stand_for_all_their_nodes():
    made = scene()
    seen = visible(made, (), ALL)
    sizes = {item.id: len(item.members) for item in seen.items if item.kind == "supernode"}
    assert sizes == {name: sum(parts) for name, parts in SIZES.items()}


def test_an_edge_between_supernodes_is_the_sum_of_theirs():
    made = scene()
    seen = visible(made, (), ALL)
    inside = np.isin(made.edge_index[0], made.members("C")) & np.isin(
        made.edge_index[1], made.members("D")
    )
    assert total(seen, "C", "D") == pytest.approx(float(made.weight[inside].sum()))


def test_opening_splits_the_same_sum():
    made = scene()
    parts = visible(made, ("C",), ALL)
    assert {"C1", "C2", "C3", "C4"} <= ids(parts)
    assert "C" not in ids(parts)
    split = sum(total(parts, name, "D") for name in ("C1", "C2", "C3", "C4"))
    assert split == pytest.approx(total(visible(made, (), ALL), "C", "D"))


def test_a_terminal_supernode_opens_to_its_leaves():
    made = scene()
    seen = visible(made, ("C", "C1"), ALL)
    leaves = {made.ids[i] for i in made.members("C1")}
    assert leaves <= ids(seen)
    assert seen.frames == {"C": None, "C1": "C"}


def test_a_supernode_of_heads_stands_with_the_heads():
    made = scene()
    heads = {int(i) for i in made.members("B")}
    kind = tuple("head" if i in heads else kind for i, kind in enumerate(made.kind))
    seen = visible(replace(made, kind=kind), (), ALL)
    held = {item.id: item for item in seen.items}
    assert (held["B"].in_heads, held["B"].n_heads) == (True, len(heads))
    assert (held["A"].in_heads, held["A"].n_heads) == (False, 0)
    rows = dict(rows_of(made, seen))
    assert rows[0, 0] == "L0 heads"


def test_an_inner_supernode_needs_its_outer_one_open():
    assert visible(scene(), ("C1", "nonsense"), ALL).frames == {}


def test_the_weakest_leaves_are_folded_and_keep_their_edges():
    n = MOST_LEAVES + 9
    made = flat(n + 1, [(i, n, 1.0 + i) for i in range(n)])
    from core.hierarchy import Hierarchy

    tree = Hierarchy(
        parent=np.array([-1, 0]),
        start=np.array([0, 0]),
        stop=np.array([n, n]),
        order=np.arange(n),
        edge_index=np.zeros((2, 0), np.int64),
        weight=np.zeros(0),
    )
    from dataclasses import replace

    made = replace(made, tree=tree, tree_leaf=np.arange(n))
    seen = visible(made, ("A",), ALL)
    rest = next(item for item in seen.items if item.kind == "rest")
    assert rest.id == "A+"
    assert sorted(rest.members.tolist()) == list(range(9))
    assert total(seen, "A+", f"0:0:{n}") == pytest.approx(sum(1.0 + i for i in range(9)))


def test_never_more_than_the_limit():
    n = 2 * MOST_NODES
    made = flat(n, [(i, (i + 1) % n, float(i + 1)) for i in range(n)])
    seen = visible(made, (), ALL)
    assert len(seen.items) <= MOST_NODES
    assert f"0:0:{n - 1}" in ids(seen)
    assert seen.counts[1] == n


@pytest.mark.parametrize(("sign", "ok"), [("plus", lambda v: v > 0), ("minus", lambda v: v < 0)])
def test_only_the_sign_asked_for(sign, ok):
    seen = visible(scene(), ("C",), Sieve(min_effect=0.0, sign=sign))
    assert seen.shown.any()
    assert all(ok(v) for v in seen.edges.total[seen.shown])


def test_smaller_effects_are_left_out_and_counted():
    every, few = visible(scene(), ("C",), ALL), visible(scene(), ("C",), Sieve(min_effect=1.0))
    assert few.counts[2] < every.counts[2]
    assert few.counts[3] == every.counts[3]
    assert (np.abs(few.edges.total[few.shown]) >= 1.0).all()


def test_hidden_kinds_and_layers():
    assert {"e:0:4", "pos:4"} <= ids(visible(scene(), (), ALL))
    bare = visible(scene(), (), Sieve(min_effect=0.0, hidden=("errors", "biases")))
    assert not {"e:0:4", "e:1:4", "pos:4"} & ids(bare)
    top = visible(scene(), (), Sieve(min_effect=0.0, layer=1))
    assert "D" in ids(top)
    assert "A" not in ids(top)


def test_context_that_no_edge_reaches_is_not_drawn():
    seen = visible(scene(), (), Sieve(min_effect=1e9))
    assert not any(item.kind in ("head", "error", "position") for item in seen.items)
    assert sum(item.kind == "token" for item in seen.items) == 5


def test_share_is_of_everything_that_enters():
    seen = visible(scene(), (), ALL)
    into = np.bincount(seen.edges.target, seen.share, minlength=len(seen.items))
    assert into[np.unique(seen.edges.target)] == pytest.approx(1.0)


def test_a_threshold_is_round_and_leaves_enough():
    sizes = np.linspace(0.001, 3.0, 500)
    least = nice_threshold(sizes, 40)
    assert 20 <= (sizes >= least).sum() <= 40
    assert least == float(f"{least:.2g}")
    assert nice_threshold(np.ones(10), 40) <= 1.0


def test_weak_edges_are_left_out_before_there_are_too_many():
    sizes = np.array([5.0, 3.0, 2.0] + [0.01] * 20)
    assert nice_threshold(sizes, 40) == 0.02


def test_every_supernode_keeps_its_strongest_edges_unless_a_size_is_asked_for():
    made = scene()
    shown = visible(made, ("A", "B", "C", "D"), Sieve(most_edges=1))
    ends = {
        shown.items[e].id
        for i in np.flatnonzero(shown.shown)
        for e in (shown.edges.source[i], shown.edges.target[i])
    }
    assert {item.id for item in shown.items if item.kind == "supernode"} <= ends
    assert not visible(made, (), Sieve(min_effect=1e9)).shown.any()


def test_edges_of_one_size_are_all_shown():
    assert nice_threshold(np.full(90, 0.3), 40) == 0.3


def test_an_empty_graph_is_drawn_as_nothing():
    made = flat(1, [(0, 0, 0.0)])
    assert visible(made, ()).counts[2] == 0


def test_without_a_hierarchy_a_shown_node_has_its_strongest_cause():
    """0 → 1 → 2 are weak beside 2 → 3; 4 → 2 is weaker still, and 5 touches nothing strong."""
    made = flat(6, [(2, 3, 10.0), (1, 2, 0.3), (0, 1, -0.2), (4, 2, 0.1), (5, 4, 0.1)])
    seen = visible(made, ())
    names = [item.id for item in seen.items]
    shown = np.flatnonzero(seen.shown)
    drawn = {(names[seen.edges.source[i]], names[seen.edges.target[i]]) for i in shown}
    assert drawn == {("0:0:2", "0:0:3"), ("0:0:1", "0:0:2"), ("0:0:0", "0:0:1")}
    assert ids(seen) == {f"0:0:{i}" for i in range(4)}
