"""Lengths of nested prefixes: ranks by hand, ladders, and a group penalty that concentrates use."""

import dataclasses

import pytest
import torch

from core.errors import SettingsError
from core.transcoders import (
    NestedSettings,
    Samples,
    TrainSettings,
    pooled_ranks,
    sized,
    train_on_samples,
)
from core.transcoders.training_state import TrainingRun

NESTED = TrainSettings(kind="nested", features=24, k=2, steps=30, batch=64, dead_after=5)


def two_places(*, loud=1.0):
    """Two positions that vary along two and three directions of their own, one of them shared."""
    generator = torch.Generator().manual_seed(0)
    position = torch.arange(600) % 3
    drawn = torch.randn(600, 8, generator=generator)
    y = torch.zeros(1, 600, 8)
    y[0, position == 1, :2] = loud * drawn[position == 1, :2]
    y[0, position == 2, 1:4] = drawn[position == 2, 1:4]
    return Samples(x=drawn[None], y=y + 5, position=position, first=position == 0)


def test_positions_share_the_directions_of_their_layer():
    samples = two_places()
    both, one, other = ([0.0, 1.0, 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0])
    ranks = [pooled_ranks(samples, torch.tensor([sites]), 0.97)[0] for sites in (both, one, other)]
    assert ranks == [4, 2, 3]


def test_ranks_follow_the_share_of_variance_asked_for():
    """One direction holds 100 parts of 101, two hold all."""
    generator = torch.Generator().manual_seed(0)
    y = torch.zeros(1, 400, 3)
    y[0, :, :2] = torch.tensor([10.0, 1.0]) * torch.randn(400, 2, generator=generator)
    first = torch.zeros(400, dtype=torch.bool)
    samples = Samples(x=y, y=y, position=torch.zeros(400, dtype=torch.long), first=first)
    assert pooled_ranks(samples, torch.ones(1, 1), 0.9) == (1,)
    assert pooled_ranks(samples, torch.ones(1, 1), 0.9999) == (2,)


def test_a_quiet_position_counts_as_much_as_a_loud_one():
    sites = torch.tensor([[0.0, 1.0, 1.0]])
    assert pooled_ranks(two_places(loud=3.0), sites, 0.97) == (4,)


def test_a_constant_output_has_no_rank():
    samples = dataclasses.replace(two_places(), y=torch.full((1, 600, 8), 5.3))
    assert pooled_ranks(samples, torch.ones(1, 3), 0.97) == (0,)
    assert sized(NESTED, samples).nested.prefix == (1,)


def asking(**nested):
    return dataclasses.replace(NESTED, nested=NestedSettings(**nested))


def test_a_prefix_is_three_ranks_long_and_shorter_multiples_reconstruct_alone():
    """Of a rank of 4: half of it, once, twice and three times."""
    settings = sized(NESTED, two_places())
    assert settings.nested.prefix == (12,)
    (layer,) = TrainingRun(two_places(), settings, ()).layers
    assert layer.lengths == (2, 4, 8, 12)


def test_the_multiple_and_the_share_of_variance_can_be_told():
    assert sized(asking(per_rank=4.0), two_places()).nested.prefix == (16,)
    # six units of variance along four directions: one alone holds two of them
    assert sized(asking(per_rank=4.0, variance=0.3), two_places()).nested.prefix == (4,)


def test_a_prefix_leaves_room_for_the_sparse_features():
    assert sized(asking(per_rank=100.0), two_places()).nested.prefix == (22,)


def test_the_sites_of_the_settings_are_the_ones_measured():
    settings = asking(per_rank=1.0, sites=((0.0, 1.0, 0.0),))
    assert sized(settings, two_places()).nested.prefix == (2,)


def test_a_run_that_is_not_told_its_prefix_takes_the_same_rule_on_its_own_samples():
    run = TrainingRun(two_places(), NESTED, ())
    assert run.prefixes == sized(NESTED, two_places()).nested.prefix
    assert run.settings.nested.prefix == run.prefixes
    assert NESTED.lacks_prefix
    assert not run.settings.lacks_prefix
    assert not dataclasses.replace(NESTED, kind="clt").lacks_prefix


def test_sites_of_another_model_are_refused():
    nested = NestedSettings(sites=((1.0,),))
    with pytest.raises(SettingsError, match="1 rows of 3 are required"):
        sized(dataclasses.replace(NESTED, nested=nested), two_places())


def test_the_group_penalty_by_hand():
    samples = two_places()
    run = TrainingRun(samples, dataclasses.replace(NESTED, group_weight=1.0), ())
    (layer,), batch = run.layers, run._batch(0, run._draw(0))
    a = torch.zeros(len(batch.position), 24)
    a[:, 3] = batch.y[:, 0] * (batch.position == 1)  # varies at one site alone
    at = (batch.position == 1) & ~samples.first[run._draw(0).token]
    varies = (a[at, 3] * batch.prefix_weight[at].sqrt()).std(correction=0)
    by_hand = varies * layer.W_dec[3].norm() / 2
    torch.testing.assert_close(layer.spread(a, batch), by_hand, rtol=1e-3, atol=1e-7)


def test_the_group_penalty_leaves_fewer_features_in_use():
    used = []
    for weight in (0.0, 0.3):
        settings = TrainSettings(
            features=24, k=8, steps=200, batch=128, group_weight=weight, aux_weight=0.0
        )
        samples = two_places()
        (layer,) = train_on_samples(samples, settings, "m").transcoders
        here = samples.position == 2
        size = layer.encode(samples.x[0][here]).std(0) * layer.W_dec.norm(dim=1)
        used.append(float(size.sum().square() / size.square().sum()))
    assert used[1] < 0.6 * used[0]
