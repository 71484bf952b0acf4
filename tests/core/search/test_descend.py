"""The way down the tree: by hand, what it must never drop, and that measurements decide."""

import numpy as np
import pytest
import torch

from core.errors import SettingsError
from core.guide import GuideScores
from core.guide.guide import largest_member
from core.hierarchy import Hierarchy
from core.search import DescendSettings, Response, descend
from tests.core.search.test_joint import linear

LOOSE = DescendSettings(floor=0.01, least=0.01)


def tree(*sizes):
    """The root and one terminal supernode per size, over consecutive leaves."""
    ends = np.cumsum(sizes)
    return Hierarchy(
        parent=np.array([-1] + [0] * len(sizes)),
        start=np.array([0, *(ends - sizes)]),
        stop=np.array([ends[-1], *ends]),
        order=np.arange(ends[-1]),
        edge_index=np.zeros((2, 0), dtype=np.int64),
        weight=np.zeros(0),
    )


def measuring(respond):
    return lambda masks: torch.stack([respond(m).residual.square().mean() for m in masks])


def run(respond, hierarchy, settings=LOOSE, measure=None, known=()):
    return descend(hierarchy, respond, measure or measuring(respond), settings, known=known)


def test_supernodes_that_do_nothing_together_go_and_the_others_stay():
    # 0 and 1 cancel; 2 and 3 do nothing; 4 and 5 carry the answer.
    slope = torch.tensor([[5.0, -5.0, 0.0, 0.0, 1.0, 2.0]])
    found = run(linear(slope), tree(2, 2, 2))
    assert found.live.tolist() == [4, 5]
    assert found.round_of.tolist() == [1, 1, 1, 1, 0, 0]
    first = found.rounds[0]
    assert (first.proposed, first.dropped, first.live, first.loss) == (2, 2, 2, 0.0)


def test_members_apart_are_kept_where_the_tree_puts_them_with_others():
    # The same nodes, but the cancelling ones lie in different supernodes beside what matters.
    slope = torch.tensor([[5.0, 1.0, -5.0, 2.0]])
    assert run(linear(slope), tree(2, 2)).live.tolist() == [0, 1, 2, 3]


def test_a_measurement_overrules_the_first_order():
    respond = linear(torch.tensor([[0.0, 0.0, 0.0, 1.0]]))

    def measured(masks):  # nodes 0 and 1 are an OR gate: flat, until both are gone
        both = (masks[:, 0] == 0) & (masks[:, 1] == 0)
        return both.float() + (1 - masks[:, 3])

    found = run(respond, tree(2, 1, 1), measure=measured)
    assert {0, 1, 3} <= set(found.live.tolist())


def test_known_groups_come_first_and_an_unfit_one_stays():
    slope = torch.tensor([[0.0, 1.0, 0.0, 1.0]])
    known = [torch.tensor([0, 2]), torch.tensor([1])]
    found = run(linear(slope), tree(2, 2), known=known)
    assert found.live.tolist() == [1, 3]
    assert found.rounds[0].dropped == 1


def test_never_fewer_than_keep_nor_more_forwards_than_the_budget():
    respond = linear(torch.zeros(1, 8))
    settings = DescendSettings(keep=5, least=0.01)
    assert len(run(respond, tree(2, 2, 2, 2), settings).live) == 6
    dull = measuring(linear(torch.zeros(1, 8), target=torch.ones(1)))
    assert run(respond, tree(2, 2, 2, 2), DescendSettings(budget=2), dull).forwards == 2


def test_a_list_that_is_too_long_is_halved():
    # To first order nobody matters; really, all but the first two groups do.
    respond = linear(torch.zeros(1, 8))
    found = run(respond, tree(*[1] * 8), LOOSE, measure=lambda masks: 1.0 - masks[:, 2:].amin(1))
    assert found.live.tolist() == [2, 3, 4, 5, 6, 7]
    first = found.rounds[0]  # one node has to stay: 7, 3, then 1 of them
    assert (first.proposed, first.dropped, first.live) == (7, 1, 7)


def test_forwards_and_responses_are_those_really_asked_for():
    respond, asked, run_ = linear(torch.randn(6, 12)), [], []

    def watched(mask):
        asked.append(mask)
        return respond(mask)

    def measured(masks):
        run_.extend(masks)
        return measuring(respond)(masks)

    found = descend(tree(3, 3, 3, 3), watched, measured, DescendSettings(floor=1.0))
    assert (found.responses, found.forwards) == (len(asked), len(run_))


def test_the_measured_loss_never_passes_the_limit():
    generator = torch.Generator().manual_seed(3)
    slope = 0.1 * torch.randn(20, 40, generator=generator)
    respond = linear(slope)
    found = run(respond, tree(*[4] * 10), DescendSettings(floor=0.05, growth=1.0))
    for one in found.rounds:
        assert one.loss <= 0.05
    mask = torch.zeros(40)
    mask[found.live] = 1
    assert float(respond(mask).residual.square().mean()) == pytest.approx(found.rounds[-1].loss)


def test_response_loss_is_the_mean_square():
    response = Response(residual=torch.tensor([1.0, 3.0]), slope=torch.zeros(2, 1))
    assert response.loss == 5.0


@pytest.mark.parametrize(
    ("name", "value"),
    [("growth", 0.5), ("floor", -1.0), ("least", 0.0), ("budget", 0), ("keep", 0), ("trust", -1.0)],
)
def test_settings_without_meaning_are_refused(name, value):
    with pytest.raises(SettingsError, match="way down the tree"):
        DescendSettings(**{name: value})


@pytest.mark.parametrize(("share", "left"), [(0.99, 2), (1.01, 4)])
def test_a_drop_may_raise_the_loss_by_the_growth_allowed_and_no_more(share, left):
    settings = DescendSettings(floor=0.01, growth=1.5, least=0.9)
    before = 0.04

    def respond(mask):
        return Response(residual=torch.tensor([before**0.5]), slope=torch.zeros(1, len(mask)))

    def measured(masks):
        return torch.full((len(masks),), before * settings.growth * share)

    known = [torch.tensor([0, 1])]
    found = run(respond, tree(4), settings, measured, known=known)
    assert len(found.live) == left


def test_what_a_level_closes_is_off_the_quota_of_the_next():
    # A (0-2) goes; B (3-5) cannot, since 5 matters; its child B1 (3, 4) would be one too many.
    hierarchy = Hierarchy(
        parent=np.array([-1, 0, 0, 2, 2]),
        start=np.array([0, 0, 3, 3, 5]),
        stop=np.array([6, 3, 6, 5, 6]),
        order=np.arange(6),
        edge_index=np.zeros((2, 0), dtype=np.int64),
        weight=np.zeros(0),
    )
    slope = torch.tensor([[0.0, 0.0, 0.0, 0.0, 0.0, 1.0]])
    settings = DescendSettings(floor=0.01, keep=2, least=0.01)
    assert run(linear(slope), hierarchy, settings).live.tolist() == [3, 4, 5]


def scores(hierarchy, leaf):
    leaf = np.asarray(leaf, dtype=np.float64)
    return GuideScores(leaf=leaf, supernode=largest_member(hierarchy, leaf))


NEEDED = (0, 1, 11)
"""Gates that the first order does not see: flat until one of them is gone."""


def hidden(seen):
    """A measured loss that knows what is needed; keeps every mask it was asked about."""

    def measured(masks):
        seen.extend(masks)
        return 1 - masks[:, NEEDED].amin(1)

    return measured


def guided(leaf, settings=LOOSE):
    """What is left of 24 nodes in twelve supernodes, and how many forwards it took."""
    hierarchy, seen = tree(*[2] * 12), []
    prior = None if leaf is None else scores(hierarchy, leaf)
    found = descend(hierarchy, linear(torch.zeros(1, 24)), hidden(seen), settings, prior=prior)
    assert found.forwards == len(seen)
    return found


def test_a_perfect_guide_drops_more_than_no_guide():
    truth = [float(i in NEEDED) for i in range(24)]
    blind, seeing = guided(None), guided(truth)
    # Without scores the first supernode is tried first, and it is needed: nothing ever goes.
    assert len(blind.live) == 24
    assert set(NEEDED) <= set(seeing.live.tolist())
    assert len(seeing.live) <= 4


@pytest.mark.parametrize("seed", range(5))
def test_a_wrong_guide_drops_nothing_that_is_needed(seed):
    leaf = np.random.default_rng(seed).random(24)
    leaf[list(NEEDED)] = 0  # the worst of all guides: what is needed is tried closed first
    found = guided(leaf)
    assert set(NEEDED) <= set(found.live.tolist())


def test_where_the_first_order_is_right_any_guide_leads_to_the_same_circuit():
    slope = torch.zeros(3, 12)
    slope[:, 4:7] = torch.eye(3)
    hierarchy = tree(*[2] * 6)
    for seed in range(5):
        prior = scores(hierarchy, np.random.default_rng(seed).random(12))
        found = descend(hierarchy, linear(slope), measuring(linear(slope)), LOOSE, prior=prior)
        assert found.live.tolist() == [4, 5, 6, 7]


def test_scores_of_zero_and_no_trust_are_as_no_guide():
    respond = linear(torch.randn(6, 12, generator=torch.Generator().manual_seed(5)))
    hierarchy, settings = tree(*[3] * 4), DescendSettings(floor=3.0)
    plain = descend(hierarchy, respond, measuring(respond), settings)
    for leaf, trust in ((np.zeros(12), 1.0), (np.arange(12), 0.0)):
        options = DescendSettings(floor=3.0, trust=trust)
        prior = scores(hierarchy, leaf)
        found = descend(hierarchy, respond, measuring(respond), options, prior=prior)
        assert found.round_of.tolist() == plain.round_of.tolist()
        assert found.responses == plain.responses


def test_scores_of_another_tree_are_refused():
    prior = scores(tree(3, 3), np.zeros(6))
    with pytest.raises(SettingsError, match="do not fit the hierarchy"):
        descend(tree(2, 2, 2), linear(torch.zeros(1, 6)), lambda masks: masks.sum(1), prior=prior)
