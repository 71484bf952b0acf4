"""Trees beside chance: structure that is there is found, and noise is not taken for it."""

import json

import numpy as np
import pytest

from core.hierarchy import (
    Chance,
    HierarchySettings,
    build_hierarchy,
    random_tree,
    tree_report,
)
from core.hierarchy.report import FEWEST


def source_alike(n: int = 96, edges: int = 1500, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Four kinds of nodes; kind k writes mostly to kind k + 1, never to itself."""
    rng = np.random.default_rng(seed)
    kind, source = np.arange(n) % 4, rng.integers(n, size=edges)
    step = np.where(rng.random(edges) < 0.9, 1, rng.integers(1, 4, size=edges))
    wanted = (kind[source] + step) % 4
    target = rng.integers(n // 4, size=edges) * 4 + wanted
    return np.stack([source, target]), rng.standard_normal(edges)


def shapeless(n: int = 96, edges: int = 1500, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.integers(n, size=(2, edges)), np.ones(edges)


def z(chance: Chance) -> float:
    assert chance.z is not None
    return chance.z


def test_alike_nodes_are_found_where_newman_sees_nothing() -> None:
    report = tree_report(build_hierarchy(96, *source_alike()), draws=20)
    first = report.levels[0].measures
    assert report.levels[0].clusters == 4
    assert first["newman"].value < 0
    for name in ("affinity_newman", "block_bits"):
        assert z(first[name]) > 20
        assert first[name].p == pytest.approx(1 / (1 + report.random_trees))
        assert z(report.rewired[name]) > 5
        assert report.rewired[name].p == pytest.approx(1 / (1 + report.rewired_graphs))
    assert first["affinity_newman"].value > 0.3
    assert first["block_bits"].value > 1


@pytest.mark.parametrize("seed", range(3))
def test_noise_is_not_above_rewired_noise(seed: int) -> None:
    """It is above random trees, since a cut looks for structure: the reason for the second null."""
    report = tree_report(build_hierarchy(96, *shapeless(seed=seed)), draws=20)
    assert z(report.levels[0].measures["affinity_newman"]) > 3
    for name in ("affinity_newman", "block_bits", "newman"):
        assert abs(z(report.rewired[name])) < 3.5
        assert report.rewired[name].p > 0.05


def test_a_tree_blind_to_the_graph_is_one_of_the_random_ones() -> None:
    report = tree_report(random_tree(96, *source_alike()), draws=20)
    for level in report.levels:
        for chance in level.measures.values():
            assert abs(z(chance)) < 3.5


def test_levels_nest_and_leiden_has_the_first_ones_number() -> None:
    hierarchy = build_hierarchy(96, *source_alike(), HierarchySettings(leaf_size=2))
    report = tree_report(hierarchy, draws=5)
    assert [row.level for row in report.levels] == [1, 2, 3, 4][: hierarchy.depth]
    assert [row.clusters for row in report.levels] == [
        len(hierarchy.level(row.level)) for row in report.levels
    ]
    bits = [row.measures["block_bits"].value for row in report.levels]
    assert bits == sorted(bits)
    assert report.leiden is not None
    assert report.leiden.clusters == report.levels[0].clusters
    assert report.leiden.newman > report.levels[0].measures["newman"].value
    assert (report.random_trees, report.rewired_graphs) == (5, 5)


def test_the_same_seed_gives_the_same_report() -> None:
    hierarchy = build_hierarchy(96, *source_alike())
    assert tree_report(hierarchy, draws=5) == tree_report(hierarchy, draws=5)


def test_draws_that_do_not_differ_have_no_z() -> None:
    """0 and 1 write to 2: however the edges are dealt, Newman's Q of one source is the same."""
    ends = np.array([[0, 0, 0, 0], [1, 2, 3, 4]])
    settings = HierarchySettings(leaf_size=1, branching=2)
    report = tree_report(build_hierarchy(5, ends, np.ones(4), settings), settings)
    assert report.rewired["newman"].z is None
    assert report.rewired["newman"].p == 1.0
    assert report.rewired_graphs == FEWEST


def test_a_tree_that_is_only_a_root_has_no_levels() -> None:
    report = tree_report(build_hierarchy(3, np.array([[0], [1]]), np.ones(1)))
    assert (report.levels, report.rewired, report.leiden) == ((), {}, None)


def test_it_is_plain_data() -> None:
    report = tree_report(build_hierarchy(96, *source_alike()), draws=3)
    read = json.loads(json.dumps(report.to_json()))
    assert read["levels"][0]["measures"]["block_bits"]["value"] > 1
