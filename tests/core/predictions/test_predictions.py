"""Predictions of supernodes on tiny models: predictors and effects in two ways, order of steps."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from core.attribution import Direction, build_graphs, pool_graphs
from core.circuit import FeatureNode, HeadNode
from core.graph import AttributionGraph, NodeKind, total_effect
from core.hierarchy import HierarchySettings, build_hierarchy
from core.models import Edits
from core.predictions import Subject, intact, predictions
from core.predictions.expected import by_gradient, by_graph, group_effects
from core.predictions.groups import members, outside, regrouped, supernodes
from core.predictions.trials import Intervention, effect, here, third_rows, trials
from tests.tiny import tiny_batch, tiny_model, tiny_transcoders

THIRD, HALF = Intervention.THIRD, Intervention.HALF


@pytest.fixture(scope="module")
def parts():
    model = tiny_model("gpt2")
    coders = tiny_transcoders(model)
    return model, coders, trials(model, coders, [tiny_batch(prompts=6)], 0)


def chain():
    """Features 0 → 1 → logit and 0 → logit; 0 also writes −1 to the logit directly."""
    kind = [int(NodeKind.FEATURE)] * 2 + [int(NodeKind.LOGIT)]
    return AttributionGraph(
        kind=torch.tensor(kind), layer=torch.tensor([0, 1, 2]), position=torch.tensor([0, 0, 0]),
        index=torch.tensor([7, 8, -1]), activation=torch.tensor([2.0, 4.0, 5.0]),
        logit_weight=torch.tensor([0.0, 0.0, 1.0]),
        edge_index=torch.tensor([[0, 0, 1], [1, 2, 2]]),
        direct_effect=torch.tensor([3.0, -1.0, 6.0]),
    )  # fmt: skip


def test_the_effect_of_a_group_counts_each_path_once_by_hand():
    first, second = FeatureNode(0, 0, 7), FeatureNode(1, 0, 8)
    # 0 gives 3 of 1's 4 units, of which 6 go on: 4.5, less the 1 it takes directly.
    found = group_effects(chain(), [[first], [second], [first, second], [FeatureNode(1, 0, 9)]])
    assert found.tolist() == [3.5, 6.0, 5.0, 0.0]
    assert by_graph(chain(), [[second]], THIRD).tolist() == [-6.0]
    assert by_graph(chain(), [[second]], Intervention.MORE).tolist() == [3.0]


def test_the_effect_of_a_group_is_that_of_the_graph_without_its_incoming_edges(parts):
    model, coders, _ = parts
    batch = tiny_batch()
    targets = [Direction(answer=3, wrong=4)] * 3
    graph = pool_graphs(build_graphs(model, coders, batch.clean, targets), [0, 0, 0]).graph()
    rows = graph.of_kind(NodeKind.FEATURE).nonzero()[:, 0]
    for some in (rows[:1], rows[::3], rows):
        inside = torch.zeros(graph.n_nodes, dtype=torch.bool)
        inside[some] = True
        leaving = ~inside[graph.edge_index[1]]
        cut = replace(
            graph,
            edge_index=graph.edge_index[:, leaving],
            direct_effect=graph.direct_effect[leaving],
        )
        nodes = [
            FeatureNode(int(graph.layer[i]), int(graph.position[i]), int(graph.index[i]))
            for i in some
        ]
        want = float(total_effect(cut)[some].sum())
        assert float(group_effects(graph, [nodes])[0]) == pytest.approx(want, rel=1e-4, abs=1e-4)


def test_a_third_prompt_is_neither_the_prompt_nor_its_twin_and_has_an_answer_of_its_own():
    batch = tiny_batch(prompts=12)
    rows = third_rows(batch, 0)
    assert (rows >= 0).all()
    assert (batch.clean[rows] != batch.clean).any(1).all()
    assert (batch.clean[rows] != batch.corrupt).any(1).all()
    assert (batch.answer[rows] != batch.answer).all()
    assert (batch.answer[rows] != batch.wrong).all()


def test_with_two_answers_only_the_third_prompt_is_still_another_one():
    batch = tiny_batch(prompts=4)
    two = replace(batch, answer=torch.tensor([3, 4, 3, 4]), wrong=torch.tensor([4, 3, 4, 3]))
    rows = third_rows(two, 0)
    assert (rows != torch.arange(4)).all()
    assert (rows >= 0).all()
    alone = replace(two.take(slice(0, 1)), corrupt=two.clean[:1])
    assert third_rows(alone, 0).tolist() == [-1]


def test_interchange_of_all_features_of_a_layer_is_the_third_prompts_mlp_up_to_its_error(parts):
    model, coders, tried = parts
    (trial,) = tried
    features = coders.n_features
    group = [FeatureNode(1, p, f) for p in range(5) for f in range(features)]
    out = (
        trial.mlp_out[1] + (trial.other.activation[1] - trial.live.activation[1]) @ coders[1].W_dec
    )
    logits = model.run(trial.batch.clean, Edits(replaced={1: lambda x: out}))
    rows = torch.arange(6)
    want = logits[rows, trial.batch.answer] - logits[rows, trial.batch.wrong] - trial.margin
    torch.testing.assert_close(effect(model, coders, tried, group, THIRD), want)


def test_heads_are_interchanged_and_scaled_whole_or_at_one_position(parts):
    model, coders, tried = parts
    (trial,) = tried
    whole = effect(model, coders, tried, [HeadNode(0, 1)], THIRD)
    each = effect(model, coders, tried, [HeadNode(0, 1, p) for p in range(5)], THIRD)
    torch.testing.assert_close(whole, each)
    one = effect(model, coders, tried, [HeadNode(0, 1, 4)], HALF)

    def halved(z):
        z = z.clone()
        z[:, 4, 1] *= 0.5
        return z

    logits = model.run(trial.batch.clean, Edits(heads={0: halved}))
    rows = torch.arange(6)
    want = logits[rows, trial.batch.answer] - logits[rows, trial.batch.wrong] - trial.margin
    torch.testing.assert_close(one, want)


def test_a_node_before_a_short_prompts_start_is_not_there():
    batch = tiny_batch(length=4, shift=1)
    assert here([FeatureNode(0, 0, 3)], batch) == []
    ((layer, kind, rows),) = here([FeatureNode(0, 1, 3)], batch)
    assert (layer, kind, rows.tolist()) == (0, FeatureNode, [[0], [3]])


def test_gradients_along_a_line_add_up_to_the_effect_of_the_whole_layer(parts, monkeypatch):
    model, coders, tried = parts
    monkeypatch.setattr("core.predictions.expected.STEPS", 64)
    features = [FeatureNode(1, p, f) for p in range(5) for f in range(coders.n_features)]
    heads = [HeadNode(1, h) for h in range(model.n_heads)]
    for group in (features, heads):
        found = by_gradient(model, coders, tried, [group, group[:3], group[3:]], THIRD)
        want = effect(model, coders, tried, group, THIRD).mean()
        # Features of the last layer, at the last token, are read by the norm alone: a smooth line.
        assert float(found[0]) == pytest.approx(float(want), rel=0.02, abs=0.02)
        assert float(found[1] + found[2]) == pytest.approx(float(found[0]), abs=1e-4)


@pytest.fixture(scope="module")
def subject(parts):
    model, coders, _ = parts
    batch = tiny_batch(prompts=8)
    targets = [
        Direction(answer=a, wrong=w)
        for a, w in zip(batch.answer.tolist(), batch.wrong.tolist(), strict=True)
    ]
    graph = pool_graphs(build_graphs(model, coders, batch.clean, targets), [0] * 8).graph()
    at = graph.of_kind(NodeKind.FEATURE).nonzero()[:24, 0]
    nodes = tuple(
        FeatureNode(int(graph.layer[i]), int(graph.position[i]), int(graph.index[i])) for i in at
    )
    number = torch.full((graph.n_nodes,), -1)
    number[at] = torch.arange(len(at))
    ends = number[graph.edge_index]
    inside = (ends >= 0).all(0)
    tree = build_hierarchy(
        len(nodes), ends[:, inside].numpy(), graph.direct_effect[inside].double().numpy(),
        HierarchySettings(leaf_size=2, branching=3),
    )  # fmt: skip
    return Subject(
        model=model, coders=coders, nodes=nodes, tree=tree, graph=graph,
        attribution=[batch], test=[tiny_batch(prompts=6, seed=3)], length=5,
    )  # fmt: skip


def test_predictions_are_registered_before_a_test_prompt_is_run(subject, monkeypatch):
    monkeypatch.setattr("core.predictions.controls.REGROUPED", 3)
    monkeypatch.setattr("core.predictions.score.PERMUTATIONS", 9)
    test_ids = {tuple(row) for batch in subject.test for row in batch.clean.tolist()}
    seen = set()
    plain = type(subject.model).trace

    def trace(model, ids, *rest):
        seen.update(map(tuple, ids.tolist()))
        return plain(model, ids, *rest)

    monkeypatch.setattr(type(subject.model), "trace", trace)
    said = []

    def say(note):
        assert not seen & test_ids
        said.append(note)

    found = predictions(subject, say)
    assert seen & test_ids  # run afterwards
    assert found["registered_hash"][:12] in said[0]
    assert {"scores", "controls", "sentence"} <= set(found)
    assert intact(json.loads(json.dumps(found)))  # as it is read from a file


@pytest.fixture(scope="module")
def found(subject):
    return predictions(subject)


def test_predictions_do_not_depend_on_what_the_test_prompts_are(subject, found):
    again = predictions(replace(subject, test=[tiny_batch(prompts=6, seed=9)]))
    assert found["expected"] == again["expected"]
    assert found["measured"] != again["measured"]
    assert len(found["expected"]["third_prompt"]["graph"]) == len(found["supernodes"])


def test_scores_are_of_the_last_level_and_controls_stand_beside_them(subject, found):
    level = subject.tree.level(found["level"])
    score = found["scores"]["third_prompt"]
    assert score["n"] == len(level)
    assert score["graph"]["random"]["n"] == 99
    assert set(found["controls"]) == {"regrouped", "outside"}
    assert "scale_1.5" in found["scores"]
    assert np.isfinite(score["graph"]["r2"])


def test_regrouping_keeps_every_site_and_the_shape_of_the_tree(subject):
    dealt = regrouped(subject.nodes, 1)
    assert dealt != subject.nodes
    assert sorted(dealt) == sorted(subject.nodes)
    assert [n[:2] for n in dealt] == [n[:2] for n in subject.nodes]


def test_outside_groups_have_the_sites_of_theirs_and_none_of_the_circuits_features(subject):
    chosen = supernodes(subject.tree)
    groups = members(subject.tree, chosen.ids, subject.nodes)
    frame = subject.model.n_layers, 5, subject.coders.n_features
    drawn = outside(groups, subject.nodes, torch.ones(frame), 0)
    for group, other in zip(groups, drawn, strict=True):
        assert not set(other) & set(subject.nodes)
        assert sorted(n[:2] for n in other) == sorted(n[:2] for n in group)
    dead = outside(groups, subject.nodes, torch.zeros(frame), 0)
    assert dead == [() for _ in groups]
