"""Learned guides: they learn what is there, messages carry it, and a file gives them back."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from scipy.stats import spearmanr

from core.choices import GUIDES
from core.errors import FormatError, SettingsError, UnknownSchemaError
from core.guide import Guide, InfluenceGuide, ShiftedInfluenceGuide, guide_named
from core.guide.gnn import GnnGuide, load_guide, save_guide
from core.guide.hetero import to_hetero
from core.guide.learning import LearningSettings, episode, fit, score_nodes
from core.guide.network import NetworkSettings, network
from core.guide.scoring import rank_scores
from tests.core.guide.graphs import larger, part_of_tree, tree

SMALL = NetworkSettings(width=16, heads=2, rounds=1)


def planted(seed):
    """A graph where the readers of one kind matter, which their own columns hide."""
    graph = larger(seed=seed)
    hierarchy = tree(graph)
    data = to_hetero(graph, hierarchy)
    source, target = data["node", "drives", "node"].edge_index
    strength = torch.zeros(graph.n_nodes)
    strength.index_add_(0, target, (graph.kind[source] == 1).float())
    inside = np.concatenate(
        [[(s, leaf) for leaf in hierarchy.members(s)] for s in range(hierarchy.n_supernodes)]
    )
    place = torch.arange(graph.n_nodes)
    return episode(f"planted {seed}", data, place, strength, torch.tensor(inside.T))


def auroc(made, one):
    score = score_nodes(made, one.data)["node"].astype(float)
    return rank_scores(score, one.member.numpy()).auroc


def test_messages_find_what_no_node_shows_by_itself():
    """The rule is about neighbours, so the perceptron on the same columns is the control."""
    learn, held_out = [planted(seed) for seed in range(8)], [planted(seed) for seed in (20, 21, 22)]
    settings = LearningSettings(steps=160, lr=1e-2)
    shape = replace(SMALL, dropout=0.0)
    gnn = fit(learn, shape, settings)
    alone = fit(learn, replace(shape, kind="perceptron"), settings)
    with_graph = np.mean([auroc(gnn, one) for one in held_out])
    without = np.mean([auroc(alone, one) for one in held_out])
    assert with_graph > 0.85
    assert with_graph > without + 0.1


@pytest.mark.parametrize("kind", ["gatv2", "perceptron", "linear"])
def test_one_seed_gives_one_network_and_leaves_the_generator_alone(kind):
    learn, shape = [planted(0), planted(1)], replace(SMALL, kind=kind)
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    first = fit(learn, shape, LearningSettings(steps=3, seed=1))
    torch.testing.assert_close(torch.rand(3), wanted)
    again = fit(learn, shape, LearningSettings(steps=3, seed=1))
    other = fit(learn, shape, LearningSettings(steps=3, seed=2))
    scores = [score_nodes(made, learn[0].data)["node"] for made in (first, again, other)]
    np.testing.assert_array_equal(scores[0], scores[1])
    assert (scores[0] != scores[2]).any()


def test_before_training_the_ranking_is_the_one_to_beat():
    """Only the prior speaks: nodes come in the order of the two influences' decades."""
    one = planted(3)
    torch.manual_seed(0)
    score = score_nodes(network(SMALL).eval(), one.data)["node"]
    from core.guide.network import _PLACES

    known = one.data["node"].x[:, _PLACES["node"]].sum(1).numpy()
    assert (np.diff(score[np.argsort(known, kind="stable")]) >= -1e-6).all()


def test_labels_by_hand():
    """Ten nodes, one member; a supernode has its strongest member's label."""
    graph = larger(n=10)
    data = to_hetero(graph, tree(graph, leaf_size=20))
    strength = torch.tensor([0.0, 0, 0, 2, 0, 0, 1, 0, 0, 0])
    inside = torch.stack([torch.zeros(10, dtype=torch.long), torch.arange(10)])
    one = episode("by hand", data, torch.arange(10), strength, inside)
    assert one.member.nonzero().flatten().tolist() == [3]
    assert one.effect[3] == pytest.approx(np.log(11))
    assert one.effect[6] == pytest.approx(np.log(6))
    assert one.above_effect.tolist() == pytest.approx([np.log(11)])
    assert one.above_member.tolist() == [True]


def test_a_guide_comes_back_from_its_files(tmp_path):
    made = fit([planted(0)], SMALL, LearningSettings(steps=2))
    save_guide(made, SMALL, tmp_path / "guide.json", {"command": "test"})
    graph = larger(seed=4)
    hierarchy, leaves = part_of_tree(graph)
    before = GnnGuide(made)(graph, hierarchy, leaves)
    after = load_guide(tmp_path / "guide.json")(graph, hierarchy, leaves)
    np.testing.assert_array_equal(before.leaf, after.leaf)
    assert isinstance(GnnGuide(made), Guide)
    assert (before.leaf > 0).all()
    for supernode in range(hierarchy.n_supernodes):
        members = hierarchy.members(supernode)
        assert before.supernode[supernode] >= before.leaf[members].max()


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "guide.json"
    save_guide(network(SMALL), SMALL, path, {})
    return path


def rewritten(path, **change):
    path.write_text(json.dumps(json.loads(path.read_text()) | change))


def test_a_guide_of_another_version_is_refused(saved):
    rewritten(saved, schema="hagd-guide/9")
    with pytest.raises(UnknownSchemaError, match="hagd-guide/9"):
        load_guide(saved)


def test_a_guide_that_reads_other_columns_is_refused(saved):
    rewritten(saved, reads={"node": ["activation"]})
    with pytest.raises(UnknownSchemaError, match="other columns.*differ in node, supernode"):
        load_guide(saved)


def test_a_description_that_is_none_is_refused(saved):
    saved.write_text("{")
    with pytest.raises(FormatError, match="does not describe a guide"):
        load_guide(saved)


def test_a_shape_that_is_none_is_refused(saved):
    rewritten(saved, shape={"depth": 3})
    with pytest.raises(FormatError, match="does not say what network"):
        load_guide(saved)


def test_weights_of_another_shape_are_refused(saved):
    rewritten(saved, shape={"width": 8, "heads": 2, "rounds": 1})
    with pytest.raises(FormatError, match="do not fit it"):
        load_guide(saved)


def test_weights_that_are_not_finite_are_refused(saved):
    weights = load_file(saved.with_suffix(".safetensors"))
    name = min(weights)
    weights[name] = torch.full_like(weights[name], torch.nan)
    save_file(weights, saved.with_suffix(".safetensors"))
    with pytest.raises(FormatError, match=f"values of {name} that are not finite"):
        load_guide(saved)


def test_a_damaged_weights_file_is_refused(saved):
    saved.with_suffix(".safetensors").write_bytes(b"nothing")
    with pytest.raises(FormatError, match="cannot be read as weights"):
        load_guide(saved)


def test_guides_by_name():
    assert isinstance(guide_named("influence"), InfluenceGuide)
    assert isinstance(guide_named("shifted-influence"), ShiftedInfluenceGuide)
    assert set(GUIDES) == {"influence", "shifted-influence", "gnn"}
    with pytest.raises(SettingsError, match="Unknown guide 'luck'.*one of influence"):
        guide_named("luck")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: NetworkSettings(width=10, heads=4), "cannot be built"),
        (lambda: LearningSettings(steps=0), "cannot be trained so"),
        (lambda: fit([], SMALL, LearningSettings()), "nothing to learn from: got no graph"),
    ],
)
def test_what_cannot_be_trained_is_refused(make, message):
    with pytest.raises(SettingsError, match=message):
        make()


def test_the_bundled_guide_reads_this_versions_graphs():
    """What comes with the program loads, scores every leaf, and is no stranger to influence."""
    graph = larger(seed=5)
    hierarchy, leaves = part_of_tree(graph)
    guide = guide_named("gnn")
    scores = guide(graph, hierarchy, leaves)
    assert isinstance(guide, GnnGuide)
    assert np.isfinite(scores.leaf).all()
    assert (scores.leaf > 0).all()
    # Far from its training data it still orders about as influence along sizes does.
    plain = ShiftedInfluenceGuide()(graph, hierarchy, leaves).leaf
    assert spearmanr(scores.leaf, plain).statistic > 0.7


def test_messages_are_learned_after_what_columns_say():
    """With a first stage the silent part of the network is where a perceptron alone would be."""
    learn = [planted(0), planted(1)]
    settings = LearningSettings(steps=1, alone=4, seed=3)
    staged = fit(learn, SMALL, settings)
    plain = fit(learn, SMALL, replace(settings, alone=0))
    first, second = (
        torch.cat([p.flatten() for p in made.alone.parameters()]) for made in (staged, plain)
    )
    assert (first - second).abs().max() > 1e-3
    assert not torch.equal(score(staged, learn[0]), score(plain, learn[0]))


def score(made, one):
    return torch.from_numpy(score_nodes(made, one.data)["node"])
