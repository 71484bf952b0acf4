"""Exchanges: by hand, against every single exchange, and that the loss never rises."""

import itertools

import pytest
import torch

from core.errors import SettingsError
from core.search import ExchangeSettings, exchange
from tests.core.search.test_descend import measuring
from tests.core.search.test_joint import linear


def run(slope, chosen, candidates=None, settings=None, respond=None, measure=None):
    n = slope.shape[1]
    respond = respond or linear(slope)
    inside = torch.arange(n) if candidates is None else torch.tensor(candidates)
    return exchange(
        n, torch.tensor(chosen), inside, respond, measure or measuring(respond), settings
    )


def test_the_wrong_node_goes_by_hand():
    # The answer is 1 + 2 + 4; of two nodes {1, 2} miss by 3, {2, 0} by 5 and 4 at best.
    found = run(torch.tensor([[1.0, 2.0, 4.0]]), [0, 1])
    assert found.chosen.tolist() == [1, 2]
    assert found.loss == (16.0, 1.0)


def test_only_candidates_come_in():
    found = run(torch.tensor([[1.0, 2.0, 4.0]]), [0], candidates=[0, 1])
    assert found.chosen.tolist() == [1]


def test_no_single_exchange_is_left_that_helps():
    slope = torch.randn(6, 10, generator=torch.Generator().manual_seed(4))
    respond, found = linear(slope), run(slope, [0, 1, 2, 3], settings=ExchangeSettings(gain=0.0))

    def loss(nodes):
        mask = torch.zeros(10)
        mask[list(nodes)] = 1
        return float(respond(mask).residual.square().mean())

    inside = set(found.chosen.tolist())
    assert loss(inside) == pytest.approx(found.loss[-1])
    for out, into in itertools.product(inside, set(range(10)) - inside):
        assert loss(inside - {out} | {into}) >= loss(inside) - 1e-5


def test_the_size_stays_and_the_loss_falls():
    slope = torch.randn(30, 40, generator=torch.Generator().manual_seed(5))
    found = run(slope, list(range(15)))
    assert len(found.chosen) == 15
    assert list(found.loss) == sorted(found.loss, reverse=True)
    assert found.loss[-1] < found.loss[0]


def test_what_only_the_first_order_promises_is_not_done():
    slope = torch.tensor([[1.0, 2.0, 4.0]])
    found = run(slope, [0, 1], measure=lambda masks: 1.0 + (masks[:, 2] > 0).float())
    assert found.chosen.tolist() == [0, 1]
    assert found.loss == (1.0,)
    assert found.responses == 1


def test_a_whole_circuit_has_nothing_to_exchange():
    assert run(torch.ones(1, 3), [0, 1, 2]).forwards == 1


@pytest.mark.parametrize("bad", [{"rounds": 0}, {"width": 0}, {"gain": 1.0}])
def test_settings_without_meaning_are_refused(bad):
    with pytest.raises(SettingsError, match="Exchange settings"):
        ExchangeSettings(**bad)
