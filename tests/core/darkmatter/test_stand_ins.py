"""Stand-ins have the norms, the means and the owners that they say."""

import torch

from core.darkmatter.split import fit_layer
from core.darkmatter.stand_ins import Layer, StandIn, drawn, fixed, noise_like, orders
from tests.core.darkmatter.test_split import planted


def layer(seed=0):
    read, error, present = planted(prompts=60, noise=1.0, seed=seed)
    present[:] = True
    split = fit_layer(read, error, present)
    return Layer(error, error.flip(0), *split.parts(read, error), split)


def chance():
    return torch.Generator().manual_seed(3)


def test_noise_keeps_the_mean_and_the_norm_of_every_deviation():
    one = layer()
    order = torch.arange(60).repeat(200, 1)
    for kind in (StandIn.NOISE, StandIn.SHAPED):
        values = drawn(kind, one, order, chance())
        size = (values - one.split.mean).norm(dim=-1)
        torch.testing.assert_close(size, one.deviation.norm(dim=-1).expand_as(size))
        away = (values.mean(0) - one.split.mean).norm(dim=-1)
        assert (away < 0.4 * one.deviation.norm(dim=-1)).all()


def test_noise_of_the_errors_shape_points_where_errors_point():
    factor = torch.zeros(1, 3, 3)
    factor[0, 0, 1] = 2.0
    values = noise_like(torch.full((5, 1, 3), 1.0), 4, chance(), factor)
    assert values[..., [0, 2]].abs().max() < 1e-6
    torch.testing.assert_close(values[..., 1].abs(), torch.full((4, 5, 1), 3**0.5))


def test_nothing_is_as_large_as_nothing():
    assert not noise_like(torch.zeros(2, 1, 3), 2, chance()).any()


def test_shuffled_errors_belong_to_another_prompt_of_the_same_length():
    length = torch.tensor([4, 4, 4, 5, 5, 6])
    order = orders(length, 50, chance())
    for draw in order:
        assert sorted(draw.tolist()) == list(range(6))
        assert torch.equal(length[draw], length)
        assert (draw[:5] != torch.arange(5)).all()
        assert draw[5] == 5
    assert len({tuple(draw.tolist()) for draw in order}) > 1
    one = layer()
    got = drawn(StandIn.SHUFFLED, one, torch.tensor([[1, 0, *range(2, 60)]]), chance())[0]
    assert torch.equal(got[0], one.error[1])


def test_the_parts_with_the_mean_counted_once_are_the_error():
    one = layer()
    parts = fixed(StandIn.LINEAR, one) + fixed(StandIn.NONLINEAR, one) - fixed(StandIn.MEAN, one)
    torch.testing.assert_close(parts, fixed(StandIn.REAL, one))
    assert torch.equal(fixed(StandIn.RESAMPLED, one), one.corrupt)
    assert not fixed(StandIn.ZERO, one).any()
