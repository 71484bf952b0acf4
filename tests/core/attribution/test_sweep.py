"""The sweep gives one matrix, wherever the waves meet and however the targets are cut up."""

import pytest
import torch

from core.attribution import AttributionSettings, sweep
from core.attribution.ends import Readers, active_features, errors, writers
from core.attribution.frozen import freeze
from core.attribution.matmul import linear
from core.attribution.select import partial_influence, select_features
from core.attribution.sweep import best_boundary, direct_effects
from core.attribution.targets import SALIENT, choose_targets
from tests.tiny import KINDS, tiny_model, tiny_transcoders

IDS = torch.tensor([1, 4, 5, 9, 7, 3])


def both_ends(kind, *, skip=True, kept=None):
    model = tiny_model(kind, layers=4)
    transcoders = tiny_transcoders(model, skip=skip)
    frozen = freeze(model, transcoders, IDS)
    active = active_features(frozen)
    sources = writers(frozen, active, errors(frozen, active), kept)
    targets = choose_targets(model, frozen.trace.logits[0, -1], SALIENT)
    return Readers(frozen=frozen, features=sources.features, targets=targets), sources


def gap(got, want):
    return float(((got - want).abs().amax(1) / want.abs().amax(1)).max())


@pytest.mark.parametrize("kept", [None, torch.arange(0, 60, 4)])
@pytest.mark.parametrize("kind", KINDS)
def test_every_boundary_gives_the_same_effects(kind, kept):
    readers, sources = both_ends(kind, kept=kept)
    top_down = direct_effects(readers, sources, boundary=0)
    for boundary in range(1, 5):
        assert gap(direct_effects(readers, sources, boundary=boundary), top_down) < 1e-5


@pytest.mark.parametrize("kind", KINDS)
def test_small_chunks_give_the_same_effects(kind, monkeypatch):
    readers, sources = both_ends(kind)
    whole = direct_effects(readers, sources, boundary=1)
    monkeypatch.setattr(sweep, "BYTES_PER_MB", 16 * 4 * 20)  # room for 20 vectors
    assert len(list(sweep._chunks(readers, 1, 10))) > 5
    assert gap(direct_effects(readers, sources, boundary=1, memory_mb=1), whole) < 1e-5


def test_a_tight_memory_limit_keeps_the_boundary_low():
    readers, sources = both_ends("gpt2")
    assert best_boundary(readers, sources, limit=10**9) > 0
    assert best_boundary(readers, sources, limit=1) == 0


def test_linear_equals_the_matrix_product():
    torch.manual_seed(0)
    for rows in (1, 2, 33):
        x, weight = torch.randn(rows, 24), torch.randn(7, 24)
        torch.testing.assert_close(linear(x, weight), x @ weight.T)
        torch.testing.assert_close(
            linear(x.double(), weight.double()), x.double() @ weight.T.double()
        )


def whole_rows(readers, sources):
    """Rows of all features and targets, constants left out."""
    return direct_effects(readers, sources, boundary=0)[:, : sources.first_bias]


def test_selection_in_one_round_takes_the_largest_share_of_the_logits():
    readers, sources = both_ends("gpt2")
    settings = AttributionSettings(max_feature_nodes=15)
    kept = select_features(
        sources.frozen, sources.features, sources.error, readers.targets, settings
    )
    rows = whole_rows(readers, sources)[len(sources.features) :].abs()
    shares = readers.targets.weight @ (rows / rows.sum(1, keepdim=True))
    best = shares[: len(sources.features)].topk(15).indices.sort().values
    assert torch.equal(kept, best)


def test_selection_in_rounds_is_the_greedy_choice():
    """Against the definition: rank by influence through the rows known, add the best, repeat."""
    readers, sources = both_ends("llama")
    n, size = len(sources.features), 4
    settings = AttributionSettings(max_feature_nodes=12, features_per_round=size)
    kept = select_features(
        sources.frozen, sources.features, sources.error, readers.targets, settings
    )
    matrix = whole_rows(readers, sources).abs()
    shares = matrix / matrix.sum(1, keepdim=True)
    want: list[int] = []
    for _ in range(3):
        known = torch.zeros(n, shares.shape[1])
        known[want] = shares[want]
        flow = readers.targets.weight @ shares[n:]
        total = flow.clone()
        for _ in range(6):
            flow = flow[:n] @ known
            total += flow
        total[want] = -1
        want += total[:n].topk(size).indices.tolist()
    assert kept.tolist() == sorted(want)


def test_partial_influence_of_all_rows_is_the_neumann_series():
    readers, sources = both_ends("neox-serial")
    rows, n = whole_rows(readers, sources), len(sources.features)
    got = partial_influence(sources, torch.arange(n), rows, readers.targets)
    shares = rows.abs() / rows.abs().sum(1, keepdim=True)
    flow = readers.targets.weight @ shares[n:]
    want = torch.zeros_like(flow)
    for _ in range(6):
        want += flow
        flow = flow[:n] @ shares[:n]
    torch.testing.assert_close(got, want[:n])
