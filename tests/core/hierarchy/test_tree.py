"""The tree itself: by hand, its refusals and coarse edges."""

import json

import numpy as np
import pytest

from core.errors import FormatError, GraphError, NodeError, UnknownSchemaError
from core.hierarchy import Hierarchy, HierarchySettings, build_hierarchy
from core.hierarchy.names import supernode_names


def by_hand() -> Hierarchy:
    """all = {3 1 2 0 4}; A = {3 1 2} with A1 = {3}, A2 = {1 2}; B = {0 4}."""
    return Hierarchy(
        parent=np.array([-1, 0, 0, 1, 1]),
        start=np.array([0, 0, 3, 0, 1]),
        stop=np.array([5, 3, 5, 1, 3]),
        order=np.array([3, 1, 2, 0, 4]),
        edge_index=np.array([[0, 1, 2, 0, 4, 3], [1, 3, 4, 1, 2, 0]]),
        weight=np.array([1.0, -2.0, 3.0, -4.0, 0.5, 0.25]),
    )


def random_graph(n: int, edges: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A graph without structure, with loops and parallel edges."""
    rng = np.random.default_rng(seed)
    return rng.integers(n, size=(2, edges)), rng.standard_normal(edges)


def test_parts_by_hand() -> None:
    tree = by_hand()
    assert tree.name == ("all", "A", "B", "A1", "A2")
    assert tree.depth_of.tolist() == [0, 1, 1, 2, 2]
    assert tree.depth == 2
    assert tree.children(0) == (1, 2)
    assert tree.children(1) == (3, 4)
    assert tree.children(2) == ()
    assert tree.members(1).tolist() == [3, 1, 2]
    assert tree.path(4) == (0, 1, 4)
    assert tree.find("A2") == 4
    assert tree.terminal_of().tolist() == [2, 4, 4, 3, 2]


def test_levels_cover_every_leaf_and_keep_terminal_supernodes() -> None:
    tree = by_hand()
    assert tree.level(0) == (0,)
    assert tree.level(1) == (1, 2)
    assert tree.level(2) == tree.level(9) == (3, 4, 2)
    assert tree.labels(2).tolist() == [2, 1, 1, 0, 2]


def test_names_stay_readable_with_many_children() -> None:
    parent = [-1] + [0] * 28 + [1] * 12 + [40] * 27
    names = supernode_names(parent)
    assert names[1] == "A"
    assert names[28] == "AB"
    assert names[40] == "A12"
    assert names[41] == "A12a"
    assert names[67] == "A12aa"
    assert len(set(names)) == len(names)


def test_coarse_edges_by_hand() -> None:
    edges = by_hand().coarse_edges([1, 2])
    assert edges.source.tolist() == [0, 1]
    assert edges.target.tolist() == [1, 0]
    assert edges.total.tolist() == [3.25, -2.5]
    assert edges.total_abs.tolist() == [3.25, 5.5]
    assert edges.peak.tolist() == [3.0, -4.0]
    assert edges.count.tolist() == [2, 3]
    assert edges.inside_total.tolist() == [-2.0, 0.0]
    assert edges.inside_abs.tolist() == [2.0, 0.0]


@pytest.mark.parametrize("level", range(4))
def test_coarse_edges_lose_no_weight(level: int) -> None:
    ends, weight = random_graph(150, 900)
    tree = build_hierarchy(150, ends, weight)
    edges = tree.coarse_edges(tree.level(level))
    assert edges.total.sum() + edges.inside_total.sum() == pytest.approx(weight.sum())
    assert edges.total_abs.sum() + edges.inside_abs.sum() == pytest.approx(np.abs(weight).sum())
    assert (np.abs(edges.peak) <= edges.total_abs + 1e-12).all()
    assert (np.abs(edges.total) <= edges.total_abs + 1e-12).all()


def test_coarse_edges_equal_the_dense_block_sums() -> None:
    ends, weight = random_graph(40, 300)
    tree = build_hierarchy(40, ends, weight)
    dense = np.zeros((40, 40))
    np.add.at(dense, (ends[0], ends[1]), weight)
    ids = tree.level(1)
    edges = tree.coarse_edges(ids)
    for source, target, total in zip(edges.source, edges.target, edges.total, strict=True):
        block = dense[np.ix_(tree.members(ids[source]), tree.members(ids[target]))]
        assert total == pytest.approx(block.sum())


def test_json_round_trip_of_float32_effects_is_exact() -> None:
    ends, weight = random_graph(80, 400)
    weight = weight.astype(np.float32).astype(np.float64)  # as graphs have them
    tree = build_hierarchy(80, ends, weight, HierarchySettings(leaf_size=4))
    read = Hierarchy.from_json(json.loads(json.dumps(tree.to_json())))
    assert read.name == tree.name
    for column in ("parent", "start", "stop", "order", "edge_index", "weight"):
        np.testing.assert_array_equal(getattr(read, column), getattr(tree, column))


def _without(data: dict, key: str) -> dict:
    return {k: v for k, v in data.items() if k != key}


@pytest.mark.parametrize(
    ("broken", "match"),
    [
        (lambda d: [], "an object with schema"),
        (lambda d: _without(d, "order"), "malformed at order"),
        (lambda d: d | {"more": 1}, "malformed at more"),
        (lambda d: d | {"order": [0, 0, 1, 2, 3]}, "permutation"),
        (lambda d: d | {"order": ["0", 1, 2, 3, 4]}, "malformed at order.0"),
        (lambda d: d | {"edges": {"source": [0], "target": [9], "weight": [1.0]}}, "edge_index"),
        (lambda d: d | {"edges": {"source": [0], "target": [], "weight": [1.0]}}, "lengths"),
        (
            lambda d: d | {"edges": {"source": [0], "target": [1], "weight": [float("nan")]}},
            "malformed at edges.weight.0",
        ),
        (lambda d: d | {"supernodes": d["supernodes"][:-1]}, "start and stop"),
        (lambda d: d | {"supernodes": []}, "parent"),
        (
            lambda d: d | {"supernodes": [r | {"name": "Z"} for r in d["supernodes"]]},
            "names out of order",
        ),
    ],
)
def test_malformed_json_is_refused(broken, match: str) -> None:
    with pytest.raises(FormatError, match=match):
        Hierarchy.from_json(broken(by_hand().to_json()))


def test_json_of_another_schema_is_refused() -> None:
    data = by_hand().to_json() | {"schema": "hagd-explorer/hierarchy/99"}
    with pytest.raises(UnknownSchemaError, match="unknown schema"):
        Hierarchy.from_json(data)


def test_what_is_not_a_tree_is_refused() -> None:
    good = {k: getattr(by_hand(), k) for k in ("parent", "start", "stop", "order", "edge_index")}
    good["weight"] = by_hand().weight
    for column, value, match in (
        ("parent", np.array([-1, 0, 0, 3, 1]), "parent"),
        ("parent", np.array([0, 0, 0, 1, 1]), "parent"),
        ("start", np.array([0, 0, 3, 0, 2]), "start and stop"),
        ("stop", np.array([5, 3, 5, 1, 2]), "start and stop"),
        ("weight", np.array([1.0, np.inf, 1, 1, 1, 1]), "weight"),
    ):
        with pytest.raises(GraphError, match=match):
            Hierarchy(**(good | {column: value}))


def test_unknown_and_overlapping_supernodes_are_refused() -> None:
    tree = by_hand()
    with pytest.raises(NodeError, match="no supernode 5"):
        tree.members(5)
    with pytest.raises(NodeError, match="no supernode 'Q'"):
        tree.find("Q")
    with pytest.raises(NodeError, match="no level -1"):
        tree.level(-1)
    with pytest.raises(NodeError, match="overlap"):
        tree.coarse_edges([1, 3])


def test_the_tree_is_read_only() -> None:
    tree = by_hand()
    with pytest.raises(ValueError, match="read-only"):
        tree.members(1)[0] = 0


def test_other_edges_go_over_the_same_tree() -> None:
    other = by_hand().with_edges(np.array([[4], [3]]), np.array([7.0]))
    assert other.coarse_edges([1, 2]).total.tolist() == [7.0]
    assert other.name == by_hand().name
