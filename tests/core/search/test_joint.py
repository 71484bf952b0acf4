"""Joint elimination: by hand, against trying every node, and what single nodes cannot tell."""

import pytest
import torch

from core.errors import NodeError, SettingsError
from core.search import JointSettings, Response, eliminate_jointly
from core.search import joint as module
from core.search.joint import close
from core.search.rivals import EliminateSettings, eliminate


def linear(slope, target=None):
    """A circuit whose answer is linear in its gates; the model's is all of them open."""
    target = slope.sum(1) if target is None else target

    def respond(mask):
        return Response(residual=slope @ mask - target, slope=slope)

    return respond


def test_closing_by_hand():
    # Costs alone: 1, 1, 0.64. With the third closed the residual is -0.8, and closing the second
    # (slope -1) leaves 0.2; then the first alone is left and would leave -0.8.
    slope = torch.tensor([[1.0, -1.0, 0.8]])
    closed = close(torch.zeros(1), slope, torch.ones(3))
    assert closed.items == [2, 1, 0]
    assert closed.residual.tolist() == pytest.approx([-0.8])
    assert close(torch.zeros(1), slope, torch.ones(3), quota=2.0).items == [2, 1]


def test_closing_stops_at_the_limit_and_weighs_by_nodes():
    slope = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    # Costs 2 for four nodes, 0.5 for one: as much per node; the first in order goes first.
    assert close(torch.zeros(2), slope, torch.tensor([4.0, 1.0])).items == [0, 1]
    assert close(torch.zeros(2), slope, torch.tensor([4.0, 1.0]), limit=1.9).items == [1]


def test_reluctance_moves_turns_and_not_the_predicted_loss():
    slope = torch.eye(3)
    held = torch.tensor([0.5, 0.0, 0.1])
    closed = close(torch.zeros(3), slope, torch.ones(3), limit=0.7, reluctance=held)
    assert closed.items == [1, 2]  # a third of 1 each: two fit below the limit, whoever they are
    assert closed.residual.tolist() == [0.0, -1.0, -1.0]


@pytest.mark.parametrize("wide", [4096, 4], ids=["gram", "columns"])
def test_every_closing_is_the_best_one_of_all(wide, monkeypatch):
    monkeypatch.setattr(module, "WIDE", wide)
    generator = torch.Generator().manual_seed(0)
    slope = torch.randn(12, 20, generator=generator, dtype=torch.float64)
    residual, closed = torch.randn(12, generator=generator, dtype=torch.float64), []
    for item in close(residual, slope, torch.ones(20, dtype=torch.float64)).items:
        left = [i for i in range(20) if i not in closed]
        after = {i: (residual - slope[:, [*closed, i]].sum(1)).square().mean() for i in left}
        assert after[item] <= min(after.values()) + 1e-9
        closed.append(item)
    assert len(closed) == 20


def test_a_node_that_makes_up_for_a_closed_one_goes_before_a_weaker_one():
    slope = torch.tensor([[1.0, -1.5, 0.0], [0.0, 0.0, 1.2]])
    assert close(torch.zeros(2), slope, torch.ones(3)).items == [0, 1, 2]
    alone = eliminate(3, lambda _: slope.square().sum(0), EliminateSettings(stop=1))
    assert alone.order.tolist() == [1, 2, 0]


def test_a_large_share_ranks_as_one_by_one_where_the_first_order_is_exact():
    slope = torch.randn(30, 16, generator=torch.Generator().manual_seed(1))
    one = eliminate_jointly(16, linear(slope), JointSettings(fraction=0.01, stop=1))
    half = eliminate_jointly(16, linear(slope), JointSettings(fraction=0.5, stop=1))
    assert half.order.tolist() == one.order.tolist()
    assert half.rounds < one.rounds == 16


def test_masks_hold_the_candidates_only_and_shrink_to_nested_circuits():
    slope, seen = torch.randn(8, 10, generator=torch.Generator().manual_seed(2)), []
    respond = linear(slope)

    def watched(mask):
        seen.append(mask.nonzero().squeeze(1).tolist())
        return respond(mask)

    order = eliminate_jointly(
        10, watched, JointSettings(stop=2), candidates=torch.tensor([1, 3, 4, 6, 7, 9])
    ).order.tolist()
    assert sorted(order) == [1, 3, 4, 6, 7, 9]
    for live in seen:
        assert set(live) == set(order[: len(live)])


@pytest.mark.parametrize("bad", [{"fraction": 0.0}, {"fraction": 1.0}, {"stop": 0}])
def test_settings_without_meaning_are_refused(bad):
    with pytest.raises(SettingsError, match="Joint elimination settings"):
        JointSettings(**bad)


def test_candidates_named_twice_are_refused():
    with pytest.raises(NodeError, match="candidates are wrong"):
        eliminate_jointly(4, linear(torch.eye(4)), candidates=torch.tensor([1, 1]))
