"""The pipeline's own small parts, each by hand or against what it stands for."""

from dataclasses import replace
from itertools import groupby

import numpy as np
import pytest
import torch

from core.circuit import Attention, FeatureNode, HeadNode, leaf_numbers, node_table
from core.errors import GateError, SettingsError, TaskError
from core.graph import AttributionGraph, NodeKind
from core.guide import GuideScores
from core.guide.guide import largest_member
from core.hierarchy import build_hierarchy
from core.interventions import Ablation, Evaluator
from core.pipeline.finished import _ranked
from core.pipeline.graphs import restricted
from core.pipeline.nulls import permuted, same_answer, shuffled
from core.pipeline.prepare import check_gate, head, prepare
from core.pipeline.probes import ABLATIONS, Probe
from core.pipeline.progress import Clock, RunProgress, ignore
from core.pipeline.rankings import tails
from core.pipeline.search import choose_size, search
from core.pipeline.settings import RunSettings
from core.tasks import PromptPair, Split, Task
from core.validation import ValidationSettings
from tests.tiny import tiny_batch, tiny_model, tiny_transcoders


def task_of(pairs_per_split=4, splits=tuple(Split), gate=0.5):
    words = [f"w{i}" for i in range(17)]
    pairs, places = [], {split: [] for split in Split}
    for split in splits:
        for n in range(pairs_per_split):
            i = len(pairs)
            text = f"<bos> {words[i % 17]} {words[i // 17]} {words[(3 * i) % 17]}"
            other = f"<bos> {words[(i + 5) % 17]} {words[n]} {words[(3 * i + 1) % 17]}"
            pairs.append(PromptPair(clean=text, corrupt=other, answer=words[n], wrong=words[n + 1]))
            places[split].append(i)
    return Task(
        name="toy", title="Toy", pairs=tuple(pairs), gate=gate, source="test",
        splits={split: tuple(ids) for split, ids in places.items()},
    )  # fmt: skip


def test_splits_become_batches_of_their_own_prompts():
    prepared = prepare(tiny_model("gpt2"), task_of())
    assert prepared.length == 4
    for split, batches in prepared.batches.items():
        got = sorted(i for batch in batches for i in batch.index.tolist())
        assert got == list(prepared.task.splits[split])


def test_a_task_without_a_split_is_refused():
    with pytest.raises(TaskError, match="no prompts in test"):
        prepare(tiny_model("gpt2"), task_of(splits=tuple(s for s in Split if s != Split.TEST)))


def test_a_model_that_cannot_do_the_task_is_refused_with_its_accuracy():
    with pytest.raises(GateError, match=r"answers 0\.\d+ of unseen toy prompts.*gate is 0\.99"):
        check_gate(prepare(tiny_model("gpt2"), task_of(gate=0.99)))


def test_head_takes_in_proportion():
    batches = (tiny_batch(prompts=8), tiny_batch(prompts=4, length=4, shift=1))
    assert [len(batch.clean) for batch in head(batches, 6)] == [4, 2]
    assert head(batches, None) is batches


def test_permuted_answers_stay_in_their_split_and_move(tmp_path):
    task = task_of(pairs_per_split=12)
    dealt = permuted(task, tmp_path / "dealt.jsonl", seed=0)
    for split in Split:
        before = [task.pairs[i] for i in task.splits[split]]
        after = [dealt.pairs[i] for i in task.splits[split]]
        assert [p.clean for p in before] == [p.clean for p in after]
        assert sorted(p.answer for p in before) == sorted(p.answer for p in after)
        assert sum(b.answer != a.answer for b, a in zip(before, after, strict=True)) > 6


@pytest.fixture
def probe():
    model = tiny_model("gpt2")
    coders = tiny_transcoders(model)
    evaluator = Evaluator(
        model, coders, [tiny_batch(seed=1)], mean_over=[tiny_batch(seed=2)], length=5
    )
    return Probe.on(evaluator, features(evaluator.active().nonzero()))


def test_group_effects_are_those_of_the_circuits_they_mean(probe):
    groups = [np.array([0, 3, 5]), np.array([2])]
    got = torch.as_tensor(probe.group_effect(groups))
    empty, model = probe.end_points[Ablation.RESAMPLE]
    span = model.logit_diff.mean() - empty.logit_diff.mean()
    for row, group in zip(got, groups, strict=True):
        mask = torch.zeros(len(probe.nodes))
        mask[torch.as_tensor(group)] = 1
        alone = probe.evaluator.outcome(probe.places.gates(mask[None]), Ablation.RESAMPLE)
        want = alone.logit_diff.mean() - empty.logit_diff.mean()
        torch.testing.assert_close(row[1].float(), want / span if span > 1e-3 else want)


def test_losses_reach_every_node(probe):
    mask = torch.full((len(probe.nodes),), 0.5, requires_grad=True)
    probe.loss(mask).backward()
    assert (mask.grad != 0).float().mean() > 0.2


def test_residuals_are_margins_less_the_models_in_units_of_it(probe):
    mask = torch.zeros(len(probe.nodes))
    mask[::2] = 1
    found = probe.respond(mask)
    model = probe.evaluator.model_outcome().logit_diff[0]
    scale = model.square().mean().sqrt()
    gates = probe.places.gates(mask[None])
    want = [probe.evaluator.outcome(gates, a).logit_diff[0] - model for a in ABLATIONS]
    torch.testing.assert_close(found.residual, torch.cat(want) / scale)
    torch.testing.assert_close(probe.measure(mask[None])[0], found.residual.square().mean())
    torch.testing.assert_close(probe.residuals(mask[None])[0], found.residual)
    assert found.slope.shape == (len(found.residual), len(probe.nodes))


def test_slopes_foretell_what_a_small_step_does(probe):
    point = torch.full((len(probe.nodes),), 0.5)
    direction = torch.randn(len(point), generator=torch.Generator().manual_seed(0))
    ends = [probe.respond(point + step * direction).residual for step in (0.005, -0.005)]
    want = (ends[0] - ends[1]) / 0.01
    torch.testing.assert_close(probe.respond(point).slope @ direction, want, rtol=0.05, atol=5e-3)


def features(rows):
    """Rows (layer, position, feature) with their kind."""
    nodes = torch.as_tensor(rows)
    return torch.cat([torch.zeros(len(nodes), 1, dtype=torch.long), nodes], 1)


def test_the_sparse_part_is_grouped_by_site():
    nodes = features([[0, 1, 0], [0, 1, 9], [0, 2, 9], [0, 1, 8], [1, 2, 0]])
    dense = torch.tensor([True, False, False, False, True])
    assert [group.tolist() for group in tails(nodes, dense)] == [[1, 3], [2]]
    assert tails(nodes, torch.zeros(5, dtype=torch.bool)) == []


def guessed(tree):
    """Scores that mean nothing."""
    leaf = np.random.default_rng(0).random(tree.n_leaves)
    return GuideScores(leaf=leaf, supernode=largest_member(tree, leaf))


def test_a_search_ranks_nested_circuits_and_says_what_each_method_did(probe):
    n = len(probe.nodes)
    tree = build_hierarchy(n, np.zeros((2, 0), dtype=np.int64), np.zeros(0))
    settings = RunSettings(size=5, max_size=8, refine_steps=3)
    dense = probe.nodes[:, 3] < 3
    told: list[RunProgress] = []
    clock = Clock(told.append)
    found = search(probe, probe, tree, guessed(tree), dense, settings, clock)
    assert found.size == 5
    assert len(set(found.order)) == len(found.order) == found.record["candidates"] <= 4 * 8
    named = {"hierarchical", "flat", "dense", "active", "guide"}
    assert set(found.record["selection"]) == named
    assert found.forwards == found.record["forwards"][found.record["taken"]] > 0
    # exchanges and gates are refinement: "search" has ended before the first of them is told
    assert [stage for stage, _ in groupby(told, lambda step: step.stage)] == ["search", "refine"]
    notes = {stage: {s.note for s in told if s.stage == stage} for stage in ("search", "refine")}
    assert notes["search"] & {"descend", "rank"}
    assert "refine" in notes["refine"]
    assert not notes["search"] & notes["refine"]
    assert set(clock.seconds) == {"search"}
    again = search(probe, probe, tree, guessed(tree), dense, settings, Clock(ignore))
    assert again.order[:5] == found.order[:5]


def test_the_size_asked_for_is_the_size_given(probe):
    ranking = torch.arange(len(probe.nodes))
    choice = choose_size(probe, ranking, RunSettings(size=7))
    assert choice.size == 7
    assert [row["size"] for row in choice.scan] == [7]


def graph():
    """tok → f0, f1 → f2 → logit; tok → f1; f1 → logit."""
    kinds = [NodeKind.FEATURE] * 3 + [NodeKind.TOKEN, NodeKind.LOGIT]
    return AttributionGraph(
        kind=torch.tensor([int(k) for k in kinds]),
        layer=torch.tensor([0, 0, 1, -1, 2]),
        position=torch.tensor([1, 2, 2, 1, 2]),
        index=torch.tensor([4, 5, 6, -1, -1]),
        activation=torch.ones(5),
        logit_weight=torch.tensor([0, 0, 0, 0, 1.0]),
        edge_index=torch.tensor([[3, 3, 0, 1, 2, 1], [0, 1, 2, 2, 4, 4]]),
        direct_effect=torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
    )


def test_what_is_left_out_is_one_node_and_inputs_still_sum():
    whole = graph()
    circuit = (FeatureNode(1, 2, 6), FeatureNode(0, 1, 4))
    small, places = restricted(whole, circuit)
    assert small.n_nodes == 5
    assert small.kind.tolist() == [0, 0, 3, 6, 5]
    assert leaf_numbers(small, circuit).tolist() == [1, 0, -1, -1, -1]
    sums = small.dense().sum(1)
    want = whole.dense().sum(1)
    assert sums[:4].tolist() == [want[0], want[2], 0.0, want[4]]
    assert sorted(places.tolist()) == [-1, -1, 0, 2, 4]


@pytest.mark.parametrize(
    "wrong", [{"size": 0}, {"max_size": 0}, {"branching": 1}, {"aim": 0.0}, {"aim": 1.5}]
)
def test_settings_out_of_range(wrong):
    with pytest.raises(SettingsError, match="Run setting"):
        RunSettings(**wrong)


def heads_of(evaluator):
    """Every head at every position, as rows."""
    sizes = (evaluator.bounds.n_layers, evaluator.bounds.n_positions, evaluator.bounds.n_heads)
    return torch.cartesian_prod(
        torch.tensor([int(NodeKind.HEAD)]), *(torch.arange(size) for size in sizes)
    )


def test_slopes_of_heads_foretell_what_a_small_step_does(probe):
    nodes = torch.cat([probe.nodes, heads_of(probe.evaluator)])
    counted = Probe.on(probe.evaluator, nodes, Attention.CIRCUIT)
    point = torch.full((len(nodes),), 0.5)
    direction = torch.randn(len(point), generator=torch.Generator().manual_seed(0))
    direction[: len(probe.nodes)] = 0
    ends = [counted.respond(point + step * direction).residual for step in (0.005, -0.005)]
    want = (ends[0] - ends[1]) / 0.01
    torch.testing.assert_close(counted.respond(point).slope @ direction, want, rtol=0.05, atol=5e-3)


def test_a_node_at_all_positions_is_its_nodes_at_each(probe):
    """Position -1, for features and heads alike."""
    everywhere = probe.nodes[:, [0, 1, 3]].unique(dim=0)
    rows = torch.stack([everywhere[:, 0], everywhere[:, 1], torch.full((len(everywhere),), -1),
                        everywhere[:, 2]], 1)  # fmt: skip
    heads = heads_of(probe.evaluator)
    whole = heads[heads[:, 2] == 0].clone()
    whole[:, 2] = -1
    few = Probe.on(probe.evaluator, torch.cat([rows[:5], whole[:3]]), Attention.CIRCUIT)
    many = [
        row
        for kind, layer, _, index in few.nodes.tolist()
        for row in [[kind, layer, p, index] for p in range(5)]
    ]
    each = Probe.on(probe.evaluator, torch.tensor(many), Attention.CIRCUIT)
    for one, two in zip(
        few.scores(torch.ones(1, 8)), each.scores(torch.ones(1, len(many))), strict=True
    ):
        torch.testing.assert_close(one, two)
    slope = few.respond(torch.ones(8)).slope
    want = each.respond(torch.ones(len(many))).slope.view(len(slope), 8, 5).sum(2)
    torch.testing.assert_close(slope, want, rtol=1e-4, atol=1e-5)


def test_heads_outside_a_circuit_are_left_out_with_its_features():
    whole = graph()
    whole = replace(whole, kind=torch.tensor([1, 0, 0, 3, 6]))  # f0 is a head now
    small, _ = restricted(whole, (FeatureNode(1, 2, 6),))
    assert small.kind.tolist() == [0, 3, 6, 5]
    want = whole.dense().sum(1)
    assert small.dense().sum(1)[:3].tolist() == [want[2], 0.0, want[4]]
    kept, _ = restricted(whole, (FeatureNode(1, 2, 6), HeadNode(0, 4, 1)))
    assert kept.kind.tolist() == [1, 0, 3, 6, 5]


def test_shuffled_features_leave_heads_where_they_are():
    nodes = features([[0, 1, f] for f in range(9)])
    order = (FeatureNode(0, 1, 2), HeadNode(0, 3, 1), FeatureNode(0, 1, 5))
    got = shuffled(order, nodes, seed=0)
    assert got[1] == HeadNode(0, 3, 1)
    assert all(isinstance(node, FeatureNode) for node in (got[0], got[2]))


def sums(count=6):
    """Every split has each answer of a + b modulo `count` several times."""
    pairs, places = [], {split: [] for split in Split}
    for split in Split:
        for a in range(count):
            for b in range(count):
                places[split].append(len(pairs))
                pairs.append(
                    PromptPair(
                        clean=f"<bos> {split} w{a} w{b}", corrupt=f"<bos> {split} w{b} x",
                        answer=f"w{(a + b) % count}", wrong=f"w{(a + b + 1) % count}",
                    )
                )  # fmt: skip
    return Task(
        name="sums", title="Sums", pairs=tuple(pairs), gate=0.5, source="test",
        splits={split: tuple(ids) for split, ids in places.items()},
    )  # fmt: skip


def test_a_same_answer_corrupt_prompt_is_another_clean_one_of_the_split(tmp_path):
    task = sums()
    dealt = same_answer(task, tmp_path / "same.jsonl", 0, lambda text: len(text.split()))
    for split in Split:
        answer = {pair.clean: pair.answer for pair in task.of(split)}
        assert len(dealt.of(split)) == len(task.of(split))
        for pair in dealt.of(split):
            assert pair.corrupt != pair.clean
            assert answer[pair.corrupt] == pair.answer == answer[pair.clean]


def test_a_task_without_two_prompts_of_one_answer_has_no_such_null(tmp_path):
    with pytest.raises(TaskError, match="no two prompts with one answer"):
        same_answer(task_of(), tmp_path / "same.jsonl", 0, lambda text: len(text.split()))


def test_shuffled_features_keep_their_places_and_repeat_none():
    sites = [(0, 1), (0, 2), (1, 2)]
    nodes = features([[la, po, f] for la, po in sites for f in range(20)])
    order = tuple(FeatureNode(*site, f) for f in range(7) for site in sites)
    got = shuffled(order, nodes, seed=0)
    assert [node[:2] for node in got] == [node[:2] for node in order]
    assert len(set(got)) == len(order)
    assert sum(a == b for a, b in zip(got, order, strict=True)) < 6
    assert got == shuffled(order, nodes, seed=0)
    assert got != shuffled(order, nodes, seed=1)


def test_a_ranking_reads_back_with_its_heads_and_as_it_was_once_written():
    nodes = (FeatureNode(1, 2, 3), HeadNode(0, 1), HeadNode(1, 2, 3))
    assert [str(node) for node in _ranked({"order": node_table(nodes)})] == [
        "1:2:3", "L0H1", "L1H2@3"
    ]  # fmt: skip
    assert _ranked({"order": torch.tensor([[1, 2, 3]])}) == (FeatureNode(1, 2, 3),)
    assert _ranked({}) == ()


def test_too_few_random_circuits_are_refused_before_a_run():
    assert RunSettings(draws=100, seed=4).validation == ValidationSettings(draws=100, seed=4)
    with pytest.raises(SettingsError, match="draws is 99; at least 100 random circuits"):
        RunSettings(draws=99)
