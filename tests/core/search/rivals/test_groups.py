"""Group testing: by hand, planted circuits, gates that need two kinds of ablation, budgets."""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pytest

from core.errors import SettingsError
from core.hierarchy import Hierarchy, HierarchySettings, build_hierarchy
from core.search import SearchProgress
from core.search.rivals import Gate, GroupSettings, best_first, gates_of


def tree_over(n: int, leaf_size: int = 8, branching: int = 4) -> Hierarchy:
    """Nodes without edges: supernodes are runs of consecutive nodes."""
    settings = HierarchySettings(leaf_size=leaf_size, branching=branching)
    return build_hierarchy(n, np.zeros((2, 0), dtype=np.int64), np.zeros(0), settings)


def recall_at(trace, exhaustive, top):
    """Share of the `top` strongest nodes that have any effect among the trace's `top` strongest."""
    exhaustive = np.abs(exhaustive)
    wanted = np.argsort(-exhaustive, kind="stable")[:top]
    wanted = wanted[exhaustive[wanted] > 0]
    found = np.argsort(-trace.value, kind="stable")[:top]
    return np.isin(wanted, found).mean()


def additive(effect: np.ndarray):
    """A model in which effects add up; counts how often it is asked about a group."""
    asked: list[int] = []

    def group_effect(groups: Sequence[np.ndarray]) -> np.ndarray:
        asked.append(len(groups))
        return np.array([effect[members].sum() for members in groups])

    return group_effect, asked


def test_one_node_by_hand() -> None:
    # 16 nodes in 4 supernodes of 4: 4 groups, then the 4 leaves of the one with an effect.
    effect = np.zeros(16)
    effect[6] = 1.0
    group_effect, asked = additive(effect)
    settings = GroupSettings(epsilon=0.1, batch=4)
    trace = best_first(tree_over(16, leaf_size=4), np.zeros(16), group_effect, settings)
    assert trace.forwards == sum(asked) == 8
    assert trace.value.tolist() == effect.tolist()
    assert np.flatnonzero(trace.measured).tolist() == [4, 5, 6, 7]
    assert trace.order[:4] == tuple(tuple(range(i, i + 4)) for i in (0, 4, 8, 12))
    assert [trace.order[place] for place in trace.discarded[:3]] == [
        (0, 1, 2, 3),
        (8, 9, 10, 11),
        (12, 13, 14, 15),
    ]


def test_the_strongest_prior_is_measured_first() -> None:
    prior = np.zeros(16)
    prior[[13, 2]] = 5.0, 3.0
    group_effect, _ = additive(np.ones(16))
    settings = GroupSettings(epsilon=0.1, batch=1)
    trace = best_first(tree_over(16, leaf_size=4), prior, group_effect, settings)
    assert trace.order[0] == (12, 13, 14, 15)
    assert trace.order[1] == (13,)
    assert trace.order[2] == (0, 1, 2, 3)
    assert trace.order[3] == (2,)


@pytest.mark.parametrize(("locality", "share"), [(0.95, 0.25), (0.7, 0.3)])
def test_planted_additive_circuit_is_recalled_with_few_forwards(
    locality: float, share: float
) -> None:
    n, size = 512, 16
    tree = tree_over(n)
    for seed in range(5):
        effect, prior = planted(n, size, locality, seed)
        group_effect, _ = additive(effect)
        trace = best_first(tree, prior, group_effect, GroupSettings(epsilon=0.02))
        assert recall_at(trace, effect, size) >= 0.9
        assert trace.forwards <= share * n


def test_a_distributed_circuit_costs_more_and_is_still_recalled() -> None:
    effect, prior = planted(512, 16, 0.0, 0)
    group_effect, _ = additive(effect)
    trace = best_first(tree_over(512), prior, group_effect, GroupSettings(epsilon=0.02))
    assert recall_at(trace, effect, 16) >= 0.9
    assert 0.25 < trace.forwards / 512 <= 0.5


def planted(n: int, size: int, locality: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Effects of a circuit mostly inside two runs of 16, and a noisy prior of it."""
    rng = np.random.default_rng(seed)
    runs = np.concatenate([np.arange(16) + 16 * run for run in rng.choice(n // 16, 2, False)])
    local = rng.choice(runs, round(locality * size), replace=False)
    rest = rng.choice(np.setdiff1d(np.arange(n), runs), size - len(local), replace=False)
    effect = np.zeros(n)
    effect[np.concatenate([local, rest])] = 0.1 * rng.lognormal(0, 0.5, size)
    return effect, np.sqrt(effect) + np.abs(rng.normal(0, 0.2, n))


def test_an_or_gate_is_seen_by_denoising_only() -> None:
    # Either of 3 and 40 keeps the behaviour: ablating one does nothing, restoring one restores it.
    def group_effect(groups: Sequence[np.ndarray]) -> np.ndarray:
        noising = [float({3, 40} <= set(members.tolist())) for members in groups]
        denoising = [float(bool({3, 40} & set(members.tolist()))) for members in groups]
        return np.stack([noising, denoising], axis=1)

    trace = best_first(tree_over(64), np.zeros(64), group_effect)
    assert set(np.flatnonzero(trace.value).tolist()) == {3, 40}
    # Both effects of all 64 nodes would take 128.
    assert trace.forwards <= 64
    alone = best_first(tree_over(64), np.zeros(64), lambda groups: group_effect(groups)[:, :1])
    assert not alone.value.any()


def test_an_and_gate_is_seen_by_noising_only() -> None:
    # Both of 3 and 40 are needed: ablating either breaks it, restoring one alone does nothing.
    def group_effect(groups: Sequence[np.ndarray]) -> np.ndarray:
        noising = [float(bool({3, 40} & set(members.tolist()))) for members in groups]
        denoising = [float({3, 40} <= set(members.tolist())) for members in groups]
        return np.stack([noising, denoising], axis=1)

    trace = best_first(tree_over(64), np.zeros(64), group_effect)
    assert set(np.flatnonzero(trace.value).tolist()) == {3, 40}


def test_members_that_cancel_are_found_where_the_prior_is_heavy() -> None:
    effect = np.zeros(64)
    effect[[17, 18]] = 1.0, -1.0
    prior = np.full(64, 0.01)
    prior[[17, 18]] = 1.0
    group_effect, _ = additive(effect)
    trace = best_first(tree_over(64), prior, group_effect, GroupSettings(guard=0.25))
    assert set(np.flatnonzero(trace.value > 0.5).tolist()) == {17, 18}
    trusting = best_first(tree_over(64), prior, group_effect, GroupSettings(guard=1.0))
    assert not (trusting.value > 0.5).any()


@pytest.mark.parametrize("budget", [1, 7, 30])
def test_the_budget_is_never_exceeded(budget: int) -> None:
    group_effect, asked = additive(np.ones(64))
    trace = best_first(tree_over(64), np.ones(64), group_effect, GroupSettings(budget=budget))
    assert trace.forwards == sum(asked) == budget
    # What was not measured alone holds its share of the group it was in.
    assert trace.value[~trace.measured].max() <= 1.0


def test_effects_of_groups_left_whole_are_shared_by_prior() -> None:
    prior = np.array([3.0, 1, 0, 0, 0, 0, 0, 0])
    group_effect, _ = additive(np.array([6.0, 2, 0, 0, 0, 0, 0, 0]))
    settings = GroupSettings(budget=1, batch=1)
    tree = tree_over(8, leaf_size=2, branching=4)
    trace = best_first(tree, prior, group_effect, settings)
    assert trace.value[:2].tolist() == [6.0, 2.0]
    assert not trace.measured.any()


def test_a_tree_of_one_supernode_measures_its_leaves() -> None:
    group_effect, _ = additive(np.array([0.0, 2.0, 0.0]))
    trace = best_first(tree_over(3), np.zeros(3), group_effect)
    assert trace.value.tolist() == [0.0, 2.0, 0.0]
    assert trace.forwards == 3


def test_a_batch_holds_no_more_groups_than_asked() -> None:
    group_effect, asked = additive(np.ones(64))
    best_first(tree_over(64), np.ones(64), group_effect, GroupSettings(batch=5))
    assert max(asked) == 5


def test_progress_counts_up_and_may_cancel() -> None:
    seen: list[SearchProgress] = []
    group_effect, asked = additive(np.ones(64))
    best_first(tree_over(64), np.ones(64), group_effect, progress=seen.append)
    done = [p.done for p in seen]
    assert done == sorted(done)
    assert done[-1] <= seen[-1].total

    def cancel(progress: SearchProgress) -> None:
        raise InterruptedError

    asked.clear()
    with pytest.raises(InterruptedError):
        best_first(tree_over(64), np.ones(64), group_effect, progress=cancel)
    assert len(asked) == 1


def test_bad_answers_and_settings_are_refused() -> None:
    tree = tree_over(16)
    with pytest.raises(SettingsError, match="group_effect returned"):
        best_first(tree, np.zeros(16), lambda groups: np.zeros(len(groups) + 1))
    with pytest.raises(SettingsError, match="not finite"):
        best_first(tree, np.zeros(16), lambda groups: np.full(len(groups), np.nan))
    with pytest.raises(SettingsError, match="prior does not fit"):
        best_first(tree, np.zeros(15), lambda groups: np.zeros(len(groups)))
    for name, value in (
        ("epsilon", -1.0),
        ("batch", 0),
        ("guard", 2.0),
        ("budget", 0),
        ("trust", 1.0),
    ):
        with pytest.raises(SettingsError, match=name):
            GroupSettings(**cast("Any", {name: value}))


def guided(prior: np.ndarray, effect: np.ndarray, trust: float = 0.75, **settings: Any):
    group_effect, _ = additive(effect)
    options = GroupSettings(epsilon=0.02, trust=trust, **settings)
    return best_first(tree_over(len(effect)), prior, group_effect, options)


@pytest.mark.parametrize("seed", range(5))
def test_a_perfect_prior_finds_all_sooner_than_none_and_than_groups_alone(seed: int) -> None:
    effect, _ = planted(512, 16, 0.0, seed)
    found = {
        name: guided(prior, effect, trust=trust, budget=32).measured[effect > 0].mean()
        for name, prior, trust in (("trusted", effect, 0.75), ("queue", effect, 0.0),
                                   ("blind", np.zeros(512), 0.75))
    }  # fmt: skip
    assert found["trusted"] == 1.0
    assert max(found["queue"], found["blind"]) < 0.5


@pytest.mark.parametrize("seed", range(5))
def test_a_wrong_prior_cannot_hide_a_node_and_costs_only_its_share(seed: int) -> None:
    effect, _ = planted(512, 16, 0.7, seed)
    wrong = 1 / (1 + effect) * np.random.default_rng(seed).uniform(0.9, 1, 512)
    wrong[effect > 0] = 0
    blind, misled = guided(np.zeros(512), effect), guided(wrong, effect, trust=0.5)
    assert recall_at(misled, effect, 16) == 1.0
    assert misled.value[effect > 0].tolist() == pytest.approx(effect[effect > 0].tolist())
    # Half of the forwards follow the prior; what they clear on the way, groups need not.
    assert misled.forwards <= 2 * blind.forwards + 16


def test_trust_spends_its_share_on_single_nodes_in_the_order_of_the_prior() -> None:
    prior = np.arange(64, 0, -1.0)
    trace = guided(prior, np.ones(64), trust=0.5, budget=8, batch=1)
    singles = [members for members in trace.order if len(members) == 1]
    assert singles == [(0,), (1,), (2,), (3,)]
    # Groups leave out what was measured alone.
    groups = [set(members) for members in trace.order if len(members) > 1]
    assert groups[0] == set(range(1, 16))


def gated(groups: Sequence[np.ndarray]) -> np.ndarray:
    """AND of 3 and 40, OR of 9 and 50, and 20 adds 1; noising and denoising effects."""
    rows = []
    for group in groups:
        of = set(group.tolist())
        noised = float(bool(of & {3, 40})) + float({9, 50} <= of) + float(20 in of)
        denoised = float({3, 40} <= of) + float(bool(of & {9, 50})) + float(20 in of)
        rows.append([noised, denoised])
    return np.array(rows)


def test_gates_are_told_apart_by_what_sees_them() -> None:
    trace = best_first(tree_over(64), np.zeros(64), gated)
    gates = gates_of(trace.after(len(trace.order)).by_kind, 0.5)
    named = {node: gate for node, gate in enumerate(gates) if gate is not Gate.NONE}
    assert named == {3: "and", 40: "and", 9: "or", 50: "or", 20: "adder"}
    with pytest.raises(SettingsError, match="epsilon 0"):
        gates_of(np.zeros((2, 2)), 0.0)


def test_wanting_both_effects_leaves_the_adders() -> None:
    trace = best_first(tree_over(64), np.zeros(64), gated, GroupSettings(want="both"))
    assert np.flatnonzero(trace.value).tolist() == [20]
    either = best_first(tree_over(64), np.zeros(64), gated)
    assert np.flatnonzero(either.value).tolist() == [3, 9, 20, 40, 50]
    assert trace.forwards < either.forwards


def test_what_was_known_earlier_is_what_a_smaller_budget_finds() -> None:
    effect, prior = planted(256, 16, 0.7, 1)
    for trust in (0.0, 0.5):
        whole = guided(prior, effect, trust=trust, batch=1)
        part = guided(prior, effect, trust=trust, batch=1, budget=40)
        early = whole.after(40)
        assert early.value.tolist() == part.value.tolist()
        assert early.measured.tolist() == part.measured.tolist()
