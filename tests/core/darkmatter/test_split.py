"""Splitting errors: nothing is lost, and what was planted is found."""

import torch

from core.darkmatter.split import explained, fit_layer, position_means


def planted(prompts=400, pos=3, d=6, noise=0.0, seed=0):
    """Inputs, errors linear in them (plus noise), and which positions prompts have."""
    chance = torch.Generator().manual_seed(seed)
    read = torch.randn(prompts, pos, d, generator=chance) + 3
    true = torch.randn(d, d, generator=torch.Generator().manual_seed(9))
    constant = torch.arange(pos)[:, None].float()
    error = read @ true + constant + noise * torch.randn(prompts, pos, d, generator=chance)
    present = torch.ones(prompts, pos, dtype=torch.bool)
    present[: prompts // 2, 0] = False
    return read * present[..., None], error * present[..., None], present


def test_mean_linear_and_nonlinear_part_add_up_to_the_error():
    read, error, present = planted(noise=1.0)
    split = fit_layer(read, error, present)
    linear, nonlinear = split.parts(read, error)
    torch.testing.assert_close(split.mean + linear + nonlinear, error)


def test_a_linear_error_is_found_to_be_linear_on_new_prompts():
    split = fit_layer(*planted())
    read, error, present = planted(seed=1)
    linear, _ = split.parts(read, error)
    assert explained(linear, error - split.mean, present) > 0.999


def test_noise_is_not_linear_on_new_prompts():
    chance = torch.Generator().manual_seed(2)
    read, _, present = planted()
    split = fit_layer(read, torch.randn(read.shape, generator=chance), present)
    again, _, _ = planted(seed=3)
    error = torch.randn(read.shape, generator=chance)
    linear, _ = split.parts(again, error)
    assert abs(explained(linear, error - split.mean, present)) < 0.05


def test_the_factor_squares_to_the_covariance_of_the_prompts_that_have_the_position():
    read, error, present = planted(noise=1.0)
    split = fit_layer(read, error, present)
    for position in range(3):
        rows = error[present[:, position], position]
        want = torch.cov(rows.T, correction=0)
        factor = split.factor[position]
        torch.testing.assert_close(factor.T @ factor, want, rtol=1e-3, atol=1e-3)


def test_fewer_prompts_than_dimensions_still_give_a_square_factor():
    read, error, present = planted(prompts=4)
    split = fit_layer(read, error, present)
    assert split.factor.shape == (3, 6, 6)
    rows = error[:, 2]
    want = torch.cov(rows.T, correction=0)
    torch.testing.assert_close(split.factor[2].T @ split.factor[2], want, rtol=1e-3, atol=1e-2)


def test_means_count_only_what_is_there():
    values = torch.tensor([[[9.0], [1.0]], [[4.0], [3.0]]])
    present = torch.tensor([[False, True], [True, True]])
    assert position_means(values, present).flatten().tolist() == [4.0, 2.0]


def test_nothing_to_explain_is_explained_by_nothing():
    zero = torch.zeros(2, 1, 3)
    assert explained(zero, zero, torch.ones(2, 1, dtype=torch.bool)) == 0.0
