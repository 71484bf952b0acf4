"""Matching features of two models, by hand and by its invariants."""

import pytest
import torch

from core.errors import SettingsError
from core.transfer import Match, Profiles, likeness, match, shuffled
from core.transfer.matching import exchanged


def activation(layers=2, prompts=40, positions=2, features=6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(layers, prompts, positions, features, generator=generator)


def nodes(*rows):
    return torch.tensor([(0, *row) for row in rows])


def test_likeness_is_pearsons_r_where_a_pair_is_allowed():
    values = activation()
    rows = nodes((0, 0, 1), (1, 1, 3), (1, 1, 4))
    found = likeness(Profiles.of(rows, values), Profiles.of(rows, values))
    by_hand = torch.corrcoef(torch.stack([values[1, :, 1, 3], values[1, :, 1, 4]]))[0, 1]
    assert found.diagonal().tolist() == pytest.approx([1, 1, 1])
    assert float(found[1, 2]) == pytest.approx(max(float(by_hand), 0), abs=1e-6)
    assert float(found[0, 1]) == 0, "another position"


def test_a_constant_feature_is_like_nothing():
    values = activation()
    values[0, :, 0, 1] = 2.0
    one = Profiles.of(nodes((0, 0, 1)), values)
    assert float(likeness(one, one)) == 0


def test_a_permuted_dictionary_is_matched_back_one_to_one():
    values = activation(features=8)
    order = torch.randperm(8, generator=torch.Generator().manual_seed(3))
    rows = nodes(*[(layer, at, f) for layer in (0, 1) for at in (0, 1) for f in range(8)])
    found = match(Profiles.of(rows, values), Profiles.of(rows, values[..., order]))
    assert len(found.one) == len(rows)
    partner = rows[found.two][:, 3]
    assert torch.equal(order[partner], rows[found.one][:, 3])
    assert torch.equal(rows[found.two][:, 1:3], rows[found.one][:, 1:3])


def test_no_feature_is_used_twice_where_arg_max_would_use_one_for_all():
    base = activation(layers=1, positions=1, features=1)[0, :, 0, 0]
    noise = torch.rand(40, generator=torch.Generator().manual_seed(1))
    one = torch.stack([base, base + 0.1 * noise], 1)[None, :, None]
    two = torch.stack([base, noise], 1)[None, :, None]
    rows = nodes((0, 0, 0), (0, 0, 1))
    r = likeness(Profiles.of(rows, one), Profiles.of(rows, two))
    assert r.argmax(1).tolist() == [0, 0]
    found = match(Profiles.of(rows, one), Profiles.of(rows, two), least=0.0)
    assert sorted(found.two.tolist()) == [0, 1]


def test_depth_is_relative_and_a_weak_pair_is_no_pair():
    values = activation(layers=4, seed=5)
    deep = Profiles.of(nodes((3, 0, 0)), values)
    same = Profiles.of(nodes((1, 0, 0)), values[[1, 3]])  # layer 2 of 2 is as deep as 3.5 of 4
    assert len(match(deep, same).one) == 1
    shallow = Profiles.of(nodes((0, 0, 0)), values[[3, 1]])
    assert len(match(deep, shallow).one) == 0
    assert len(match(deep, same, least=1.01).one) == 0


def test_other_prompts_are_refused():
    one = Profiles.of(nodes((0, 0, 0)), activation())
    two = Profiles.of(nodes((0, 0, 0)), activation(prompts=39))
    with pytest.raises(SettingsError, match="got 40 and 39"):
        likeness(one, two)


def test_a_shuffled_partner_is_always_at_the_same_layer_and_position():
    n = 60
    one = nodes(*[(i % 4, i % 3, i) for i in range(n)])
    two = nodes(*[(i % 4 // 2, i % 3, i) for i in range(n)])  # half as many layers
    found = Match(torch.arange(n), torch.arange(n).flip(0), torch.ones(n))
    generator = torch.Generator().manual_seed(0)
    sites = set()
    for _ in range(20):
        mixed = shuffled(found, one, two, generator)
        assert sorted(mixed.two.tolist()) == sorted(found.two.tolist())
        assert torch.equal(mixed.one, found.one)
        assert torch.equal(two[mixed.two][:, 1:3], two[found.two][:, 1:3])
        assert not torch.equal(mixed.two, found.two)
        sites |= {(one[i, 1].item(), two[j, 1].item()) for i, j in zip(*mixed[:2], strict=True)}
    before = {(one[i, 1].item(), two[j, 1].item()) for i, j in zip(*found[:2], strict=True)}
    assert sites == before, "no pair of layers that the matching does not have"
    empty = Match(*(part[:0] for part in found))
    assert len(shuffled(empty, one, two, generator).two) == 0


def test_exchanging_leaves_every_row_at_its_site_and_reaches_every_order():
    site = torch.tensor([5, 2, 5, 2, 5, 9])
    generator = torch.Generator().manual_seed(0)
    seen = set()
    for _ in range(200):
        order = exchanged(site, generator)
        assert sorted(order.tolist()) == list(range(6))
        assert torch.equal(site[order], site)
        seen.add(tuple(order.tolist()))
    assert len(seen) == 6 * 2
