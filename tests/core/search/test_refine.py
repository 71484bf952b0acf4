"""Gates: exactly the size asked for, better than where they started, repeatable, cancellable."""

import pytest
import torch
from torch import Tensor

from core.errors import SettingsError
from core.search import RefineSettings, SearchProgress, refine

N = 40
PLANTED = torch.arange(3, N, 5)


def planted_loss(mask: Tensor) -> Tensor:
    """0 if every planted node is live, 1 if none is."""
    return (1 - mask[PLANTED]).mean()


def noisy_scores() -> Tensor:
    noise = torch.rand(N, generator=torch.Generator().manual_seed(0))
    return noise + torch.zeros(N).index_fill(0, PLANTED, 0.5)


@pytest.mark.parametrize("size", [1, 8, 39, 40])
def test_exactly_the_size_asked_for(size: int) -> None:
    found = refine(planted_loss, size, noisy_scores(), RefineSettings(steps=20))
    assert len(found.chosen) == len(torch.unique(found.chosen)) == size


def test_the_planted_circuit_replaces_a_wrong_start() -> None:
    scores = noisy_scores()
    start = set(torch.topk(scores, 8).indices.tolist())
    assert start != set(PLANTED.tolist())
    found = refine(planted_loss, 8, scores)
    assert set(found.chosen.tolist()) == set(PLANTED.tolist())
    # The multipliers hold the expected number of open nodes near the size.
    assert float(found.probability.sum()) == pytest.approx(8, abs=1.5)


def test_redundant_nodes_are_kept_once() -> None:
    # Gradients at the full mask say nothing between 0 and 1: either is enough.
    def loss(mask: Tensor) -> Tensor:
        return 1 - 0.5 * torch.maximum(mask[0], mask[1]) - 0.5 * mask[2]

    found = refine(loss, 2, torch.tensor([1.0, 0.9, 0.1, 0.0, 0.0]))
    assert set(found.chosen.tolist()) in ({0, 2}, {1, 2})


def test_what_is_no_candidate_is_never_live() -> None:
    candidates = torch.arange(0, N, 2)

    def loss(mask: Tensor) -> Tensor:
        assert not mask[1::2].any()
        return planted_loss(mask)

    settings = RefineSettings(steps=30)
    found = refine(loss, 5, noisy_scores(), settings, candidates=candidates)
    assert set(found.chosen.tolist()) <= set(candidates.tolist())
    assert not found.probability[1::2].any()


def test_the_same_seed_gives_the_same_gates() -> None:
    settings = RefineSettings(steps=30)
    first, again = (refine(planted_loss, 8, noisy_scores(), settings) for _ in range(2))
    assert torch.equal(first.probability, again.probability)
    other = refine(planted_loss, 8, noisy_scores(), RefineSettings(steps=30, seed=1))
    assert not torch.equal(first.probability, other.probability)


def test_it_works_where_gradients_are_off() -> None:
    with torch.no_grad():
        assert len(refine(planted_loss, 3, noisy_scores(), RefineSettings(steps=5)).chosen) == 3


def test_progress_counts_steps_and_may_cancel() -> None:
    seen: list[SearchProgress] = []
    refine(planted_loss, 3, noisy_scores(), RefineSettings(steps=5), progress=seen.append)
    assert [(p.done, p.total) for p in seen] == [(i, 5) for i in range(1, 6)]

    def cancel(progress: SearchProgress) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        refine(planted_loss, 3, noisy_scores(), progress=cancel)


def test_impossible_requests_are_refused() -> None:
    for size in (0, N + 1):
        with pytest.raises(SettingsError, match="size is out of range"):
            refine(planted_loss, size, noisy_scores())
    with pytest.raises(SettingsError, match="scores are not finite"):
        refine(planted_loss, 3, noisy_scores() * torch.inf)
    with pytest.raises(SettingsError, match="Refinement settings"):
        RefineSettings(steps=0)
