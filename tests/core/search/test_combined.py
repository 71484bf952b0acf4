"""The three steps together on a planted circuit, and each left out."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from core.errors import SettingsError
from core.hierarchy import Hierarchy, HierarchySettings, build_hierarchy
from core.search import (
    EliminateSettings,
    GroupSettings,
    Probes,
    RefineSettings,
    SearchSettings,
    find,
)

N = 128
CIRCUIT = np.array([5, 6, 7, 40, 41, 42, 43, 100])
EFFECT = np.zeros(N)
EFFECT[CIRCUIT] = np.linspace(1.0, 0.3, len(CIRCUIT))
WEIGHT = torch.from_numpy(EFFECT / EFFECT.sum()).float()


def loss(mask: Tensor) -> Tensor:
    return (WEIGHT * (1 - mask)).sum()


def group_effect(groups: Sequence[np.ndarray]) -> np.ndarray:
    return np.array([EFFECT[members].sum() for members in groups])


PROBES = Probes(group_effect=group_effect, loss=loss)


def tree() -> Hierarchy:
    settings = HierarchySettings(leaf_size=4)
    return build_hierarchy(N, np.zeros((2, 0), dtype=np.int64), np.zeros(0), settings)


def prior() -> np.ndarray:
    return EFFECT + np.random.default_rng(0).random(N)


def test_all_three_find_the_planted_circuit() -> None:
    settings = SearchSettings(size=8, refine=RefineSettings(steps=50))
    order = find(tree(), prior(), PROBES, settings)
    assert order.ranking.tolist() == CIRCUIT.tolist()
    assert set(order.circuit().tolist()) == set(CIRCUIT.tolist())
    assert order.trace is not None
    assert order.trace.forwards == order.forwards <= 0.5 * N
    assert order.refinement is not None
    assert order.gradients > 50


def test_circuits_of_all_sizes_are_nested() -> None:
    settings = SearchSettings(size=4, groups=None, refine=RefineSettings(steps=20))
    order = find(tree(), prior(), PROBES, settings)
    assert len(order.ranking) == N
    for size in range(1, N):
        assert set(order.circuit(size)) < set(order.circuit(size + 1))
    assert order.refinement is not None
    assert set(order.circuit().tolist()) == set(order.refinement.chosen.tolist())


@pytest.mark.parametrize("groups", [GroupSettings(), None])
@pytest.mark.parametrize("eliminate", [EliminateSettings(), None])
@pytest.mark.parametrize("refine", [RefineSettings(steps=10), None])
def test_each_step_may_be_left_out(groups, eliminate, refine) -> None:
    settings = SearchSettings(size=8, groups=groups, eliminate=eliminate, refine=refine)
    order = find(tree(), prior(), PROBES, settings)
    assert len(order.circuit()) == 8
    assert len(np.unique(order.ranking)) == len(order.ranking)
    assert (order.forwards > 0) == (groups is not None)
    assert (order.gradients > 0) == (eliminate is not None or refine is not None)


def test_without_any_step_the_prior_ranks() -> None:
    settings = SearchSettings(size=3, groups=None, eliminate=None)
    order = find(tree(), prior(), Probes(), settings)
    assert order.ranking.tolist() == np.argsort(-prior()).tolist()


def test_nodes_a_budget_left_unmeasured_stay_candidates() -> None:
    settings = SearchSettings(size=8, groups=GroupSettings(budget=10), eliminate=None)
    order = find(tree(), prior(), PROBES, settings)
    assert order.trace is not None
    assert set(CIRCUIT.tolist()) <= set(order.ranking.tolist())
    assert len(order.ranking) < N


def test_nothing_found_falls_back_to_the_prior() -> None:
    nothing = Probes(group_effect=lambda groups: np.zeros(len(groups)), loss=loss)
    order = find(tree(), prior(), nothing, SearchSettings(size=8))
    assert len(order.ranking) == N
    assert set(order.circuit().tolist()) == set(CIRCUIT.tolist())


def test_candidates_are_limited_but_never_below_the_size() -> None:
    for limit, expected in ((6, 6), (2, 5)):
        settings = SearchSettings(size=5, candidates=limit, eliminate=None)
        assert len(find(tree(), prior(), PROBES, settings).ranking) == expected


def test_fewer_candidates_than_the_size_is_said() -> None:
    order = find(tree(), prior(), PROBES, SearchSettings(size=50))
    assert order.size == len(order.ranking) == 8


@pytest.mark.parametrize(
    ("probes", "match"),
    [
        (Probes(loss=loss), "groups is on"),
        (Probes(group_effect=group_effect), "eliminate is on"),
        (Probes(group_effect=group_effect, importance=torch.abs), "refine is on"),
    ],
)
def test_a_step_without_its_probe_is_refused(probes: Probes, match: str) -> None:
    with pytest.raises(SettingsError, match=match):
        find(tree(), prior(), probes, SearchSettings(refine=RefineSettings()))


def test_sizes_out_of_range_are_refused() -> None:
    with pytest.raises(SettingsError, match="Search sizes"):
        SearchSettings(size=0)
    with pytest.raises(SettingsError, match="Search sizes"):
        SearchSettings(candidates=0)
